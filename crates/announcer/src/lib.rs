//! Announces torrents to tiers (BEP 12) of trackers, over HTTP (BEP 3, BEP 7, BEP 23) and UDP
//! (BEP 15), again and again.
//!
//! [`Announcer`] is the handle, and each `task` behind it a thin shell of sockets and timers. A state
//! machine without either (`schedule`) decides which event to send when, and pure codecs (`http`,
//! `response`, `udp`) encode it.
//!
//! The trackers of a tier are tried in the order given, which BEP 12 would have shuffled: the same
//! bed announces in the same way each time.
//!
//! Not supported: https but to a tracker whose certificate is known beforehand, WebSocket trackers, BEP 41 URL data. If a tracker's name has several addresses,
//! the first that answers is used.

mod announcer;
mod config;
mod error;
mod http;
mod request;
mod response;
mod schedule;
mod shared;
mod status;
mod task;
mod tracker;
mod tracker_url;
mod udp;

pub use announcer::Announcer;
pub use config::Config;
pub use response::Peer;
pub use shared::PeersFound;
pub use status::{Progress, TrackerStatus};
pub use tracker_url::{InvalidTrackerUrl, TrackerUrl};
