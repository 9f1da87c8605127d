//! How the peers of a swarm can be reached: what an announce reads of every peer but its own.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::peer::Peer;
use crate::messages::{Addresses, ConnectionNumber, Endpoint, WebPeer};

/// The endpoints of the peers of a swarm by slot, each kind in a column of its own.
///
/// An announce lists fifty peers from anywhere in the swarm. In a column, six bytes of each peer lie
/// side by side, which is quick to read even if few peers of a swarm are of the kind. Reading fifty
/// `Peer`s would be as many cache misses, which was half the cost of an announce.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    v4: Column<Endpoint<Ipv4Addr>>,
    v6: Column<Endpoint<Ipv6Addr>>,
    web: Column<ConnectionNumber>,
}

impl Endpoints {
    pub(super) fn of(slots: &[Option<Peer>]) -> Self {
        let mut endpoints = Self::default();
        for (slot, peer) in slots.iter().enumerate() {
            endpoints.set(slot, peer.as_ref());
        }
        endpoints
    }

    /// Sets the endpoints of a slot to those of its peer.
    pub(super) fn set(&mut self, slot: usize, peer: Option<&Peer>) {
        let Addresses { v4, v6 } = peer.map(Peer::addresses).unwrap_or_default();
        self.v4.set(slot, v4);
        self.v6.set(slot, v6);
        let web = peer.and_then(Peer::web);
        self.web.set(slot, web.map(|WebPeer { connection, .. }| connection));
    }

    /// Up to `wanted` of the IPv4 endpoints in `slots`.
    pub(super) fn list_v4(
        &self,
        slots: impl Iterator<Item = usize>,
        wanted: usize,
    ) -> Vec<Endpoint<Ipv4Addr>> {
        self.v4.list(slots, None, wanted)
    }

    /// Up to `wanted` of the IPv6 endpoints in `slots`.
    pub(super) fn list_v6(
        &self,
        slots: impl Iterator<Item = usize>,
        wanted: usize,
    ) -> Vec<Endpoint<Ipv6Addr>> {
        self.v6.list(slots, None, wanted)
    }

    /// Up to `wanted` of the connections in `slots`, `own` excepted: several peers can be behind one.
    pub(super) fn list_web(
        &self,
        slots: impl Iterator<Item = usize>,
        own: Option<ConnectionNumber>,
        wanted: usize,
    ) -> Vec<ConnectionNumber> {
        self.web.list(slots, own, wanted)
    }

    /// The addresses in a slot; `None` if it has none.
    pub(super) fn addresses(&self, slot: usize) -> Option<Addresses> {
        let (v4, v6) = (self.v4.get(slot), self.v6.get(slot));
        (v4.is_some() || v6.is_some()).then_some(Addresses { v4, v6 })
    }

    /// Whether no peer ever had an IPv6 address.
    pub(super) fn is_all_v4(&self) -> bool {
        self.v6.0.is_empty()
    }
}

/// A value for some of the slots. A column without values takes no memory.
#[derive(Debug)]
struct Column<T>(Vec<Option<T>>);

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + PartialEq> Column<T> {
    /// Up to `wanted` of the values in `slots`, `own` excepted.
    fn list(&self, slots: impl Iterator<Item = usize>, own: Option<T>, wanted: usize) -> Vec<T> {
        let mut list = Vec::with_capacity(wanted);
        if wanted == 0 {
            return list;
        }
        for slot in slots {
            if let Some(value) = self.get(slot)
                && own != Some(value)
            {
                list.push(value);
                if list.len() == wanted {
                    break;
                }
            }
        }
        list
    }

    fn get(&self, slot: usize) -> Option<T> {
        self.0.get(slot).copied().flatten()
    }

    fn set(&mut self, slot: usize, value: Option<T>) {
        if slot >= self.0.len() {
            if value.is_none() {
                return;
            }
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = value;
    }
}
