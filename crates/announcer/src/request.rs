//! An announce, before a transport encodes it.

use std::{net::IpAddr, num::NonZeroU16};

use seedbed_metainfo::{Infohash, PeerId};

/// An announce.
#[derive(Clone, Debug)]
pub(crate) struct AnnounceRequest {
    pub(crate) infohash: Infohash,
    pub(crate) peer_id: PeerId,
    pub(crate) port: NonZeroU16,
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
    pub(crate) left: u64,
    pub(crate) event: Option<Event>,
    pub(crate) numwant: u32,
    pub(crate) key: u32,
    pub(crate) ip: Option<IpAddr>,
}

/// The event of an announce (BEP 3); a regular one has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    Completed,
    Stopped,
}

#[cfg(test)]
impl AnnounceRequest {
    /// A seeder's first announce.
    pub(crate) fn example() -> Self {
        Self {
            infohash: Infohash::new(*b"\x00\x01\x7f\x80\xff &+%~abcdefghij"),
            peer_id: PeerId::new(*b"-SE0100-0123456789ab"),
            port: NonZeroU16::MIN.saturating_add(6880),
            uploaded: 7,
            downloaded: 0,
            left: 0,
            event: Some(Event::Started),
            numwant: 50,
            key: 0xc0ffee,
            ip: Some([192, 0, 2, 1].into()),
        }
    }
}
