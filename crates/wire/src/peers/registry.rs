//! The torrents that are served, the peers that are connected or have left, and the counts of what
//! was uploaded.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;

use super::dial_book::DialBook;
use crate::{
    Torrent,
    policy::{ClosedBy, Origin, PeerInfo, Transport},
    session::{Session, Uploaded},
};

/// A peer as [`crate::Wire::peers`] and [`crate::Wire::departed`] list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The number of the connection.
    pub connection: u64,
    /// The swarm.
    pub infohash: Infohash,
    /// The peer's id.
    pub peer_id: PeerId,
    /// Where it connected from, or where the wire dialled it.
    pub address: SocketAddr,
    /// Who opened the connection.
    pub origin: Origin,
    /// What carries the connection.
    pub transport: Transport,
    /// Whether the stream is encrypted.
    pub encrypted: bool,
    /// Whether the peer wants pieces.
    pub interested: bool,
    /// Whether the peer is choked, as far as it knows.
    pub choked: bool,
    /// Bytes of content sent to it.
    pub uploaded: u64,
    /// Blocks sent to it.
    pub blocks: u64,
    /// When its handshake came.
    pub since: Instant,
    /// Requests that were left out: for pieces that are not held, or for what is no block.
    pub dropped_requests: u64,
    /// Frames that broke the protocol and were left out.
    pub breaches: u32,
    /// When and why the peer left; `None` while it is connected.
    pub left: Option<Left>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// When.
    pub at: Instant,
    /// Which side ended it.
    pub by: ClosedBy,
    /// Why.
    pub reason: String,
}

/// Peers that left and are remembered, for each torrent.
const DEPARTED: usize = 32;

#[derive(Default)]
pub(crate) struct Registry {
    swarms: Mutex<BTreeMap<Infohash, Swarm>>,
}

/// A torrent that is served, and the token that ends its connections.
type Open = (Shutdown, Torrent);

/// The connections of a torrent that is, or once was, served.
#[derive(Default)]
struct Swarm {
    /// The torrent and the token that ends its connections; `None` while it is not served.
    open: Option<Open>,
    connections: BTreeMap<u64, Connection>,
    last: u64,
    /// Counts of peers that are gone.
    uploaded: Uploaded,
    dials: DialBook,
    /// The last peers that left, the latest first.
    departed: VecDeque<PeerStatus>,
}

/// A connection that is up.
struct Connection {
    since: Instant,
    session: Arc<Mutex<Session>>,
}

impl Swarm {
    fn knows(&self, peer_id: PeerId) -> bool {
        self.connections.values().any(|open| lock(&open.session).peer().peer_id == peer_id)
    }
}

impl Registry {
    pub(crate) fn serve(&self, infohash: Infohash, torrent: Torrent, shutdown: &Shutdown) {
        let mut swarms = lock(&self.swarms);
        let swarm = swarms.entry(infohash).or_default();
        let open = swarm.open.take().map_or_else(|| shutdown.child_token(), |(open, _)| open);
        swarm.open = Some((open, torrent));
    }

    pub(crate) fn withdraw(&self, infohash: Infohash) {
        if let Some(swarm) = lock(&self.swarms).get_mut(&infohash) {
            if let Some((open, _)) = swarm.open.take() {
                open.cancel();
            }
            swarm.dials = DialBook::default();
        }
    }

    /// The infohashes that are served.
    pub(crate) fn served(&self) -> Vec<Infohash> {
        let swarms = lock(&self.swarms);
        swarms.iter().filter(|(_, swarm)| swarm.open.is_some()).map(|(key, _)| *key).collect()
    }

    /// The torrent that is served as `infohash`, and the token that ends its connections.
    pub(crate) fn open(&self, infohash: Infohash) -> Option<Open> {
        lock(&self.swarms).get(&infohash)?.open.clone()
    }

    /// As [`Registry::open`], if `address` may be dialled for it now.
    pub(crate) fn begin_dial(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        now: Instant,
    ) -> Option<Open> {
        let mut swarms = lock(&self.swarms);
        let swarm = swarms.get_mut(&infohash)?;
        let open = swarm.open.clone()?;
        swarm.dials.begin(address, now).then_some(open)
    }

    pub(crate) fn end_dial(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        now: Instant,
        connected: bool,
    ) {
        if let Some(swarm) = lock(&self.swarms).get_mut(&infohash) {
            swarm.dials.ended(address, now, connected);
        }
    }

    pub(crate) fn peer_count(&self, infohash: Infohash) -> usize {
        lock(&self.swarms).get(&infohash).map_or(0, |swarm| swarm.connections.len())
    }

    /// Whether a connection to `peer_id` is up.
    pub(crate) fn knows(&self, infohash: Infohash, peer_id: PeerId) -> bool {
        lock(&self.swarms).get(&infohash).is_some_and(|swarm| swarm.knows(peer_id))
    }

    /// Lists a connection until the guard is dropped; `None` if the wire opened it and has one
    /// with the same peer already.
    ///
    /// A peer that comes in may have lost its first connection without our knowing.
    pub(crate) fn register(&self, session: Session, now: Instant) -> Option<Registered<'_>> {
        let PeerInfo { infohash, peer_id, origin, .. } = *session.peer();
        let mut swarms = lock(&self.swarms);
        let swarm = swarms.entry(infohash).or_default();
        if origin == Origin::Outgoing && swarm.knows(peer_id) {
            return None;
        }
        let session = Arc::new(Mutex::new(session));
        swarm.last += 1;
        swarm.connections.insert(swarm.last, Connection { since: now, session: session.clone() });
        Some(Registered { registry: self, infohash, number: swarm.last, session })
    }

    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        let swarms = lock(&self.swarms);
        let connections = swarms.values().flat_map(|swarm| swarm.connections.values());
        connections.map(|open| PeerStatus::of(&lock(&open.session), open.since, None)).collect()
    }

    pub(crate) fn departed(&self) -> Vec<PeerStatus> {
        lock(&self.swarms).values().flat_map(|swarm| &swarm.departed).cloned().collect()
    }

    pub(crate) fn uploaded(&self, infohash: Infohash) -> Uploaded {
        let swarms = lock(&self.swarms);
        let Some(swarm) = swarms.get(&infohash) else { return Uploaded::default() };
        let mut uploaded = swarm.uploaded;
        for open in swarm.connections.values() {
            uploaded += lock(&open.session).uploaded();
        }
        uploaded
    }
}

impl PeerStatus {
    fn of(session: &Session, since: Instant, left: Option<Left>) -> Self {
        let PeerInfo { connection, infohash, peer_id, address, origin, transport, encrypted } =
            *session.peer();
        let Uploaded { blocks, bytes: uploaded } = session.uploaded();
        Self {
            connection,
            infohash,
            peer_id,
            address,
            origin,
            transport,
            encrypted,
            interested: session.interested(),
            choked: session.choked(),
            uploaded,
            blocks,
            since,
            dropped_requests: session.dropped_requests(),
            breaches: session.breaches(),
            left,
        }
    }
}

/// A connection that is listed.
pub(crate) struct Registered<'a> {
    registry: &'a Registry,
    infohash: Infohash,
    number: u64,
    pub(crate) session: Arc<Mutex<Session>>,
}

impl Registered<'_> {
    /// Lists it among those that left.
    pub(crate) fn leave(self, left: Left) {
        if let Some(swarm) = lock(&self.registry.swarms).get_mut(&self.infohash)
            && let Some(connection) = swarm.connections.get(&self.number)
        {
            let status = PeerStatus::of(&lock(&self.session), connection.since, Some(left));
            swarm.departed.truncate(DEPARTED - 1);
            swarm.departed.push_front(status);
        }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if let Some(swarm) = lock(&self.registry.swarms).get_mut(&self.infohash) {
            swarm.connections.remove(&self.number);
            swarm.uploaded += lock(&self.session).uploaded();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
