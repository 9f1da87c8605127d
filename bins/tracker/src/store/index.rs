//! Finds the peers of a big swarm by id and by address.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash},
    net::{Ipv4Addr, Ipv6Addr},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use seedbed_metainfo::PeerId;

use super::{endpoints::Endpoints, peer::Peer};
use crate::messages::{Addresses, Endpoint};

/// The slots of a swarm by peer id and by address, and the endpoints by slot.
#[derive(Debug, Default)]
pub(super) struct Index {
    endpoints: Endpoints,
    by_id: HashTable<u32>,
    by_v4: HashMap<Endpoint<Ipv4Addr>, u32, DefaultHashBuilder>,
    by_v6: HashMap<Endpoint<Ipv6Addr>, u32, DefaultHashBuilder>,
    hasher: DefaultHashBuilder,
}

impl Index {
    pub(super) fn of(slots: &[Option<Peer>]) -> Self {
        let mut index = Self { by_id: HashTable::with_capacity(slots.len()), ..Self::default() };
        for slot in 0..slots.len() {
            index.insert(slots, slot);
        }
        index
    }

    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub(super) fn find(&self, slots: &[Option<Peer>], id: &PeerId) -> Option<usize> {
        let is_it = |&slot: &u32| slots[slot as usize].as_ref().is_some_and(|it| it.id == *id);
        self.by_id.find(self.hasher.hash_one(id), is_it).map(|&slot| slot as usize)
    }

    /// A slot other than `own` that has one of these addresses.
    pub(super) fn find_address(&self, addresses: &Addresses, own: usize) -> Option<usize> {
        let v4 = addresses.v4.and_then(|endpoint| self.by_v4.get(&endpoint));
        let v6 = addresses.v6.and_then(|endpoint| self.by_v6.get(&endpoint));
        v4.into_iter().chain(v6).map(|&slot| slot as usize).find(|&slot| slot != own)
    }

    /// Adds the peer in a slot.
    pub(super) fn insert(&mut self, slots: &[Option<Peer>], slot: usize) {
        let Some(peer) = &slots[slot] else { return };
        self.change(slot, &Addresses::default(), peer);
        let Self { by_id, hasher, .. } = self;
        let hash =
            |&slot: &u32| slots[slot as usize].as_ref().map_or(0, |peer| hasher.hash_one(peer.id));
        let slot = number(slot);
        by_id.insert_unique(hash(&slot), slot, hash);
    }

    /// Records the endpoints of the peer in a slot, which had the addresses `old`.
    pub(super) fn change(&mut self, slot: usize, old: &Addresses, peer: &Peer) {
        self.endpoints.set(slot, Some(peer));
        let new = peer.addresses();
        replace(&mut self.by_v4, slot, old.v4, new.v4);
        replace(&mut self.by_v6, slot, old.v6, new.v6);
    }

    /// Removes the peer that was in a slot.
    pub(super) fn remove(&mut self, slot: usize, peer: &Peer) {
        self.endpoints.set(slot, None);
        let old = peer.addresses();
        replace(&mut self.by_v4, slot, old.v4, None);
        replace(&mut self.by_v6, slot, old.v6, None);
        let hash = self.hasher.hash_one(peer.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |&it| it as usize == slot) {
            entry.remove();
        }
    }
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
    if let Some(old) = old
        && map.get(&old) == Some(&number(slot))
    {
        map.remove(&old);
    }
    if let Some(new) = new {
        map.insert(new, number(slot));
    }
}

fn number(slot: usize) -> u32 {
    u32::try_from(slot).expect("four thousand million peers do not fit in memory")
}
