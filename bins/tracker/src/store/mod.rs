//! The swarms of all torrents, whatever transport their peers came by.
//!
//! There are no sockets here and no clock: time is a parameter, and each swarm draws from a
//! random sequence of its own, which is a function of the seed and its infohash. So the answers
//! to a sequence of announces to one swarm do not depend on what happens in others.
//!
//! Measured as resident memory of the process, a peer takes 170 bytes in a swarm of 20,000, and a
//! swarm of one peer 500 bytes where there are 100,000 (`tests/stress.rs`).

mod peer;
mod roster;
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
    announce::{AnnounceRequest, Connection, Event, Listing, SwarmCounts},
    clock::Moment,
};

/// How many locks the swarms are spread over: enough for any number of cores to seldom meet.
pub(crate) const PARTS: usize = 64;

/// Which peers are listed where a swarm has more than are wanted, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PeerOrder {
    /// Those that came first, in the order in which they came
    Insertion,
    /// Any, in any order
    #[default]
    Random,
}

/// The swarms of all torrents.
#[derive(Debug)]
pub(crate) struct Store {
    shards: Box<[Mutex<Swarms>]>,
    order: PeerOrder,
    seed: u64,
    expire_after: Duration,
}

type Swarms = HashMap<Infohash, Swarm>;

/// How many swarms and peers there are, a peer counted once in each of its swarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) torrents: usize,
    /// Swarms that somebody is in.
    pub(crate) active_torrents: usize,
    pub(crate) peers: usize,
}

impl Store {
    /// A store without swarms, which forgets peers that are silent for longer than
    /// `expire_after`.
    pub(crate) fn new(order: PeerOrder, seed: u64, expire_after: Duration) -> Self {
        let shards = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { shards, order, seed, expire_after }
    }

    /// Takes an announce in, and lists up to `wanted` other peers of the swarm.
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
        swarm.expire(now, self.expire_after);
        let listed = swarm.announce(request, wanted, self.order, now);
        (swarm.counts(), listed)
    }

    /// The connection of a WebTorrent peer; none where it is unknown or has none.
    pub(crate) fn connection(
        &self,
        infohash: &Infohash,
        peer: &PeerId,
        now: Moment,
    ) -> Option<Connection> {
        self.read(infohash, now, |swarm| swarm.connection(peer))?
    }

    /// Forgets that a peer is behind a WebSocket, which is closed.
    pub(crate) fn disconnect(&self, infohash: &Infohash, peer: &PeerId, connection: Connection) {
        if let Some(swarm) = self.shard(infohash).get_mut(infohash) {
            swarm.disconnect(peer, connection);
        }
    }

    /// The counts of one swarm; all zero where it is unknown.
    pub(crate) fn scrape(&self, infohash: &Infohash, now: Moment) -> SwarmCounts {
        self.read(infohash, now, |swarm| swarm.counts()).unwrap_or_default()
    }

    /// The peers of one swarm and its counts; none where it is unknown.
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

    /// How much there is.
    pub(crate) fn totals(&self, now: Moment) -> Totals {
        let mut totals = Totals::default();
        self.for_each(now, |_, swarm| {
            totals.torrents += 1;
            totals.active_torrents += usize::from(swarm.census().peers > 0);
            totals.peers += swarm.census().peers as usize;
        });
        totals
    }

    /// Forgets silent peers, and swarms in which nobody was for as long as makes a peer silent.
    /// What is read is always free of such peers; this frees the memory of what nobody reads.
    pub(crate) fn sweep(&self, now: Moment) {
        self.for_each(now, |_, _| {});
        for shard in &self.shards {
            lock(shard).retain(|_, swarm| !swarm.is_abandoned(now, self.expire_after));
        }
    }

    fn for_each(&self, now: Moment, mut visit: impl FnMut(&Infohash, &Swarm)) {
        (0..PARTS).for_each(|part| self.for_each_in(part, now, &mut visit));
    }

    fn for_each_in(&self, part: usize, now: Moment, mut visit: impl FnMut(&Infohash, &Swarm)) {
        for (infohash, swarm) in lock(&self.shards[part]).iter_mut() {
            swarm.expire(now, self.expire_after);
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
        swarm.expire(now, self.expire_after);
        Some(read(swarm))
    }

    fn shard(&self, infohash: &Infohash) -> MutexGuard<'_, Swarms> {
        // An infohash is as good as random in each of its bytes. Those of a part are next to
        // each other in their order.
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
