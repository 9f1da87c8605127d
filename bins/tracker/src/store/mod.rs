//! The swarms of all torrents, for every transport.
//!
//! The store has no sockets and no clock: time is a parameter. Each swarm draws from a random sequence
//! of its own, which is a function of the seed and the infohash. So the answers to a sequence of
//! announces to one swarm do not depend on other swarms.
//!
//! Measured as resident memory of the process, a peer takes 210 bytes in a swarm of 20,000, and a
//! swarm of one peer 310 to 460 bytes, depending on how full the tables are (`tests/tracker/stress.rs`).

mod endpoints;
mod index;
mod peer;
mod swarm;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::ValueEnum;
use fastrand::Rng;
use hashbrown::HashMap;
use seedbed_metainfo::{Infohash, PeerId};

pub(crate) use self::peer::Peer;
use self::swarm::Swarm;
use crate::{
    clock::Moment,
    messages::{AnnounceRequest, ConnectionNumber, Event, Listing, SwarmCounts},
};

/// The number of parts of the store, each behind a lock of its own. Cores rarely meet at one of them.
pub(crate) const PARTS: usize = 64;

/// The peers to list if a swarm has more than are wanted, and their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PeerOrder {
    /// The peers that joined first, in the order in which they joined
    Insertion,
    /// A random choice in random order
    #[default]
    Random,
}

/// The number of swarms in a part for which its table never shrinks.
const MIN_CAPACITY: usize = 64;

/// The swarms of all torrents.
#[derive(Debug)]
pub(crate) struct Store {
    shards: Box<[Mutex<Swarms>]>,
    order: PeerOrder,
    seed: u64,
    time_to_live: Duration,
}

type Swarms = HashMap<Infohash, Swarm>;

/// The numbers of swarms and peers. A peer counts once in each of its swarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) torrents: usize,
    /// Swarms that have peers.
    pub(crate) active_torrents: usize,
    pub(crate) peers: usize,
}

impl Store {
    /// A store without swarms, which drops an endpoint that was not announced for `time_to_live`.
    pub(crate) fn new(order: PeerOrder, seed: u64, time_to_live: Duration) -> Self {
        let shards = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { shards, order, seed, time_to_live }
    }

    /// Records an announce, and lists up to `wanted` other peers of the swarm.
    pub(crate) fn announce(
        &self,
        request: &AnnounceRequest,
        wanted: u32,
        now: Moment,
    ) -> (SwarmCounts, Listing) {
        let mut swarms = self.shard(&request.infohash);
        if request.event == Event::Stopped && !swarms.contains_key(&request.infohash) {
            return Default::default();
        }
        let swarm = swarms
            .entry(request.infohash)
            .or_insert_with(|| Swarm::new(self.rng(&request.infohash), now));
        swarm.expire(now, self.time_to_live);
        let listed = swarm.announce(request, wanted, self.order, now);
        (swarm.counts(), listed)
    }

    /// The connection of a WebTorrent peer; `None` if the peer is unknown or has no connection.
    pub(crate) fn connection(
        &self,
        infohash: &Infohash,
        peer: &PeerId,
        now: Moment,
    ) -> Option<ConnectionNumber> {
        self.read(infohash, now, |swarm| swarm.connection(peer))?
    }

    /// Removes a closed WebSocket from a peer.
    pub(crate) fn disconnect(
        &self,
        infohash: &Infohash,
        peer: &PeerId,
        connection: ConnectionNumber,
    ) {
        if let Some(swarm) = self.shard(infohash).get_mut(infohash) {
            swarm.disconnect(peer, connection);
        }
    }

    /// The counts of one swarm; all zero if it is unknown.
    pub(crate) fn scrape(&self, infohash: &Infohash, now: Moment) -> SwarmCounts {
        self.read(infohash, now, |swarm| swarm.counts()).unwrap_or_default()
    }

    /// The peers of one swarm and its counts; `None` if it is unknown.
    pub(crate) fn swarm(
        &self,
        infohash: &Infohash,
        now: Moment,
    ) -> Option<(SwarmCounts, Vec<Peer>)> {
        self.read(infohash, now, |swarm| (swarm.counts(), swarm.peers().cloned().collect()))
    }

    /// The counts of every swarm, by infohash, in [`PARTS`] pieces of about the same length.
    pub(crate) fn scrape_all(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = Vec<(Infohash, SwarmCounts)>> {
        (0..PARTS).map(move |part| self.scrape_part(part, now))
    }

    /// One of the pieces of [`Store::scrape_all`].
    pub(crate) fn scrape_part(&self, part: usize, now: Moment) -> Vec<(Infohash, SwarmCounts)> {
        let mut counts = Vec::new();
        self.for_each_in(part, now, |infohash, swarm| counts.push((*infohash, swarm.counts())));
        counts.sort_unstable_by_key(|(infohash, _)| *infohash);
        counts
    }

    /// Calls `visit` for every peer of every swarm.
    pub(crate) fn visit_peers(&self, now: Moment, mut visit: impl FnMut(&Peer)) {
        self.for_each(now, |_, swarm| swarm.peers().for_each(&mut visit));
    }

    /// The size of the store.
    pub(crate) fn totals(&self, now: Moment) -> Totals {
        let mut totals = Totals::default();
        self.for_each(now, |_, swarm| {
            totals.torrents += 1;
            totals.active_torrents += usize::from(swarm.census().peers > 0);
            totals.peers += swarm.census().peers as usize;
        });
        totals
    }

    /// Frees the memory of expired peers, and of swarms that had no announce for the time to live.
    /// Readers never see expired peers; this is for swarms that nobody reads.
    pub(crate) fn sweep(&self, now: Moment) {
        for shard in &self.shards {
            let mut swarms = lock(shard);
            swarms.retain(|_, swarm| {
                swarm.expire(now, self.time_to_live);
                !swarm.is_abandoned(now, self.time_to_live)
            });
            // Some room is kept, so that a store whose size varies does not shrink and grow in turn.
            if swarms.capacity() > 4 * swarms.len().max(MIN_CAPACITY) {
                let room = 2 * swarms.len();
                swarms.shrink_to(room);
            }
        }
    }

    fn for_each(&self, now: Moment, mut visit: impl FnMut(&Infohash, &Swarm)) {
        (0..PARTS).for_each(|part| self.for_each_in(part, now, &mut visit));
    }

    fn for_each_in(&self, part: usize, now: Moment, mut visit: impl FnMut(&Infohash, &Swarm)) {
        for (infohash, swarm) in lock(&self.shards[part]).iter_mut() {
            swarm.expire(now, self.time_to_live);
            visit(infohash, swarm);
        }
    }

    fn read<T>(
        &self,
        infohash: &Infohash,
        now: Moment,
        read: impl FnOnce(&Swarm) -> T,
    ) -> Option<T> {
        let mut swarms = self.shard(infohash);
        let swarm = swarms.get_mut(infohash)?;
        swarm.expire(now, self.time_to_live);
        Some(read(swarm))
    }

    fn shard(&self, infohash: &Infohash) -> MutexGuard<'_, Swarms> {
        // Each byte of an infohash is as good as random. A part has a range of infohashes, so that the
        // parts in turn list all swarms in order.
        lock(&self.shards[usize::from(infohash.as_bytes()[0]) * PARTS / 256])
    }

    fn rng(&self, infohash: &Infohash) -> Rng {
        let [a, b, c, d, e, f, g, h, ..] = *infohash.as_bytes();
        Rng::with_seed(self.seed ^ u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

fn lock(shard: &Mutex<Swarms>) -> MutexGuard<'_, Swarms> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
