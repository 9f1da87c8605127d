//! The task that keeps one torrent announced to one tier of trackers: it does what the schedule says.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use seedbed_metainfo::Infohash;
use seedbed_service::{Shutdown, shutdown::GRACE};
use tokio::{
    sync::Semaphore,
    time::{sleep, sleep_until},
};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use url::Url;

use crate::{
    announcer::{Progress, Shared, TrackerStatus, lock},
    error::Error,
    http,
    request::{AnnounceRequest, Event},
    response::AnnounceResponse,
    schedule::Schedule,
    tracker_url::{Endpoint, TrackerUrl},
    udp,
};

/// Announces under way at one tracker at a time, and so the sockets that it takes.
const CONCURRENCY: usize = 16;

/// A tracker, shared by the tasks of all torrents.
pub(crate) struct Tracker {
    pub(crate) url: TrackerUrl,
    transport: Transport,
    slots: Semaphore,
}

enum Transport {
    Http(Url),
    Udp(udp::Tracker),
}

impl Tracker {
    pub(crate) fn new(url: TrackerUrl, first_transaction: u32) -> Self {
        let transport = match url.endpoint() {
            Endpoint::Http(url) => Transport::Http(url.clone()),
            Endpoint::Udp { host, port } => {
                Transport::Udp(udp::Tracker::new(host.clone(), *port, first_transaction))
            }
        };
        Self { url, transport, slots: Semaphore::new(CONCURRENCY) }
    }

    async fn announce(
        &self,
        request: &AnnounceRequest,
        timeout: Duration,
    ) -> Result<AnnounceResponse, Error> {
        match &self.transport {
            Transport::Http(url) => http::announce(url, request, timeout).await,
            Transport::Udp(tracker) => tracker.announce(request, timeout).await,
        }
    }
}

/// Keeps one torrent announced to one tier.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tier: usize,
    pub(crate) infohash: Infohash,
    pub(crate) progress: Arc<dyn Fn() -> Progress + Send + Sync>,
    pub(crate) stop: Shutdown,
    pub(crate) statuses: Arc<Mutex<Vec<TrackerStatus>>>,
}

impl Task {
    /// Runs until [`GRACE`] after it is to stop at the latest; begins when the tasks `before` it,
    /// of the same torrent, have ended.
    pub(crate) async fn run(self, before: Option<TaskTracker>) {
        if let Some(before) = before {
            before.wait().await;
        }
        tokio::select! {
            () = self.keep_announced() => {}
            () = self.stopping_for(GRACE) => {
                debug!(tier = self.tier, infohash = %self.infohash, "stopped got no answer");
            }
        }
    }

    /// Announces until it is to stop, lets the announce under way end, but leaves it half of the
    /// time for that, and then sends `stopped`.
    async fn keep_announced(&self) {
        let trackers = &self.shared.tiers[self.tier];
        let mut schedule = Schedule::new(now(), self.shared.config.max_interval, trackers.len());
        loop {
            let next = schedule.next();
            let tracker = &trackers[next.tracker];
            let turn = async {
                sleep_until(next.at.into()).await;
                tracker.slots.acquire().await
            };
            let _slot = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                slot = turn => slot,
            };
            let result = tokio::select! {
                result = self.announce(tracker, next.event, next.timeout) => result,
                () = self.stopping_for(GRACE / 2) => Err(Error::TimedOut(GRACE / 2)),
            };
            match result {
                Ok(response) => {
                    schedule.on_success(now(), response.interval, response.min_interval);
                    self.succeeded(tracker, response);
                }
                Err(error) => {
                    let tier_failed = schedule.on_failure(now());
                    self.failed(tracker, &error, tier_failed);
                }
            }
        }
        // At once, so that one that is silent does not take the time of the others.
        join_all(schedule.owed_stopped().map(|tracker| self.send_stopped(&trackers[tracker])))
            .await;
    }

    async fn send_stopped(&self, tracker: &Tracker) {
        let _slot = tracker.slots.acquire().await;
        if let Err(error) = self.announce(tracker, Some(Event::Stopped), GRACE).await {
            self.failed(tracker, &error, true);
        }
    }

    /// Ends that long after the task was asked to stop.
    async fn stopping_for(&self, time: Duration) {
        self.stop.cancelled().await;
        sleep(time).await;
    }

    async fn announce(
        &self,
        tracker: &Tracker,
        event: Option<Event>,
        timeout: Duration,
    ) -> Result<AnnounceResponse, Error> {
        let config = &self.shared.config;
        let Progress { uploaded, left } = (self.progress)();
        let request = AnnounceRequest {
            infohash: self.infohash,
            peer_id: config.peer_id,
            port: config.port,
            uploaded,
            downloaded: 0,
            left,
            event,
            numwant: if event == Some(Event::Stopped) { 0 } else { config.numwant },
            key: config.key(),
            ip: config.announce_ip,
        };
        tracker.announce(&request, timeout).await
    }

    fn succeeded(&self, tracker: &Tracker, response: AnnounceResponse) {
        let Self { infohash, .. } = self;
        let url = &tracker.url;
        if let Some(warning) = response.warning {
            warn!(tracker = %url, %infohash, "the tracker warns: {warning}");
        }
        self.update(|status| {
            if !status.accepted || status.url != *url {
                info!(tracker = %url, %infohash, "announced");
            }
            status.url = url.clone();
            status.accepted = true;
            status.last_error = None;
            status.announces += 1;
            status.complete = response.complete;
            status.incomplete = response.incomplete;
            status.interval = Some(response.interval);
        });
        let mut peers = response.peers;
        peers.retain(|peer| peer.peer_id != Some(self.shared.config.peer_id));
        if !peers.is_empty() && self.shared.peers.try_send((*infohash, peers)).is_err() {
            debug!(tracker = %url, %infohash, "nobody takes the peers found");
        }
    }

    /// The status changes once no tracker of the tier is left to try.
    fn failed(&self, tracker: &Tracker, error: &Error, tier_failed: bool) {
        let Self { infohash, .. } = self;
        let url = &tracker.url;
        let error = error.chain();
        self.update(|status| {
            // Once, not with each retry.
            if status.last_error.is_none() {
                warn!(tracker = %url, %infohash, "failed to announce: {error}");
            }
            if tier_failed {
                status.url = url.clone();
                status.accepted = false;
                status.last_error = Some(error);
            }
        });
    }

    fn update(&self, change: impl FnOnce(&mut TrackerStatus)) {
        change(&mut lock(&self.statuses)[self.tier]);
        self.shared.changes.send_replace(());
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
