//! The state that the handle and the tasks of an announcer share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use seedbed_metainfo::Infohash;
use tokio::sync::{mpsc, watch};

use crate::{config::Config, response::Peer, tracker::Tracker};

/// Peers that a tracker listed for a torrent.
pub type PeersFound = (Infohash, Vec<Peer>);

/// The state that the handle and the tasks share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tiers: Vec<Vec<Tracker>>,
    /// Sends when the status of a torrent may have changed.
    pub(crate) changes: watch::Sender<()>,
    pub(crate) peers: mpsc::Sender<PeersFound>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
