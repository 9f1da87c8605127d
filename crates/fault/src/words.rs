//! The fixed words of rules and journal: servers, transports, messages, events, directions.

use std::fmt;

use crate::rule::near;

/// A word is not one of those that were wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownWord {
    what: &'static str,
    got: String,
    known: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`", self.what, self.got)?;
        match near::nearest(&self.got, self.known.iter().copied()) {
            Some(near) => write!(f, ": did you mean `{near}`?"),
            None => write!(f, ": wanted one of {}", self.known.join(", ")),
        }
    }
}

/// Declares an enum whose variants are words on the outside.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $type:ident: $what:literal {
            $( $(#[doc = $doc:literal])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, utoipa::ToSchema
        )]
        pub enum $type {
            $( $(#[doc = $doc])* #[serde(rename = $word)] $variant, )*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// The word on the outside.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|it| it.word() == text).ok_or_else(|| UnknownWord {
                    what: $what,
                    got: text.to_owned(),
                    known: Self::ALL.iter().map(|it| it.word()).collect(),
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

words! {
    /// A server of a bed that rules act on.
    Server: "server" {
        /// The tracker.
        Tracker = "tracker",
        /// The seeder, on its peer wire.
        Seeder = "seeder",
        /// The range server.
        Range = "range",
    }
}

words! {
    /// Where a journal entry comes from.
    Source: "server" {
        /// The tracker.
        Tracker = "tracker",
        /// The seeder.
        Seeder = "seeder",
        /// The range server.
        Range = "range",
        /// The console and the control API.
        Console = "console",
    }
}

impl From<Server> for Source {
    fn from(server: Server) -> Self {
        match server {
            Server::Tracker => Self::Tracker,
            Server::Seeder => Self::Seeder,
            Server::Range => Self::Range,
        }
    }
}

words! {
    /// What carries a request or a peer connection.
    Transport: "transport" {
        /// An HTTP request to the tracker.
        Http = "http",
        /// A datagram to the tracker (BEP 15).
        Udp = "udp",
        /// A WebSocket message to the tracker.
        WebSocket = "websocket",
        /// A peer connection over TCP.
        Tcp = "tcp",
        /// A peer connection over uTP (BEP 29).
        Utp = "utp",
        /// A peer connection over a WebRTC data channel.
        WebRtc = "webrtc",
    }
}

words! {
    /// A kind of message: a request to the tracker, or a message on the peer wire.
    Message: "message" {
        /// An announce to the tracker.
        Announce = "announce",
        /// A scrape of the tracker.
        Scrape = "scrape",
        /// A UDP connect request (BEP 15).
        Connect = "connect",
        /// A WebRTC offer that the tracker forwards.
        Offer = "offer",
        /// A WebRTC answer that the tracker forwards.
        Answer = "answer",
        /// Any other request to the tracker: a page, the statistics.
        Page = "page",
        /// Keep-alive, the message without an id.
        KeepAlive = "keep_alive",
        /// Choke.
        Choke = "choke",
        /// Unchoke.
        Unchoke = "unchoke",
        /// Interested.
        Interested = "interested",
        /// Not interested.
        NotInterested = "not_interested",
        /// Have.
        Have = "have",
        /// Bitfield, Have All or Have None.
        Bitfield = "bitfield",
        /// Request for a block.
        Request = "request",
        /// A block of a piece.
        Piece = "piece",
        /// Cancel.
        Cancel = "cancel",
        /// Port (BEP 5).
        Port = "port",
        /// An extension message (BEP 10).
        Extended = "extended",
        /// Any other message.
        Other = "other",
    }
}

words! {
    /// The event of an announce.
    AnnounceEvent: "event" {
        /// The first announce.
        Started = "started",
        /// The download is complete.
        Completed = "completed",
        /// The last announce.
        Stopped = "stopped",
        /// An announce without an event, at the interval.
        Update = "update",
    }
}

words! {
    /// Which way a message goes on the peer wire.
    Direction: "direction" {
        /// From the peer to the seeder.
        FromPeer = "from_peer",
        /// From the seeder to the peer.
        ToPeer = "to_peer",
    }
}

impl Server {
    /// The transports that this server has.
    #[must_use]
    pub const fn transports(self) -> &'static [Transport] {
        match self {
            Self::Tracker => &[Transport::Http, Transport::Udp, Transport::WebSocket],
            Self::Seeder => &[Transport::Tcp, Transport::Utp, Transport::WebRtc],
            Self::Range => &[],
        }
    }

    /// The messages that this server takes or sends.
    #[must_use]
    pub fn messages(self) -> &'static [Message] {
        // The tracker's come first.
        let (tracker, seeder) = Message::ALL.split_at(6);
        match self {
            Self::Tracker => tracker,
            Self::Seeder => seeder,
            Self::Range => &[],
        }
    }
}
