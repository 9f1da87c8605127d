//! The settings of an announcer.

use std::{net::IpAddr, num::NonZeroU16, time::Duration};

use seedbed_metainfo::PeerId;

use crate::tracker_url::TrackerUrl;

/// The settings of an announcer.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tiers (BEP 12): each torrent is announced to each of them, and within a tier to the first
    /// tracker that answers. A tracker that is listed twice counts once.
    pub trackers: Vec<Vec<TrackerUrl>>,
    /// The peer's own. The `key` of its announces and its transaction ids are derived from it.
    pub peer_id: PeerId,
    /// The port at which the peer accepts connections.
    pub port: NonZeroU16,
    /// The address that trackers are to list; without one, they list the sender's.
    pub announce_ip: Option<IpAddr>,
    /// Longest time between two announces, whatever the tracker's interval is. The tracker's
    /// `min interval` takes precedence.
    pub max_interval: Option<Duration>,
    /// How many peers to ask for.
    pub numwant: u32,
}

impl Config {
    /// The `key` by which a tracker recognises this peer when its address changes.
    pub(crate) const fn key(&self) -> u32 {
        let [.., a, b, c, d] = *self.peer_id.as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}
