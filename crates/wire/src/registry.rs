//! What is served, who is connected, and what was uploaded.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;

use crate::{
    dial_book::DialBook,
    policy::{Origin, PeerInfo},
    session::{Session, Uploaded},
};

/// A connected peer as [`crate::Wire::peers`] lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The torrent.
    pub infohash: Infohash,
    /// The peer's name for itself.
    pub peer_id: PeerId,
    /// Where it connected from, or where we dialled it.
    pub address: SocketAddr,
    /// Who opened the connection.
    pub origin: Origin,
    /// Whether the peer wants pieces.
    pub interested: bool,
    /// Whether the peer is choked, as far as it knows.
    pub choked: bool,
    /// Bytes of content that it was sent.
    pub uploaded: u64,
    /// Blocks that it was sent.
    pub blocks: u64,
}

#[derive(Default)]
pub(crate) struct Registry {
    torrents: Mutex<BTreeMap<Infohash, Torrent>>,
}

/// A torrent that is, or once was, served.
#[derive(Default)]
struct Torrent {
    /// Ends all its connections; none while it is not served.
    open: Option<Shutdown>,
    connections: BTreeMap<u64, Arc<Mutex<Session>>>,
    last: u64,
    /// What went to peers that are gone.
    uploaded: Uploaded,
    dials: DialBook,
}

impl Torrent {
    fn knows(&self, peer_id: PeerId) -> bool {
        self.connections.values().any(|session| lock(session).peer().peer_id == peer_id)
    }
}

impl Registry {
    pub(crate) fn serve(&self, infohash: Infohash, shutdown: &Shutdown) {
        let mut torrents = lock(&self.torrents);
        let torrent = torrents.entry(infohash).or_default();
        torrent.open.get_or_insert_with(|| shutdown.child_token());
    }

    pub(crate) fn withdraw(&self, infohash: Infohash) {
        if let Some(torrent) = lock(&self.torrents).get_mut(&infohash) {
            if let Some(open) = torrent.open.take() {
                open.cancel();
            }
            torrent.dials = DialBook::default();
        }
    }

    /// The token that ends connections for `infohash`, if it is served.
    pub(crate) fn open(&self, infohash: Infohash) -> Option<Shutdown> {
        lock(&self.torrents).get(&infohash)?.open.clone()
    }

    /// As [`Registry::open`], if `address` may be dialled for it now.
    pub(crate) fn begin_dial(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        now: Instant,
    ) -> Option<Shutdown> {
        let mut torrents = lock(&self.torrents);
        let torrent = torrents.get_mut(&infohash)?;
        let open = torrent.open.clone()?;
        torrent.dials.begin(address, now).then_some(open)
    }

    pub(crate) fn end_dial(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        now: Instant,
        connected: bool,
    ) {
        if let Some(torrent) = lock(&self.torrents).get_mut(&infohash) {
            torrent.dials.ended(address, now, connected);
        }
    }

    pub(crate) fn peer_count(&self, infohash: Infohash) -> usize {
        lock(&self.torrents).get(&infohash).map_or(0, |torrent| torrent.connections.len())
    }

    /// Whether a connection to `peer_id` is up.
    pub(crate) fn knows(&self, infohash: Infohash, peer_id: PeerId) -> bool {
        lock(&self.torrents).get(&infohash).is_some_and(|torrent| torrent.knows(peer_id))
    }

    /// Lists a connection until the guard is dropped; none if we opened it and have one already.
    ///
    /// A peer that comes in may have lost its first connection without our knowing.
    pub(crate) fn register(&self, session: Session) -> Option<Registered<'_>> {
        let PeerInfo { infohash, peer_id, origin, .. } = *session.peer();
        let mut torrents = lock(&self.torrents);
        let torrent = torrents.entry(infohash).or_default();
        if origin == Origin::Outgoing && torrent.knows(peer_id) {
            return None;
        }
        let session = Arc::new(Mutex::new(session));
        torrent.last += 1;
        torrent.connections.insert(torrent.last, session.clone());
        Some(Registered { registry: self, infohash, number: torrent.last, session })
    }

    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        let torrents = lock(&self.torrents);
        let sessions = torrents.values().flat_map(|torrent| torrent.connections.values());
        sessions.map(|session| status(&lock(session))).collect()
    }

    pub(crate) fn uploaded(&self, infohash: Infohash) -> Uploaded {
        let torrents = lock(&self.torrents);
        let Some(torrent) = torrents.get(&infohash) else { return Uploaded::default() };
        let mut uploaded = torrent.uploaded;
        for session in torrent.connections.values() {
            uploaded += lock(session).uploaded();
        }
        uploaded
    }
}

fn status(session: &Session) -> PeerStatus {
    let PeerInfo { infohash, peer_id, address, origin } = *session.peer();
    let Uploaded { blocks, bytes: uploaded } = session.uploaded();
    let (interested, choked) = (session.interested(), session.choked());
    PeerStatus { infohash, peer_id, address, origin, interested, choked, uploaded, blocks }
}

/// A connection that is listed.
pub(crate) struct Registered<'a> {
    registry: &'a Registry,
    infohash: Infohash,
    number: u64,
    pub(crate) session: Arc<Mutex<Session>>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if let Some(torrent) = lock(&self.registry.torrents).get_mut(&self.infohash) {
            torrent.connections.remove(&self.number);
            torrent.uploaded += lock(&self.session).uploaded();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
