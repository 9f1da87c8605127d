//! The subject of a question to the rules: a request, a connection, a message or a block.

use std::net::SocketAddr;

use seedbed_metainfo::{Infohash, PeerId};

use crate::words::{AnnounceEvent, Direction, Message, Server, Transport};

/// The moment at which a server asks its rules. Each type of fault belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// Somebody connects to the peer port; nothing was read yet.
    Accept,
    /// A peer's first bytes turn out to be an encrypted handshake (MSE).
    Encryption,
    /// A peer's handshake was read, and the seeder's is about to be sent.
    Handshake,
    /// Both handshakes are through: once for each peer connection.
    Connection,
    /// A message passes on the peer wire, in either direction.
    Message,
    /// A peer requests a block.
    BlockRequest,
    /// A block is about to be sent to a peer.
    Block,
    /// A peer requests a piece of the info dictionary (BEP 9).
    Metadata,
    /// A request to the tracker or to the range server.
    Request,
}

impl Point {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Accept,
        Self::Encryption,
        Self::Handshake,
        Self::Connection,
        Self::Message,
        Self::BlockRequest,
        Self::Block,
        Self::Metadata,
        Self::Request,
    ];

    /// The thing that is counted: "each ...".
    #[must_use]
    pub const fn counted(self) -> &'static str {
        match self {
            Self::Accept => "incoming connection",
            Self::Encryption => "encrypted incoming connection",
            Self::Handshake => "handshake",
            Self::Connection => "peer connection",
            Self::Message => "message",
            Self::BlockRequest => "block request",
            Self::Block => "block sent",
            Self::Metadata => "metadata request",
            Self::Request => "request",
        }
    }

    /// The match keys that mean something at this point of a server.
    #[must_use]
    pub const fn keys(self, server: Server) -> &'static [&'static str] {
        match (server, self) {
            (Server::Tracker, _) => &[
                "infohash",
                "torrent",
                "peer",
                "address",
                "client",
                "path",
                "method",
                "event",
                "transport",
                "message",
            ],
            (Server::Range, _) => &["path", "method", "range", "address", "client"],
            (Server::Seeder, Self::Accept | Self::Encryption) => &["address", "transport"],
            (Server::Seeder, Self::Message) => &[
                "infohash",
                "torrent",
                "peer",
                "address",
                "client",
                "transport",
                "message",
                "piece",
                "direction",
            ],
            (Server::Seeder, Self::BlockRequest | Self::Block | Self::Metadata) => {
                &["infohash", "torrent", "peer", "address", "client", "transport", "piece"]
            }
            (Server::Seeder, _) => {
                &["infohash", "torrent", "peer", "address", "client", "transport"]
            }
        }
    }

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points(u32);

impl Points {
    /// No point.
    pub const NONE: Self = Self(0);

    /// This set and one point more.
    #[must_use]
    pub const fn and(self, point: Point) -> Self {
        Self(self.0 | point.bit())
    }

    /// Whether the sets have a point in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a point is in the set.
    #[must_use]
    pub const fn contains(self, point: Point) -> bool {
        self.0 & point.bit() != 0
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl From<Point> for Points {
    fn from(point: Point) -> Self {
        Self::NONE.and(point)
    }
}

/// The facts about a request, connection or message that match keys compare with.
///
/// Fill in what there is, and leave the rest to `..Subject::at(point)`. A key of a rule whose
/// counterpart is missing here does not match.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The moment; more than one where several coincide, as a block is a message, too.
    pub points: Points,
    /// The torrents; several in a scrape.
    pub infohashes: &'a [Infohash],
    /// The torrent's name.
    pub torrent: Option<&'a str>,
    /// The peer's id.
    pub peer: Option<PeerId>,
    /// Where the peer or client is.
    pub address: Option<SocketAddr>,
    /// The client's name and version, as from its peer id, its extended handshake or User-Agent.
    pub client: Option<&'a str>,
    /// The path of a request, decoded, without the query.
    pub path: Option<&'a str>,
    /// The method of a request.
    pub method: Option<&'a str>,
    /// The first and the last byte that a request asks for.
    pub range: Option<(u64, u64)>,
    /// The event of an announce.
    pub event: Option<AnnounceEvent>,
    /// What carries the request or the connection.
    pub transport: Option<Transport>,
    /// The kind of message.
    pub message: Option<Message>,
    /// The piece that a message is about; of the info dictionary at [`Point::Metadata`].
    pub piece: Option<u32>,
    /// Which way the message goes.
    pub direction: Option<Direction>,
    /// Bytes of content that were sent on this connection so far.
    pub sent: u64,
    /// Bytes of the whole content, of which `sent` is a part.
    pub size: u64,
}

impl Subject<'_> {
    /// A subject of which nothing is known but the moment.
    #[must_use]
    pub fn at(points: impl Into<Points>) -> Self {
        Self { points: points.into(), ..Self::default() }
    }
}
