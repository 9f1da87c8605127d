//! The handle: which torrents are announced, and how each of them stands.
//!
//! A task of its own announces each torrent to each tier of trackers, one announce at a time, so
//! that events arrive in order. A torrent that is added again waits until its former tasks have ended.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    num::NonZeroU16,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::{
    response::Peer,
    task::{Task, Tracker},
    tracker_url::TrackerUrl,
};

/// Lists of peers that wait to be taken.
const PEERS_WAITING: usize = 4096;

/// What a seeder announces, and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tiers (BEP 12): every torrent is announced to each of them, and within a tier to the first
    /// tracker that answers. One that comes twice counts once.
    pub trackers: Vec<Vec<TrackerUrl>>,
    /// The seeder's. The `key` of its announces and its transaction ids are derived from it.
    pub peer_id: PeerId,
    /// The port that peers are to dial.
    pub port: NonZeroU16,
    /// The address that peers are to dial; without one, the tracker takes the sender's.
    pub announce_ip: Option<IpAddr>,
    /// Announce at least so often, whatever the tracker's interval is, but not more often than its
    /// `min interval` allows.
    pub max_interval: Option<Duration>,
    /// How many peers to ask for.
    pub numwant: u32,
}

/// How far the seeder is with a torrent, as its announces say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes uploaded so far.
    pub uploaded: u64,
    /// Bytes that the seeder lacks; not 0 for one that is to have only a share of the pieces.
    pub left: u64,
}

/// How a torrent stands at one tier of trackers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerStatus {
    /// Which tier, counted from 0.
    pub tier: usize,
    /// The tracker in use: the one that accepted last, or failed last where all of the tier do.
    pub url: TrackerUrl,
    /// The last announce was accepted: the tracker lists the torrent now.
    pub accepted: bool,
    /// Why the last announce failed; none if it did not.
    pub last_error: Option<String>,
    /// Announces that the tier has accepted.
    pub announces: u64,
    /// Seeders that the tracker counted last.
    pub complete: Option<u64>,
    /// Leechers that the tracker counted last.
    pub incomplete: Option<u64>,
    /// The interval that the tracker asked for last.
    pub interval: Option<Duration>,
}

/// Peers that a tracker listed for a torrent.
pub type PeersFound = (Infohash, Vec<Peer>);

/// Keeps torrents announced. A cheap handle: its clones are the same announcer.
#[derive(Clone)]
pub struct Announcer(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tiers: Vec<Vec<Tracker>>,
    shutdown: Shutdown,
    tasks: TaskTracker,
    torrents: Mutex<Torrents>,
    pub(crate) changes: watch::Sender<()>,
    pub(crate) peers: mpsc::Sender<PeersFound>,
}

#[derive(Default)]
struct Torrents {
    present: HashMap<Infohash, Torrent>,
    /// The tasks of removed torrents that may still be sending `stopped`.
    leaving: HashMap<Infohash, TaskTracker>,
}

struct Torrent {
    stop: Shutdown,
    tasks: TaskTracker,
    statuses: Arc<Mutex<Vec<TrackerStatus>>>,
}

impl Announcer {
    /// An announcer that has no torrents yet, and the peers that it will find.
    ///
    /// The peers need not be taken: lists that find the queue full are dropped. The announcer's
    /// own entry is left out where the tracker gives peer ids.
    ///
    /// When `shutdown` is cancelled, every torrent is announced as `stopped`; see
    /// [`Announcer::finished`].
    #[must_use]
    pub fn start(mut config: Config, shutdown: Shutdown) -> (Self, mpsc::Receiver<PeersFound>) {
        let mut seen = HashSet::new();
        let mut tiers = std::mem::take(&mut config.trackers);
        tiers.iter_mut().for_each(|tier| tier.retain(|url| seen.insert(url.clone())));
        tiers.retain(|tier| !tier.is_empty());
        let tracker = |url| Tracker::new(url, config.key());
        let tiers = tiers.into_iter().map(|tier| tier.into_iter().map(tracker).collect()).collect();
        let (peers, found) = mpsc::channel(PEERS_WAITING);
        let shared = Shared {
            config,
            tiers,
            shutdown,
            tasks: TaskTracker::new(),
            torrents: Mutex::default(),
            changes: watch::Sender::default(),
            peers,
        };
        (Self(Arc::new(shared)), found)
    }

    /// Announces a torrent to every tier from now on. One that is there already stays as it is.
    ///
    /// `progress` is asked at each announce.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn add(&self, infohash: Infohash, progress: impl Fn() -> Progress + Send + Sync + 'static) {
        let mut torrents = self.0.torrents();
        if torrents.present.contains_key(&infohash) {
            return;
        }
        let before = torrents.leaving.remove(&infohash);
        let status = |(tier, trackers): (usize, &Vec<Tracker>)| {
            TrackerStatus::new(tier, trackers[0].url.clone())
        };
        let torrent = Torrent {
            stop: self.0.shutdown.child_token(),
            tasks: TaskTracker::new(),
            statuses: Arc::new(Mutex::new(self.0.tiers.iter().enumerate().map(status).collect())),
        };
        let progress: Arc<dyn Fn() -> Progress + Send + Sync> = Arc::new(progress);
        for tier in 0..self.0.tiers.len() {
            let task = Task {
                shared: Arc::clone(&self.0),
                tier,
                infohash,
                progress: Arc::clone(&progress),
                stop: torrent.stop.clone(),
                statuses: Arc::clone(&torrent.statuses),
            };
            self.0.tasks.spawn(torrent.tasks.track_future(task.run(before.clone())));
        }
        torrent.tasks.close();
        torrents.present.insert(infohash, torrent);
    }

    /// Announces a torrent no more, and waits until `stopped` has been answered, for at most
    /// [`GRACE`](seedbed_service::shutdown::GRACE). It is sent even if the caller does not wait
    /// so long.
    pub async fn remove(&self, infohash: Infohash) {
        let tasks = {
            let mut torrents = self.0.torrents();
            torrents.leaving.retain(|_, tasks| !tasks.is_empty());
            let Some(torrent) = torrents.present.remove(&infohash) else { return };
            torrent.stop.cancel();
            torrents.leaving.insert(infohash, torrent.tasks.clone());
            torrent.tasks
        };
        self.0.changes.send_replace(());
        tasks.wait().await;
    }

    /// How a torrent stands at each tier, in the order of the configuration; nothing for an unknown
    /// torrent.
    #[must_use]
    pub fn status(&self, infohash: Infohash) -> Vec<TrackerStatus> {
        let torrents = self.0.torrents();
        torrents
            .present
            .get(&infohash)
            .map(|torrent| lock(&torrent.statuses).clone())
            .unwrap_or_default()
    }

    /// Whether a tracker of at least one tier lists the torrent, or there is no tracker at all.
    #[must_use]
    pub fn accepted(&self, infohash: Infohash) -> bool {
        self.0.torrents().present.get(&infohash).is_some_and(Torrent::accepted)
    }

    /// Whether a tracker of every tier lists the torrent.
    #[must_use]
    pub fn accepted_by_all(&self, infohash: Infohash) -> bool {
        let listed = |torrent: &Torrent| lock(&torrent.statuses).iter().all(|s| s.accepted);
        self.0.torrents().present.get(&infohash).is_some_and(listed)
    }

    /// Whether every torrent is [accepted](Self::accepted).
    #[must_use]
    pub fn all_accepted(&self) -> bool {
        self.0.torrents().present.values().all(Torrent::accepted)
    }

    /// Sees a change each time that the status of a torrent may have changed. Subscribe first,
    /// then look, then wait for a change and look again: nothing is missed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Waits until shutdown was asked for and every `stopped` has been answered, which takes no
    /// longer than [`GRACE`](seedbed_service::shutdown::GRACE).
    pub async fn finished(&self) {
        self.0.shutdown.cancelled().await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Config {
    /// The `key` by which a tracker knows this peer again when its address changes.
    pub(crate) const fn key(&self) -> u32 {
        let [.., a, b, c, d] = *self.peer_id.as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

impl Shared {
    fn torrents(&self) -> MutexGuard<'_, Torrents> {
        lock(&self.torrents)
    }
}

impl Torrent {
    fn accepted(&self) -> bool {
        let statuses = lock(&self.statuses);
        statuses.is_empty() || statuses.iter().any(|status| status.accepted)
    }
}

impl TrackerStatus {
    const fn new(tier: usize, url: TrackerUrl) -> Self {
        Self {
            tier,
            url,
            accepted: false,
            last_error: None,
            announces: 0,
            complete: None,
            incomplete: None,
            interval: None,
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
