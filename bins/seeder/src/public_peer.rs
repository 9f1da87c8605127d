//! One peer as the world sees it: a peer id and a port, with a wire and an announcer of its own.

use std::time::Duration;

use seedbed_announcer::{Announcer, Progress, TrackerStatus};
use seedbed_metainfo::{Infohash, Metainfo};
use seedbed_service::shutdown::GRACE;
use seedbed_wire::{Holding, Wire};
use tokio::time::{sleep, timeout};

use crate::{share::Share, torrent::Torrent};

/// How often to look whether connections have ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How long to wait for trackers that do not answer.
const TRACKER_WAIT: Duration = Duration::from_secs(2);

/// One peer as the world sees it.
pub(crate) struct PublicPeer {
    pub(crate) wire: Wire,
    pub(crate) announcer: Announcer,
    /// Which pieces it has of each torrent; `None` if it has them all.
    pub(crate) share: Option<Share>,
}

impl PublicPeer {
    /// Serves a torrent to peers, and announces it.
    pub(crate) fn serve(&self, metainfo: &Metainfo) {
        let infohash = metainfo.infohash();
        let layout = metainfo.into();
        let (holding, left) = match &self.share {
            None => (Holding::All, 0),
            Some(share) => share.of(metainfo.infohash(), layout, metainfo.piece_count()),
        };
        let private = metainfo.is_private();
        self.wire.serve(infohash, seedbed_wire::Torrent { layout, holding, private });
        let wire = self.wire.clone();
        let progress = move || Progress { uploaded: wire.uploaded(infohash), downloaded: 0, left };
        self.announcer.add(infohash, progress);
    }

    /// Closes the torrent's connections and tells its trackers `stopped`. Gives both up after
    /// [`GRACE`].
    pub(crate) async fn withdraw(&self, infohash: Infohash) {
        self.wire.withdraw(infohash);
        let closed = async {
            while self.wire.peer_count(infohash) > 0 {
                sleep(POLL_INTERVAL).await;
            }
        };
        let _given_up = tokio::join!(timeout(GRACE, closed), self.announcer.remove(infohash));
    }

    /// Why a tracker does not list a torrent that is announced to it.
    pub(crate) fn refusal(&self, torrent: &Torrent) -> Option<String> {
        let status = self.announcer.status(torrent.infohash()?);
        status.into_iter().find(|tracker| !tracker.accepted).map(|tracker| {
            let why = tracker.last_error.as_deref().unwrap_or("no answer yet");
            format!("{} is not announced at {}: {why}", torrent.name, tracker.url)
        })
    }

    /// Waits until each tier of trackers has accepted or refused the torrent, for at most
    /// [`TRACKER_WAIT`].
    pub(crate) async fn wait_for_trackers(&self, infohash: Infohash) {
        let answered = |tracker: &TrackerStatus| tracker.accepted || tracker.last_error.is_some();
        let mut changes = self.announcer.changes();
        let all_answered = async {
            while !self.announcer.status(infohash).iter().all(answered) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let _given_up = timeout(TRACKER_WAIT, all_answered).await;
    }
}
