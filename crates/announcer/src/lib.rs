//! Announces torrents to tiers (BEP 12) of trackers, over HTTP (BEP 3, BEP 7, BEP 23) and UDP
//! (BEP 15), and keeps at it.
//!
//! [`Announcer`] is a thin shell of sockets and timers. A state machine without either
//! (`schedule`) decides what is sent when, and pure codecs (`http`, `response`, `udp`) what goes
//! over the wire.
//!
//! The trackers of a tier are tried in the order given, which BEP 12 would have shuffled: the same
//! bed announces in the same way each time.
//!
//! Not supported: TLS, WebSocket trackers, BEP 41 URL data. Of a tracker name's several addresses,
//! the first that answers is announced to.

mod announcer;
mod error;
mod http;
mod request;
mod response;
mod schedule;
mod task;
mod tracker_url;
mod udp;

pub use announcer::{Announcer, Config, PeersFound, Progress, TrackerStatus};
pub use response::Peer;
pub use tracker_url::{InvalidTrackerUrl, TrackerUrl};
