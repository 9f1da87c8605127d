//! The peer wire: the public side of a BitTorrent engine that listens on a private port.
//!
//! A peer comes over a transport, which is anything that reads and writes: TCP, or uTP on the same
//! port number. It may encrypt its stream. The [`handshake`] says which torrent it wants, and a
//! bridge then carries [`frame`]s between it and a connection to the engine. A session, which is a
//! state machine without sockets or clock, decides what passes: it keeps the engine from what the
//! engine cannot take, and asks a [`policy::Policy`] about each frame.
//!
//! [`Wire`] is the whole: it accepts, dials, and tells who is connected.
//!
//! The rooms, each of which knows only those above it:
//!
//! | room | what is in it |
//! |---|---|
//! | `policy` | the seam where faults act: decisions as data, no code that carries them out |
//! | `session` | frames and the state of one connection; no sockets, no clock |
//! | `transport` | TCP, uTP, bandwidth limits, the bridge that drives a session |
//! | `greeting` | which stream a peer speaks (encryption), and its handshake |
//! | `peers` | who is admitted, who is connected, one connection from first byte to last |
//!
//! | specification | how far |
//! |---|---|
//! | BEP 3, peer protocol | all messages; requests for any part of a piece up to 128 KiB, 1,024 in flight; unknown messages are dropped |
//! | BEP 5, DHT port; BEP 6, Fast; BEP 52, v2 hashes | not offered: their bits and messages go no further |
//! | BEP 9, metadata | requests are passed on, sixteen at a time; refused for private torrents |
//! | BEP 10, extension protocol | handshakes are rewritten: `reqq` in, peer exchange and addresses out |
//! | BEP 11, peer exchange | not offered to either side |
//! | BEP 29, uTP | incoming connections, IPv4 and IPv6 |
//! | Message Stream Encryption | incoming and outgoing, plaintext and RC4 |

mod config;
mod greeting;
mod peers;
pub mod policy;
mod session;
mod torrent;
mod transport;
mod wire;

pub use config::{Config, Encryption, InvalidEncryption, Listeners};
pub use greeting::handshake::{self, Handshake};
pub use peers::{
    Descriptors,
    admission::ConnectionLimits,
    registry::{Left, PeerStatus},
};
pub use policy::{Observer, Origin, PassAll, PeerInfo, Policy, Transport};
pub use session::frame;
pub use torrent::{Holding, Layout, PieceSet, Torrent};
pub use transport::limiter::Limiter;
pub use wire::{Wire, WireError};
