//! The seam where fault rules act: a [`Policy`] decides what becomes of a connection when it is
//! accepted, of our handshake, and of each frame; an [`Observer`] is told what happened.
//!
//! This module may hold types that describe decisions, and no code that carries them out: the
//! session and the connection do that. Time is a parameter everywhere.
//!
//! A policy sits between the peer and everything else. Towards the engine it sees frames as the
//! peer sent them; towards the peer it sees frames as the peer will get them, those included that
//! the wire makes itself.

use std::{
    net::SocketAddr,
    num::NonZeroU64,
    time::{Duration, Instant},
};

use seedbed_metainfo::{Infohash, PeerId};
use tokio::sync::watch;

use crate::{
    Handshake,
    frame::{Block, FrameHeader},
};

/// A peer before its handshake: all that is known when a connection opens. The wire may have dialled
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingPeer {
    /// The number of the connection, unique within one wire and increasing.
    pub connection: u64,
    /// Where the peer connected from, or where the wire dialled it.
    pub address: SocketAddr,
    /// Who opened the connection.
    pub origin: Origin,
    /// What carries the connection.
    pub transport: Transport,
}

/// A peer after its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The number of the connection, unique within one wire and increasing.
    pub connection: u64,
    /// The torrent.
    pub infohash: Infohash,
    /// The peer's id.
    pub peer_id: PeerId,
    /// Where the peer connected from, or where the wire dialled it.
    pub address: SocketAddr,
    /// Who opened the connection.
    pub origin: Origin,
    /// What carries the connection.
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
    /// The peer connected to the wire.
    Incoming,
    /// The wire dialled the peer.
    Outgoing,
}

impl Origin {
    /// The word for it in log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
        }
    }
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

/// When a policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// The time now.
    pub now: Instant,
    /// When the policy was first asked about the same thing.
    pub since: Instant,
    /// How often it was asked about the same thing before. It is asked again whenever its
    /// [`Changes`] advance before the thing is done.
    pub repeat: u32,
    /// How many bytes of the thing have gone already; nonzero only when asked again.
    pub sent: usize,
}

/// What to do with a connection, a handshake or a frame.
///
/// The parts take effect in the order of the fields. The default is to pass everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Wait before anything goes. Nothing in the same direction overtakes what waits.
    pub wait: Wait,
    /// Send these bytes first.
    pub before: Vec<u8>,
    /// What goes in place of the original.
    pub action: Action,
    /// Change bytes of what passes, as it streams.
    pub patches: Vec<Patch>,
    /// Send no more than this many bytes a second. The rate holds over consecutive frames that have
    /// the same limit.
    pub limit: Option<NonZeroU64>,
    /// Send these bytes afterwards.
    pub after: Vec<u8>,
    /// Close the connection.
    pub close: Option<Close>,
}

/// What becomes of the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    #[default]
    Pass,
    /// It is left out.
    Drop,
    /// These bytes go instead.
    Replace(Vec<u8>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    #[default]
    No,
    /// Until this time.
    Until(Instant),
    /// Until the policy changes and, asked again, says otherwise.
    Hold,
}

/// A byte to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which byte, counted from the first byte of the handshake or of the frame's length prefix.
    pub at: usize,
    /// What to XOR it with.
    pub xor: u8,
}

/// Where and how to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// How many bytes of the original go before the end; all of them if it is shorter.
    pub at: usize,
    /// How the connection ends.
    pub how: CloseKind,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// In order: FIN.
    Fin,
    /// At once: RST on TCP. On uTP it is the same as [`CloseKind::Fin`].
    Reset,
}

impl Plan {
    /// Leaves it out.
    #[must_use]
    pub fn drop() -> Self {
        Self { action: Action::Drop, ..Self::default() }
    }

    /// Sends other bytes instead.
    #[must_use]
    pub fn replace(bytes: Vec<u8>) -> Self {
        Self { action: Action::Replace(bytes), ..Self::default() }
    }

    /// Lets it wait until a time.
    #[must_use]
    pub fn delay(until: Instant) -> Self {
        Self { wait: Wait::Until(until), ..Self::default() }
    }

    /// Holds it until the policy changes.
    #[must_use]
    pub fn hold() -> Self {
        Self { wait: Wait::Hold, ..Self::default() }
    }

    /// Closes the connection before any byte of it.
    #[must_use]
    pub fn close(how: CloseKind) -> Self {
        Self { close: Some(Close { at: 0, how }), ..Self::default() }
    }

    /// Lets it pass at this many bytes a second.
    #[must_use]
    pub fn limit(rate: NonZeroU64) -> Self {
        Self { limit: Some(rate), ..Self::default() }
    }
}

/// What a policy wants when nothing is being sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WakePlan {
    /// Whole frames for the peer, sent at the next boundary between two frames.
    pub send: Vec<u8>,
    /// End the connection afterwards.
    pub close: Option<CloseKind>,
    /// When to ask again; by default when the policy changes.
    pub next: Option<Instant>,
}

/// Decides what becomes of connections, handshakes and frames. Every method passes by default.
///
/// A policy is called with locks held: it must not block.
pub trait Policy: Send + Sync {
    /// Whether any rule is in force. While it is false no other method is called but
    /// [`Policy::changes`], and payload is copied as it comes.
    fn in_force(&self) -> bool {
        true
    }

    /// A connection was opened, and nothing was read from it yet. [`Action::Drop`] and
    /// [`Plan::patches`] mean nothing here. It is asked twice about a dialled peer that takes only
    /// encrypted streams, since it takes two connections to find out.
    fn accept(&self, occasion: Occasion, peer: &IncomingPeer) -> Plan {
        let _ = (occasion, peer);
        Plan::default()
    }

    /// The peer's handshake has come, and `ours` is about to be sent. On a connection that the
    /// wire dialled ours was sent before: then only [`Plan::wait`] and [`Plan::close`] take effect.
    fn handshake(&self, occasion: Occasion, peer: &PeerInfo, ours: &Handshake) -> Plan {
        let _ = (occasion, peer, ours);
        Plan::default()
    }

    /// A frame begins. Asked again while the frame is under way, only [`Plan::wait`],
    /// [`Plan::patches`], [`Plan::limit`], [`Plan::after`] and [`Plan::close`] take effect.
    fn frame(
        &self,
        occasion: Occasion,
        peer: &PeerInfo,
        direction: Direction,
        frame: FrameHeader,
    ) -> Plan {
        let _ = (occasion, peer, direction, frame);
        Plan::default()
    }

    /// Asked once after the handshakes, at [`WakePlan::next`], and when the policy changes.
    fn wake(&self, now: Instant, peer: &PeerInfo) -> WakePlan {
        let _ = (now, peer);
        WakePlan::default()
    }

    /// Tells connections that rules came or went. A policy without them is asked once about
    /// everything.
    fn changes(&self) -> Option<&Changes> {
        None
    }
}

/// A counter that wakes every connection when it advances.
#[derive(Debug)]
pub struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Changes {
    /// Has every connection ask the policy again about what it delays, holds or limits.
    pub fn advance(&self) {
        self.0.send_modify(|generation| *generation += 1);
    }

    pub(crate) fn generation(&self) -> u64 {
        *self.0.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was opened, or the wire begins to dial.
    Connected(IncomingPeer),
    /// The peer's handshake has come.
    Handshake(PeerInfo),
    /// The peer said that it wants pieces.
    Interested,
    /// The peer said that it wants no pieces.
    NotInterested,
    /// The peer was choked.
    Choked,
    /// The peer was unchoked.
    Unchoked,
    /// The peer asked for a block.
    Requested(Block),
    /// The peer took a request back.
    Cancelled(Block),
    /// The last byte of a block was handed to the transport.
    BlockSent(Block),
    /// The connection is closed.
    Closed {
        /// The side that ended it.
        by: ClosedBy,
        /// Why.
        reason: String,
    },
}

/// Which side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// The peer.
    Peer,
    /// The engine.
    Engine,
    /// The wire: a limit, a time-out, a breach of the protocol, a withdrawn torrent, or shutdown.
    Wire,
    /// The policy.
    Policy,
}

impl ClosedBy {
    /// The word for it in log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Engine => "engine",
            Self::Wire => "wire",
            Self::Policy => "policy",
        }
    }
}

/// Is told what happens, as for a journal.
///
/// An observer is called with locks held: it must not block.
pub trait Observer: Send + Sync {
    /// Something happened on the connection with this number.
    fn event(&self, now: Instant, connection: u64, event: Event);
}

/// The policy of a wire that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassAll;

impl Policy for PassAll {
    fn in_force(&self) -> bool {
        false
    }
}

impl Occasion {
    /// How long ago the policy was first asked.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.since)
    }
}
