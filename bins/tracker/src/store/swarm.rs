//! The peers of one torrent.

use std::{hash::BuildHasher as _, time::Duration};

use fastrand::Rng;
use hashbrown::{DefaultHashBuilder, HashTable};
use seedbed_metainfo::PeerId;

use super::{
    PeerOrder,
    peer::{Census, Peer},
    roster::Roster,
};
use crate::{
    announce::{AnnounceRequest, Connection, Event, Families, Listing, SwarmCounts},
    clock::Moment,
};

/// The peers of one torrent, in the order in which they came.
///
/// A peer that leaves leaves a vacant slot behind; once more slots are vacant than taken they are
/// closed up. So removal takes constant time on average, the order never changes, and a
/// slot picked at random is a peer at least every other time.
#[derive(Debug)]
pub(super) struct Swarm {
    slots: Vec<Option<Peer>>,
    roster: Roster,
    /// Slots by peer id.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    census: Census,
    downloaded: u32,
    /// No address of any peer was announced before this, so that none can be stale for as long
    /// after it as it takes to become so.
    stalest: Moment,
    last_announce: Moment,
    rng: Rng,
}

impl Swarm {
    pub(super) fn new(rng: Rng, now: Moment) -> Self {
        Self {
            slots: Vec::new(),
            roster: Roster::default(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            census: Census::default(),
            downloaded: 0,
            stalest: now,
            last_announce: now,
            rng,
        }
    }

    pub(super) fn census(&self) -> Census {
        self.census
    }

    pub(super) fn counts(&self) -> SwarmCounts {
        let Census { peers, seeders, .. } = self.census;
        SwarmCounts { complete: seeders, incomplete: peers - seeders, downloaded: self.downloaded }
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().flatten()
    }

    /// Whether nobody is in it, nor was for `expire_after`.
    pub(super) fn is_abandoned(&self, now: Moment, expire_after: Duration) -> bool {
        self.census.peers == 0 && now.since(self.last_announce) > expire_after
    }

    /// Takes an announce in, and lists up to `wanted` other peers.
    pub(super) fn announce(
        &mut self,
        request: &AnnounceRequest,
        wanted: u32,
        order: PeerOrder,
        now: Moment,
    ) -> Listing {
        self.last_announce = now;
        if request.event == Event::Stopped {
            if let Some(slot) = self.find(&request.peer_id) {
                self.remove(slot);
            }
            return Listing::default();
        }
        let slot = match self.find(&request.peer_id) {
            Some(slot) => slot,
            None => self.insert(Peer::new(request, now)),
        };
        self.update(slot, request, now);
        self.list(slot, request, wanted, order)
    }

    /// The connection of a WebTorrent peer.
    pub(super) fn connection(&self, id: &PeerId) -> Option<Connection> {
        let peer = self.slots.get(self.find(id)?)?.as_ref()?;
        Some(peer.web()?.connection)
    }

    /// Takes a peer out that was behind a WebSocket which is closed, unless it is there by other
    /// ways too.
    pub(super) fn disconnect(&mut self, id: &PeerId, connection: Connection) {
        if let Some(slot) = self.find(id)
            && self.change(slot, |peer| peer.disconnect(connection)).is_none()
        {
            self.remove(slot);
        }
    }

    /// Drops every peer that has been silent for longer than `expire_after`.
    pub(super) fn expire(&mut self, now: Moment, expire_after: Duration) {
        if now.since(self.stalest) <= expire_after {
            return;
        }
        self.stalest = now;
        for slot in (0..self.slots.len()).rev() {
            // From the last to the first: closing up moves nothing to where it would be missed.
            if self.slots.get(slot).is_none_or(Option::is_none) {
                continue;
            }
            match self.change(slot, |peer| peer.forget_stale(now, expire_after)) {
                Some(at) => self.stalest = self.stalest.min(at),
                None => self.remove(slot),
            }
        }
    }

    fn find(&self, id: &PeerId) -> Option<usize> {
        let is_it = |&slot: &u32| self.slots[slot as usize].as_ref().is_some_and(|p| p.id == *id);
        self.index.find(self.hasher.hash_one(id), is_it).map(|&slot| slot as usize)
    }

    fn insert(&mut self, peer: Peer) -> usize {
        let slot = self.slots.len();
        self.census += Census::from(&peer);
        if slot == 0 {
            // Most swarms of a big tracker are of one peer, and stay so.
            self.slots.reserve_exact(1);
        }
        self.slots.push(Some(peer));
        self.enter(slot);
        slot
    }

    fn update(&mut self, slot: usize, request: &AnnounceRequest, now: Moment) {
        let mut completed = false;
        self.change(slot, |peer| {
            peer.update(request, now);
            completed = request.event == Event::Completed && !peer.completed;
            peer.completed |= completed;
        });
        self.downloaded = self.downloaded.saturating_add(completed.into());
    }

    /// Changes the peer in a slot, and gives when the stalest of its endpoints was announced.
    fn change(&mut self, slot: usize, change: impl FnOnce(&mut Peer)) -> Option<Moment> {
        let peer = self.slots.get_mut(slot)?.as_mut()?;
        self.census -= Census::from(&*peer);
        change(peer);
        self.census += Census::from(&*peer);
        self.roster.set(slot, Some(peer));
        peer.stalest()
    }

    fn enter(&mut self, slot: usize) {
        let Self { slots, index, hasher, .. } = self;
        let hash =
            |&slot: &u32| slots[slot as usize].as_ref().map_or(0, |peer| hasher.hash_one(peer.id));
        let slot = u32::try_from(slot).expect("four thousand million peers do not fit in memory");
        index.insert_unique(hash(&slot), slot, hash);
    }

    fn remove(&mut self, slot: usize) {
        let Some(peer) = self.slots[slot].take() else { return };
        self.roster.set(slot, None);
        self.census -= Census::from(&peer);
        let hash = self.hasher.hash_one(peer.id);
        if let Ok(entry) = self.index.find_entry(hash, |&taken| taken as usize == slot) {
            entry.remove();
        }
        if self.slots.len() > 2 * self.index.len() {
            self.close_up();
        }
    }

    fn close_up(&mut self) {
        self.slots.retain(Option::is_some);
        self.slots.shrink_to(2 * self.slots.len());
        self.roster = Roster::default();
        self.index = HashTable::with_capacity(self.slots.len());
        for slot in 0..self.slots.len() {
            self.roster.set(slot, self.slots[slot].as_ref());
            self.enter(slot);
        }
    }

    /// Lists up to `wanted` peers other than that in slot `own`.
    fn list(
        &mut self,
        own: usize,
        request: &AnnounceRequest,
        wanted: u32,
        order: PeerOrder,
    ) -> Listing {
        let mut others = self.census;
        if let Some(peer) = &self.slots[own] {
            others -= Census::from(peer);
        }
        let wanted = wanted.min(others.of(request.families)) as usize;
        let slots = self.walk(own, order);
        let Self { slots: peers, roster, .. } = self;
        let of_both = |slot| Some((slot, roster.addresses(slot, &request.addresses)?));
        let (v4, v6) = match request.families {
            Families::Web => {
                let own = request.web.map(|web| web.connection);
                return Listing::Connections(roster.list_web(slots, own, wanted));
            }
            Families::Both if request.peer_ids => {
                let named =
                    |(slot, addresses): (usize, _)| Some((peers[slot].as_ref()?.id, addresses));
                let listed = slots.filter_map(of_both).filter_map(named).take(wanted);
                return Listing::Peers(listed.collect());
            }
            Families::Both if !roster.is_all_v4() => {
                let listed = slots.filter_map(of_both).take(wanted);
                let (v4, v6): (Vec<_>, Vec<_>) = listed.map(|(_, it)| (it.v4, it.v6)).unzip();
                (v4.into_iter().flatten().collect(), v6.into_iter().flatten().collect())
            }
            Families::Both | Families::V4 => {
                (roster.list_v4(slots, &request.addresses, wanted), Vec::new())
            }
            Families::V6 => (Vec::new(), roster.list_v6(slots, &request.addresses, wanted)),
        };
        Listing::Addresses { v4, v6 }
    }

    /// Every slot but `own`, in the order in which they are to be listed.
    fn walk(&mut self, own: usize, order: PeerOrder) -> impl Iterator<Item = usize> + use<> {
        let slots = self.slots.len();
        let (mut slot, stride) = match order {
            PeerOrder::Insertion => (0, 1),
            PeerOrder::Random => (self.rng.usize(..slots), coprime(slots, &mut self.rng)),
        };
        let step = move |_| {
            let this = slot;
            slot += stride;
            if slot >= slots {
                slot -= slots;
            }
            this
        };
        (0..slots).map(step).filter(move |&slot| slot != own)
    }
}

/// A random stride by which a walk over `slots` slots comes to each of them once.
fn coprime(slots: usize, rng: &mut Rng) -> usize {
    loop {
        let stride = rng.usize(1..=slots);
        let (mut a, mut b) = (slots, stride);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        if a == 1 {
            return stride;
        }
    }
}
