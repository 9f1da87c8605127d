//! The peer wire: the public side of a BitTorrent engine that listens on a private port.
//!
//! A peer comes over a transport, which is anything that reads and writes: TCP, or uTP on the same
//! port number. It may encrypt its stream. The [`handshake`] says which torrent it wants, and a
//! bridge then carries [`frame`]s between it and a connection to the engine. What passes is decided
//! by a session, a state machine without sockets or clock, which asks a [`policy::Policy`] about
//! each frame.
//!
//! [`Wire`] is the whole: it accepts, dials, and tells who is connected.
//!
//! | specification | how far |
//! |---|---|
//! | BEP 3, peer protocol | all messages; requests for any part of a piece up to 128 KiB; unknown messages are dropped |
//! | BEP 5, DHT port; BEP 6, Fast; BEP 52, v2 hashes | not offered: their bits and messages go no further |
//! | BEP 9, BEP 10, metadata and extension protocol | passed on, as the engine has them |
//! | BEP 11, peer exchange | kept from the engine |
//! | BEP 29, uTP | incoming connections, IPv4 and IPv6 |
//! | Message Stream Encryption | incoming and outgoing, plaintext and RC4 |

mod bridge;
mod config;
mod connection;
mod dial_book;
pub mod frame;
mod greeting;
pub mod handshake;
mod limiter;
mod mse;
pub mod policy;
mod registry;
mod session;
mod torrent;
mod translator;
mod utp;
mod wire;

pub use config::{Config, Encryption, InvalidEncryption, Listeners};
pub use limiter::Limiter;
pub use policy::{Origin, PeerInfo, Policy, Shield, Transport};
pub use registry::PeerStatus;
pub use torrent::{Holding, Layout, PieceSet, Torrent};
pub use wire::{Wire, WireError};
