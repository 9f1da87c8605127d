//! What may pass: a policy is asked about each frame, once, before any of it goes on.
//!
//! This is where fault rules will act.

use std::net::SocketAddr;

use seedbed_metainfo::{Infohash, PeerId};

use crate::frame::{FrameHeader, Message};

/// Whom a connection is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The torrent.
    pub infohash: Infohash,
    /// The peer's name for itself.
    pub peer_id: PeerId,
    /// Where it connected from, or where we dialled it.
    pub address: SocketAddr,
    /// Who opened the connection.
    pub origin: Origin,
    /// What it came over.
    pub transport: Transport,
    /// Whether the stream is encrypted.
    pub encrypted: bool,
}

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// uTP (BEP 29).
    Utp,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The peer came to us.
    Incoming,
    /// We dialled the peer.
    Outgoing,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to the engine.
    ToEngine,
    /// From the engine to the peer.
    ToPeer,
}

impl Direction {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::ToEngine => Self::ToPeer,
            Self::ToPeer => Self::ToEngine,
        }
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on as it is.
    Pass,
    /// It is left out.
    Drop,
}

/// Decides on frames.
pub trait Policy: Send + Sync {
    /// The verdict on a frame of which nothing has gone on yet.
    fn frame(&self, peer: &PeerInfo, direction: Direction, frame: FrameHeader) -> Verdict;
}

/// The id under which librqbit takes peer exchange (BEP 11), as its extended handshake says.
const LIBRQBIT_UT_PEX: u8 = 1;

/// The default policy: the engine gets nothing but the messages of BEP 3 and BEP 10, as they have
/// them, since librqbit disconnects a peer that sends any other; and no peer exchange, since it
/// would dial whomever a peer names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shield;

impl Policy for Shield {
    fn frame(&self, _: &PeerInfo, direction: Direction, frame: FrameHeader) -> Verdict {
        let is_taken = match (direction, frame.message) {
            (Direction::ToPeer, _) => true,
            (Direction::ToEngine, Message::Extended(extension)) => {
                extension != Some(LIBRQBIT_UT_PEX)
            }
            (Direction::ToEngine, message) => !matches!(message, Message::Other(_)),
        };
        if is_taken { Verdict::Pass } else { Verdict::Drop }
    }
}
