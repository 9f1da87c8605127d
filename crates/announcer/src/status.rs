//! The state of a torrent at its trackers, and the progress that its announces report.

use std::time::Duration;

use crate::tracker_url::TrackerUrl;

/// How far the peer is with a torrent, as its announces report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes uploaded so far.
    pub uploaded: u64,
    /// Bytes downloaded so far.
    pub downloaded: u64,
    /// Bytes that the peer lacks.
    pub left: u64,
}

/// The state of a torrent at one tier of trackers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerStatus {
    /// The tier, counted from 0.
    pub tier: usize,
    /// The tracker in use: the one that accepted last, or the one that failed last if all of the
    /// tier do.
    pub url: TrackerUrl,
    /// Whether the last announce was accepted: then the tracker lists the torrent.
    pub accepted: bool,
    /// Why the last announce failed, if it did.
    pub last_error: Option<String>,
    /// How many announces the tier has accepted.
    pub announces: u64,
    /// Whether it has accepted `completed`.
    pub completed: bool,
    /// Seeders that the tracker counted last.
    pub complete: Option<u64>,
    /// Leechers that the tracker counted last.
    pub incomplete: Option<u64>,
    /// The interval that the tracker asked for last.
    pub interval: Option<Duration>,
}

impl TrackerStatus {
    pub(crate) const fn new(tier: usize, url: TrackerUrl) -> Self {
        Self {
            tier,
            url,
            accepted: false,
            last_error: None,
            announces: 0,
            completed: false,
            complete: None,
            incomplete: None,
            interval: None,
        }
    }
}
