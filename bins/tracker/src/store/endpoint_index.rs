//! Finds the peer of a swarm at an endpoint.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{Ipv4Addr, Ipv6Addr},
};

use hashbrown::DefaultHashBuilder;

use super::endpoints::Endpoints;
use crate::messages::{Addresses, Endpoint};

/// Swarms of up to this many slots have no index: it is as quick to look at each of their peers, and
/// most swarms of a big tracker are of one peer.
const UNINDEXED: usize = 32;

/// The slots of a swarm by endpoint. No two peers of a swarm have the same endpoint.
#[derive(Debug, Default)]
pub(super) struct EndpointIndex(Option<Box<Maps>>);

#[derive(Debug, Default)]
struct Maps {
    v4: HashMap<Endpoint<Ipv4Addr>, u32, DefaultHashBuilder>,
    v6: HashMap<Endpoint<Ipv6Addr>, u32, DefaultHashBuilder>,
}

impl EndpointIndex {
    /// A slot other than `own` that has one of these endpoints.
    pub(super) fn other(
        &self,
        endpoints: &Endpoints,
        addresses: &Addresses,
        own: usize,
    ) -> Option<usize> {
        let found = match &self.0 {
            Some(maps) => [get(&maps.v4, addresses.v4), get(&maps.v6, addresses.v6)],
            None => [
                addresses.v4.and_then(|endpoint| endpoints.find_v4(endpoint, own)),
                addresses.v6.and_then(|endpoint| endpoints.find_v6(endpoint, own)),
            ],
        };
        found.into_iter().flatten().find(|&slot| slot != own)
    }

    /// Records that the endpoints of a slot have changed; `slots` is the number of slots.
    pub(super) fn change(&mut self, slot: usize, slots: usize, old: &Addresses, new: &Addresses) {
        if old == new {
            return;
        }
        if self.0.is_none() && slots <= UNINDEXED {
            return;
        }
        let maps = self.0.get_or_insert_default();
        replace(&mut maps.v4, slot, old.v4, new.v4);
        replace(&mut maps.v6, slot, old.v6, new.v6);
    }

    /// Whether a swarm of this many slots wants an index and has none.
    pub(super) fn is_missing(&self, slots: usize) -> bool {
        self.0.is_none() && slots > UNINDEXED
    }
}

fn get<A: Hash + Eq + Copy>(
    map: &HashMap<Endpoint<A>, u32, DefaultHashBuilder>,
    endpoint: Option<Endpoint<A>>,
) -> Option<usize> {
    map.get(&endpoint?).map(|&slot| slot as usize)
}

fn replace<A: Hash + Eq + Copy>(
    map: &mut HashMap<Endpoint<A>, u32, DefaultHashBuilder>,
    slot: usize,
    old: Option<Endpoint<A>>,
    new: Option<Endpoint<A>>,
) {
    if old == new {
        return;
    }
    let slot = u32::try_from(slot).expect("four thousand million peers do not fit in memory");
    if let Some(old) = old
        && map.get(&old) == Some(&slot)
    {
        map.remove(&old);
    }
    if let Some(new) = new {
        map.insert(new, slot);
    }
}
