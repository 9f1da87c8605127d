//! The peers of one torrent.

use std::time::Duration;

use fastrand::Rng;
use seedbed_metainfo::PeerId;
use smallvec::SmallVec;

use super::{
    PeerOrder,
    endpoints::Endpoints,
    index::Index,
    peer::{Census, Peer},
};
use crate::{
    clock::Moment,
    messages::{
        Addresses, AnnounceRequest, ConnectionNumber, Event, Families, Listing, SwarmCounts,
    },
};

/// Swarms of up to this many slots have no index: it is as quick to look at each of their peers.
const SMALL: usize = 16;

/// The peers of one torrent, in the order in which they joined.
///
/// A peer that leaves makes its slot vacant. Once more slots are vacant than taken, the swarm closes the
/// gaps. So removal takes constant time on average, the order never changes, and at least every other
/// slot holds a peer.
///
/// An endpoint belongs to the peer that announced it last: a client that restarts under another peer id
/// replaces its former self.
///
/// Most swarms of a big tracker are of one peer. Such a swarm allocates nothing, so that all its memory
/// is in the table of swarms, which goes back to the system when it shrinks.
#[derive(Debug)]
pub(super) struct Swarm {
    slots: SmallVec<[Option<Peer>; 1]>,
    /// Present if there are more than [`SMALL`] slots.
    index: Option<Box<Index>>,
    census: Census,
    downloaded: u32,
    /// No endpoint was announced before this, so that none expires until the time to live has passed.
    oldest_announce: Moment,
    last_announce: Moment,
    rng: Rng,
}

impl Swarm {
    pub(super) fn new(rng: Rng, now: Moment) -> Self {
        Self {
            slots: SmallVec::new(),
            index: None,
            census: Census::default(),
            downloaded: 0,
            oldest_announce: now,
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

    /// Whether it has no peers and had no announce for `time_to_live`.
    pub(super) fn is_abandoned(&self, now: Moment, time_to_live: Duration) -> bool {
        self.census.peers == 0 && now.since(self.last_announce) > time_to_live
    }

    /// Records an announce, and lists up to `wanted` other peers.
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
        let slot = self.take_endpoints(slot, &request.addresses);
        self.update(slot, request, now);
        self.list(slot, request, wanted, order)
    }

    /// The connection of a WebTorrent peer.
    pub(super) fn connection(&self, id: &PeerId) -> Option<ConnectionNumber> {
        let peer = self.slots.get(self.find(id)?)?.as_ref()?;
        Some(peer.web()?.connection)
    }

    /// Removes a peer whose WebSocket is closed, unless it has an address too.
    pub(super) fn disconnect(&mut self, id: &PeerId, connection: ConnectionNumber) {
        if let Some(slot) = self.find(id)
            && self.change(slot, |peer| peer.disconnect(connection)).is_none()
        {
            self.remove(slot);
        }
    }

    /// Removes every peer that has been silent for longer than `time_to_live`.
    pub(super) fn expire(&mut self, now: Moment, time_to_live: Duration) {
        if now.since(self.oldest_announce) <= time_to_live {
            return;
        }
        self.oldest_announce = now;
        for slot in (0..self.slots.len()).rev() {
            // From the last to the first, so that closing gaps moves no peer past this loop.
            if self.slots.get(slot).is_none_or(Option::is_none) {
                continue;
            }
            match self.change(slot, |peer| peer.expire(now, time_to_live)) {
                Some(at) => self.oldest_announce = self.oldest_announce.min(at),
                None => self.remove(slot),
            }
        }
    }

    fn find(&self, id: &PeerId) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(&self.slots, id),
            None => self.slots.iter().position(|slot| slot.as_ref().is_some_and(|it| it.id == *id)),
        }
    }

    /// A slot other than `own` that has one of these addresses.
    fn find_address(&self, addresses: &Addresses, own: usize) -> Option<usize> {
        if let Some(index) = &self.index {
            return index.find_address(addresses, own);
        }
        self.slots.iter().enumerate().find_map(|(slot, peer)| {
            let known = peer.as_ref()?.addresses();
            let same_v4 = addresses.v4.is_some() && known.v4 == addresses.v4;
            let same_v6 = addresses.v6.is_some() && known.v6 == addresses.v6;
            (slot != own && (same_v4 || same_v6)).then_some(slot)
        })
    }

    fn insert(&mut self, peer: Peer) -> usize {
        let slot = self.slots.len();
        self.census += Census::from(&peer);
        self.slots.push(Some(peer));
        match &mut self.index {
            Some(index) => index.insert(&self.slots, slot),
            None => self.index = Self::index_of(&self.slots),
        }
        slot
    }

    /// The index of the swarm, unless it is small.
    fn index_of(slots: &[Option<Peer>]) -> Option<Box<Index>> {
        (slots.len() > SMALL).then(|| Box::new(Index::of(slots)))
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

    /// Takes the endpoints that the peer in a slot announces away from other peers, and removes those
    /// that have none left. Returns the slot, which can have moved.
    fn take_endpoints(&mut self, slot: usize, addresses: &Addresses) -> usize {
        let unchanged = self.slots[slot].as_ref().is_some_and(|peer| {
            let known = peer.addresses();
            addresses.v4.is_none_or(|it| known.v4 == Some(it))
                && addresses.v6.is_none_or(|it| known.v6 == Some(it))
        });
        if unchanged {
            return slot;
        }
        let mut slot = slot;
        while let Some(other) = self.find_address(addresses, slot) {
            if self.change(other, |peer| peer.lose(addresses)).is_none() {
                let id = self.slots[slot].as_ref().map(|peer| peer.id);
                self.remove(other);
                // The removal can have closed gaps.
                slot = id.and_then(|id| self.find(&id)).unwrap_or(slot);
            }
        }
        slot
    }

    /// Changes the peer in a slot. Returns when the oldest of its endpoints was announced; `None` if it
    /// has none.
    fn change(&mut self, slot: usize, change: impl FnOnce(&mut Peer)) -> Option<Moment> {
        let peer = self.slots.get_mut(slot)?.as_mut()?;
        let old = peer.addresses();
        self.census -= Census::from(&*peer);
        change(peer);
        self.census += Census::from(&*peer);
        if let Some(index) = &mut self.index {
            index.change(slot, &old, peer);
        }
        peer.oldest_announce()
    }

    fn remove(&mut self, slot: usize) {
        let Some(peer) = self.slots[slot].take() else { return };
        self.census -= Census::from(&peer);
        if let Some(index) = &mut self.index {
            index.remove(slot, &peer);
        }
        if self.slots.len() > 2 * self.census.peers as usize {
            self.close_gaps();
        }
    }

    fn close_gaps(&mut self) {
        self.slots.retain(|slot| slot.is_some());
        self.slots.shrink_to_fit();
        self.index = Self::index_of(&self.slots);
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
        let Self { slots: peers, index, .. } = self;
        let of_small;
        let endpoints = match index {
            Some(index) => index.endpoints(),
            None => {
                of_small = if wanted == 0 { Endpoints::default() } else { Endpoints::of(peers) };
                &of_small
            }
        };
        let of_both = |slot| Some((slot, endpoints.addresses(slot)?));
        let (v4, v6) = match request.families {
            Families::Web => {
                let own = request.web.map(|web| web.connection);
                return Listing::Connections(endpoints.list_web(slots, own, wanted));
            }
            Families::Both if request.peer_ids => {
                let named =
                    |(slot, addresses): (usize, _)| Some((peers[slot].as_ref()?.id, addresses));
                let listed = slots.filter_map(of_both).filter_map(named).take(wanted);
                return Listing::Peers(listed.collect());
            }
            Families::Both if !endpoints.is_all_v4() => {
                let listed = slots.filter_map(of_both).take(wanted);
                let (v4, v6): (Vec<_>, Vec<_>) = listed.map(|(_, it)| (it.v4, it.v6)).unzip();
                (v4.into_iter().flatten().collect(), v6.into_iter().flatten().collect())
            }
            Families::Both | Families::V4 => (endpoints.list_v4(slots, wanted), Vec::new()),
            Families::V6 => (Vec::new(), endpoints.list_v6(slots, wanted)),
        };
        Listing::Addresses { v4, v6 }
    }

    /// Every slot but `own`, in the order of the listing.
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

/// A random stride with which a walk over `slots` slots visits each of them once.
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
