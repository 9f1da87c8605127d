//! How the peers of a swarm can be reached: what an announce reads of all the peers but its own.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::peer::Peer;
use crate::announce::{Addresses, Connection, Endpoint, WebPeer};

/// The endpoints of the peers of a swarm by slot, each kind in a column of its own.
///
/// An announce lists fifty peers from anywhere in the swarm. Six bytes a peer that lie side by
/// side are soon found, be they few of their kind among many of another; a `Peer` each would be
/// a cache miss each, which was half of what an announce cost.
#[derive(Debug, Default)]
pub(super) struct Roster {
    v4: Column<Endpoint<Ipv4Addr>>,
    v6: Column<Endpoint<Ipv6Addr>>,
    web: Column<Connection>,
}

impl Roster {
    /// Takes over how the peer in a slot can be reached, if there is one.
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
        own: &Addresses,
        wanted: usize,
    ) -> Vec<Endpoint<Ipv4Addr>> {
        self.v4.list(slots, own.v4, wanted)
    }

    /// Up to `wanted` of the IPv6 endpoints in `slots`.
    pub(super) fn list_v6(
        &self,
        slots: impl Iterator<Item = usize>,
        own: &Addresses,
        wanted: usize,
    ) -> Vec<Endpoint<Ipv6Addr>> {
        self.v6.list(slots, own.v6, wanted)
    }

    /// Up to `wanted` of the connections in `slots`.
    pub(super) fn list_web(
        &self,
        slots: impl Iterator<Item = usize>,
        own: Option<Connection>,
        wanted: usize,
    ) -> Vec<Connection> {
        self.web.list(slots, own, wanted)
    }

    /// The addresses in a slot as they are listed to a peer that has `own`: without what would
    /// point it to itself, as a predecessor on the same port does.
    pub(super) fn addresses(&self, slot: usize, own: &Addresses) -> Option<Addresses> {
        let v4 = self.v4.get(slot).filter(|it| own.v4 != Some(*it));
        let v6 = self.v6.get(slot).filter(|it| own.v6 != Some(*it));
        (v4.is_some() || v6.is_some()).then_some(Addresses { v4, v6 })
    }

    /// Whether no peer ever had an IPv6 address.
    pub(super) fn is_all_v4(&self) -> bool {
        self.v6.0.is_empty()
    }
}

/// A value for some of the slots. It takes no memory until there is one.
#[derive(Debug)]
struct Column<T>(Vec<Option<T>>);

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + PartialEq> Column<T> {
    /// Up to `wanted` of the values in `slots`, but for `own`.
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
            if slot == 0 {
                // As for the slots themselves: most swarms are of one peer.
                self.0.reserve_exact(1);
            }
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = value;
    }
}
