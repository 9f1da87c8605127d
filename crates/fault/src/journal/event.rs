//! The kinds of journal entries, with their details.

use std::fmt;

use seedbed_metainfo::PeerId;
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema, schema::Type},
};

use super::Text;
use crate::words::{AnnounceEvent, Message, Transport};

/// The first and the last of some bytes: `1048576-1056767`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSpan {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl fmt::Display for ByteSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Serialize for ByteSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for ByteSpan {
    fn schema() -> RefOr<Schema> {
        Object::with_type(Type::String).into()
    }
}

impl ToSchema for ByteSpan {
    fn name() -> std::borrow::Cow<'static, str> {
        "ByteSpan".into()
    }
}

/// The kind of an entry with its details. The field `kind` names the variant.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Event {
    /// The rules of a server changed.
    Rules {
        /// `added`, `replaced`, `removed`, `enabled` or `disabled`.
        action: Text,
        /// The numbers of the rules.
        rules: Box<[u64]>,
    },
    /// A fault took effect where no other entry says so.
    Fault {
        /// What it did.
        effect: Text,
    },
    /// Something else that a reader may want to know.
    Note {
        /// A sentence.
        text: Text,
    },
    /// A torrent changed its state.
    Torrent {
        /// `added`, `seeding`, `paused`, `error` or `removed`.
        state: Text,
        /// Why, if it is an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    },

    /// Tracker: an announce was answered.
    Announce {
        /// What carried it.
        transport: Transport,
        /// Its event.
        event: AnnounceEvent,
        /// Bytes that the peer lacks.
        left: u64,
        /// Bytes that the peer sent, by its own account.
        uploaded: u64,
        /// Bytes that the peer received, by its own account.
        downloaded: u64,
        /// How many peers it asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        numwant: Option<u32>,
        /// How many peers it was given.
        given: u32,
        /// Why it was refused; without it, it was not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    },
    /// Tracker: a scrape was answered.
    Scrape {
        /// What carried it.
        transport: Transport,
        /// How many torrents it asked for; 0 for all.
        torrents: u32,
        /// Why it was refused; without it, it was not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    },
    /// Tracker: a UDP connect request was answered, or a WebSocket was opened.
    Connect {
        /// What carried it.
        transport: Transport,
    },
    /// Tracker: an offer or an answer was forwarded to another peer.
    Signal {
        /// Which of the two.
        message: Message,
        /// The other peer.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<PeerName>,
    },
    /// A request or a connection was refused, since it is malformed or not allowed.
    Refused {
        /// What carried it.
        #[serde(skip_serializing_if = "Option::is_none")]
        transport: Option<Transport>,
        /// Why.
        reason: Text,
    },

    /// Seeder: a peer is connected, and both handshakes are through.
    Connected {
        /// What carries the connection.
        transport: Transport,
        /// `none`, `RC4`, `plaintext` (an encrypted handshake only) or `DTLS`.
        encryption: &'static str,
        /// Whether the peer came to us.
        incoming: bool,
    },
    /// Seeder: a connection is closed.
    Disconnected {
        /// Who closed it and why.
        reason: Text,
        /// Bytes of content that the peer was sent.
        sent: u64,
        /// Blocks that the peer was sent.
        blocks: u64,
    },
    /// Seeder: the peer is choked now.
    Choked {},
    /// Seeder: the peer is not choked any more.
    Unchoked {},
    /// Seeder: the peer wants pieces now.
    Interested {},
    /// Seeder: the peer does not want pieces any more.
    NotInterested {},
    /// Seeder: the peer requested a block.
    BlockRequest {
        /// The piece.
        piece: u32,
        /// The offset within the piece.
        begin: u32,
        /// The length of the block.
        length: u32,
    },
    /// Seeder: a block was sent to the peer.
    Block {
        /// The piece.
        piece: u32,
        /// The offset within the piece.
        begin: u32,
        /// The length of the block.
        length: u32,
    },
    /// Seeder: the peer cancelled a request.
    Cancel {
        /// The piece.
        piece: u32,
        /// The offset within the piece.
        begin: u32,
        /// The length of the block.
        length: u32,
    },
    /// Seeder: the peer has a piece.
    Have {
        /// The piece.
        piece: u32,
    },
    /// Seeder: the peer requested a piece of the info dictionary.
    MetadataRequest {
        /// The piece.
        piece: u32,
    },

    /// HTTP: a request came.
    Request {
        /// Its method.
        method: Text,
        /// Its path, decoded.
        path: Text,
        /// The bytes that it asks for.
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<ByteSpan>,
    },
    /// HTTP: a response was sent, or cut off.
    Response {
        /// The request's method.
        method: Text,
        /// The request's path, decoded.
        path: Text,
        /// The bytes that the request asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<ByteSpan>,
        /// The status code.
        status: u16,
        /// Bytes of the body that were sent.
        sent: u64,
        /// Bytes of the whole body; without it, the length was not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
        /// Whether all of it was sent.
        complete: bool,
        /// Milliseconds since the request came.
        took: u64,
    },
}

impl Event {
    /// The names of all kinds.
    pub const KINDS: &[&str] = &[
        "rules",
        "fault",
        "note",
        "torrent",
        "announce",
        "scrape",
        "connect",
        "signal",
        "refused",
        "connected",
        "disconnected",
        "choked",
        "unchoked",
        "interested",
        "not_interested",
        "block_request",
        "block",
        "cancel",
        "have",
        "metadata_request",
        "request",
        "response",
    ];

    /// The name of the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rules { .. } => "rules",
            Self::Fault { .. } => "fault",
            Self::Note { .. } => "note",
            Self::Torrent { .. } => "torrent",
            Self::Announce { .. } => "announce",
            Self::Scrape { .. } => "scrape",
            Self::Connect { .. } => "connect",
            Self::Signal { .. } => "signal",
            Self::Refused { .. } => "refused",
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Choked {} => "choked",
            Self::Unchoked {} => "unchoked",
            Self::Interested {} => "interested",
            Self::NotInterested {} => "not_interested",
            Self::BlockRequest { .. } => "block_request",
            Self::Block { .. } => "block",
            Self::Cancel { .. } => "cancel",
            Self::Have { .. } => "have",
            Self::MetadataRequest { .. } => "metadata_request",
            Self::Request { .. } => "request",
            Self::Response { .. } => "response",
        }
    }

    /// The path of a request or response.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Request { path, .. } | Self::Response { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// A peer id, as text where it is text: `-qB5020-abcdefghijkl`; other bytes as `\xff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(pub PeerId);

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_bytes().escape_ascii().fmt(f)
    }
}

impl Serialize for PeerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for PeerName {
    fn schema() -> RefOr<Schema> {
        Object::with_type(Type::String).into()
    }
}

impl ToSchema for PeerName {
    fn name() -> std::borrow::Cow<'static, str> {
        "PeerName".into()
    }
}
