//! The task that keeps one torrent announced to one tier of trackers, as its schedule demands.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use seedbed_metainfo::Infohash;
use seedbed_service::{Shutdown, shutdown::GRACE};
use tokio::time::{sleep, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use crate::{
    error::Error,
    request::{AnnounceRequest, Event},
    response::AnnounceResponse,
    schedule::Schedule,
    shared::{Shared, lock},
    status::{Progress, TrackerStatus},
    tracker::Tracker,
};

/// Keeps one torrent announced to one tier.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tier: usize,
    pub(crate) infohash: Infohash,
    pub(crate) progress: Arc<dyn Fn() -> Progress + Send + Sync>,
    /// Cancelled when the torrent is complete, if it was not from the start.
    pub(crate) completed: CancellationToken,
    pub(crate) stop: Shutdown,
    pub(crate) statuses: Arc<Mutex<Vec<TrackerStatus>>>,
}

impl Task {
    /// Runs until it is told to stop and `stopped` is sent, which takes no longer than [`GRACE`]. It
    /// begins when the tasks `before` it, of the same torrent, have ended.
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

    /// Announces until it is told to stop. Then the announce under way gets half of [`GRACE`] to end,
    /// before `stopped` is sent.
    async fn keep_announced(&self) {
        let trackers = &self.shared.tiers[self.tier];
        let mut schedule = Schedule::new(now(), self.shared.config.max_interval, trackers.len());
        loop {
            let next = schedule.next();
            let tracker = &trackers[next.tracker];
            let turn = async {
                sleep_until(next.at.into()).await;
                tracker.turn().await
            };
            let _slot = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = self.completed.cancelled(), if !schedule.is_complete() => {
                    schedule.complete(now());
                    continue;
                }
                slot = turn => slot,
            };
            let result = tokio::select! {
                result = self.announce(tracker, next.event, next.timeout) => result,
                () = self.stopping_for(GRACE / 2) => Err(Error::TimedOut(GRACE / 2)),
            };
            match result {
                Ok(response) => {
                    schedule.on_success(
                        now(),
                        next.event,
                        response.interval,
                        response.min_interval,
                    );
                    self.succeeded(tracker, next.event, response);
                }
                Err(error) => {
                    let tier_failed = schedule.on_failure(now());
                    self.failed(tracker, &error, tier_failed);
                }
            }
        }
        // Side by side, so that a silent tracker does not take the time of the others.
        join_all(schedule.owed_stopped().map(|tracker| self.send_stopped(&trackers[tracker])))
            .await;
    }

    async fn send_stopped(&self, tracker: &Tracker) {
        let _slot = tracker.turn().await;
        if let Err(error) = self.announce(tracker, Some(Event::Stopped), GRACE).await {
            self.failed(tracker, &error, true);
        }
    }

    /// Waits until the task is told to stop, and then for `time`.
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
        let Progress { uploaded, downloaded, left } = (self.progress)();
        let request = AnnounceRequest {
            infohash: self.infohash,
            peer_id: config.peer_id,
            port: config.port,
            uploaded,
            downloaded,
            left,
            event,
            numwant: if event == Some(Event::Stopped) { 0 } else { config.numwant },
            key: config.key(),
            ip: config.announce_ip,
        };
        tracker.announce(&request, timeout).await
    }

    fn succeeded(&self, tracker: &Tracker, event: Option<Event>, response: AnnounceResponse) {
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
            status.completed |= event == Some(Event::Completed);
            status.complete = response.complete;
            status.incomplete = response.incomplete;
            status.interval = Some(response.interval);
        });
        let mut peers = response.peers;
        peers.retain(|peer| peer.peer_id != Some(self.shared.config.peer_id));
        if !peers.is_empty() && self.shared.peers.try_send((*infohash, peers)).is_err() {
            debug!(tracker = %url, %infohash, "dropped a list of peers: the queue is full");
        }
    }

    /// Reports a failure. The status changes only once all trackers of the tier have failed.
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
