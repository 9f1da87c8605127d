//! The peer wire: the public side of a BitTorrent engine that listens on a private port.
//!
//! A peer comes over a transport, which is anything that reads and writes; so far that is TCP. The
//! [`handshake`] says which torrent it wants, and a bridge then carries [`frame`]s between it and
//! a connection to the engine. What passes is decided by a session, a state machine without
//! sockets or clock, which asks a [`policy::Policy`] about each frame.
//!
//! [`Wire`] is the whole: it accepts, dials, and tells who is connected.

mod bridge;
mod dial_book;
pub mod frame;
pub mod handshake;
pub mod policy;
mod registry;
mod session;
mod wire;

pub use policy::{Origin, PeerInfo};
pub use registry::PeerStatus;
pub use wire::{Config, Wire, WireError};
