//! The handle of an announcer: which torrents it announces, and their states at the trackers.
//!
//! A task of its own announces each torrent to each tier of trackers, one announce at a time, so
//! that events arrive in order. A torrent that is added again waits until its former tasks have
//! ended.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use seedbed_metainfo::Infohash;
use seedbed_service::{Shutdown, shutdown::GRACE};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    shared::{PeersFound, Shared, lock},
    status::{Progress, TrackerStatus},
    task::Task,
    tracker::Tracker,
};

/// Most lists of peers that wait to be received.
const PEERS_WAITING: usize = 4096;

/// Keeps torrents announced. A cheap handle: its clones are the same announcer.
#[derive(Clone)]
pub struct Announcer(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    shutdown: Shutdown,
    tasks: TaskTracker,
    torrents: Mutex<Torrents>,
}

#[derive(Default)]
struct Torrents {
    present: HashMap<Infohash, AnnouncedTorrent>,
    /// The tasks of removed torrents that may still be sending `stopped`.
    leaving: HashMap<Infohash, TaskTracker>,
}

struct AnnouncedTorrent {
    stop: Shutdown,
    completed: CancellationToken,
    tasks: TaskTracker,
    statuses: Arc<Mutex<Vec<TrackerStatus>>>,
}

impl Announcer {
    /// An announcer that has no torrents yet, and the peers that it will find.
    ///
    /// The peers need not be received: lists that find the queue full are dropped. The announcer's
    /// own entry is left out if the tracker gives peer ids.
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
        let shared = Shared { config, tiers, changes: watch::Sender::default(), peers };
        let inner = Inner {
            shared: Arc::new(shared),
            shutdown,
            tasks: TaskTracker::new(),
            torrents: Mutex::default(),
        };
        (Self(Arc::new(inner)), found)
    }

    /// Announces a torrent to every tier from now on. One that is announced already stays as it is.
    ///
    /// Each announce calls `progress`.
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
        let torrent = AnnouncedTorrent {
            stop: self.0.shutdown.child_token(),
            completed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            statuses: Arc::new(Mutex::new(
                self.0.shared.tiers.iter().enumerate().map(status).collect(),
            )),
        };
        let progress: Arc<dyn Fn() -> Progress + Send + Sync> = Arc::new(progress);
        for tier in 0..self.0.shared.tiers.len() {
            let task = Task {
                shared: Arc::clone(&self.0.shared),
                tier,
                infohash,
                progress: Arc::clone(&progress),
                completed: torrent.completed.clone(),
                stop: torrent.stop.clone(),
                statuses: Arc::clone(&torrent.statuses),
            };
            self.0.tasks.spawn(torrent.tasks.track_future(task.run(before.clone())));
        }
        torrent.tasks.close();
        torrents.present.insert(infohash, torrent);
    }

    /// Announces that a download is complete, and waits until each tier has accepted `completed`, for
    /// at most [`GRACE`]. The torrent's progress must say so from now on.
    ///
    /// A peer that was complete from the start must not call it (BEP 3).
    pub async fn complete(&self, infohash: Infohash) {
        let mut changes = self.changes();
        let Some(statuses) = self.0.torrents().present.get(&infohash).map(|torrent| {
            torrent.completed.cancel();
            Arc::clone(&torrent.statuses)
        }) else {
            return;
        };
        let accepted = async {
            while !lock(&statuses).iter().all(|status| status.completed) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let _given_up = timeout(GRACE, accepted).await;
    }

    /// Stops announcing a torrent, and waits until `stopped` has been answered, for at most
    /// [`GRACE`]. It is sent even if the caller does not wait so long.
    pub async fn remove(&self, infohash: Infohash) {
        let tasks = {
            let mut torrents = self.0.torrents();
            torrents.leaving.retain(|_, tasks| !tasks.is_empty());
            let Some(torrent) = torrents.present.remove(&infohash) else { return };
            torrent.stop.cancel();
            torrents.leaving.insert(infohash, torrent.tasks.clone());
            torrent.tasks
        };
        self.0.shared.changes.send_replace(());
        tasks.wait().await;
    }

    /// The state of a torrent at each tier, in the order of the configuration; empty for an unknown
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

    /// Receives a change each time that the status of a torrent may have changed. To miss none,
    /// subscribe before you call [`Announcer::status`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.shared.changes.subscribe()
    }

    /// Waits until shutdown was asked for and every `stopped` has been answered, which takes no
    /// longer than [`GRACE`].
    pub async fn finished(&self) {
        self.0.shutdown.cancelled().await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    fn torrents(&self) -> MutexGuard<'_, Torrents> {
        lock(&self.torrents)
    }
}
