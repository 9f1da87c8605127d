//! The match keys of a rule.

use seedbed_metainfo::Infohash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::value::{
    AddressPattern, Glob, Method, OneOrMany, OneOrManySchema, PeerPrefix, Pieces, RangePattern,
};
use crate::{
    subject::Subject,
    words::{AnnounceEvent, Direction, Message, Transport},
};

/// The match of a rule. Every key that is given has to match; a key with a list of values matches
/// if one of them does. Without any key a rule matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// Infohash, as 40 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<String>>)]
    pub infohash: Option<OneOrMany<Infohash>>,
    /// Torrent name, as a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Glob>>)]
    pub torrent: Option<OneOrMany<Glob>>,
    /// The start of the peer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<PeerPrefix>>)]
    pub peer: Option<OneOrMany<PeerPrefix>>,
    /// Address or network of the peer or client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<AddressPattern>>)]
    pub address: Option<OneOrMany<AddressPattern>>,
    /// Name and version of the client, as a pattern that ignores case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Glob>>)]
    pub client: Option<OneOrMany<Glob>>,
    /// Path of the request, as a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Glob>>)]
    pub path: Option<OneOrMany<Glob>>,
    /// Method of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Method>>)]
    pub method: Option<OneOrMany<Method>>,
    /// Range that the request asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangePattern>,
    /// Event of the announce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<AnnounceEvent>>)]
    pub event: Option<OneOrMany<AnnounceEvent>>,
    /// Transport of the request or connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Transport>>)]
    pub transport: Option<OneOrMany<Transport>>,
    /// Kind of message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneOrManySchema<Message>>)]
    pub message: Option<OneOrMany<Message>>,
    /// Piece that the message is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<Pieces>,
    /// Direction of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// A match key, as the documentation lists it.
#[derive(Clone, Copy, Debug)]
pub struct KeyInfo {
    /// Its name.
    pub name: &'static str,
    /// The values that it takes.
    pub meaning: &'static str,
    /// A value, as JSON.
    pub example: &'static str,
}

/// All match keys.
pub const KEYS: &[KeyInfo] = &[
    KeyInfo {
        name: "infohash",
        meaning: "infohash as 40 hex digits",
        example: "\"fab6d7396a2f0c8f4bbf10af786052d3240dd4a0\"",
    },
    KeyInfo {
        name: "torrent",
        meaning: "torrent name, as a pattern; or an infohash",
        example: "\"test-*\"",
    },
    KeyInfo {
        name: "peer",
        meaning: "start of the peer id, as text or as hex digits after `0x`",
        example: "\"-qB\"",
    },
    KeyInfo {
        name: "address",
        meaning: "address with or without a port, or network, of the peer or client",
        example: "\"10.0.0.0/8\"",
    },
    KeyInfo {
        name: "client",
        meaning: "client name and version (User-Agent on HTTP), as a pattern that ignores case",
        example: "\"aria2*\"",
    },
    KeyInfo {
        name: "path",
        meaning: "path of the request, as a pattern; `*` stays within a segment, `**` does not; a pattern without a slash matches the last segment",
        example: "\"*.mp4\"",
    },
    KeyInfo { name: "method", meaning: "method of the request", example: "\"GET\"" },
    KeyInfo {
        name: "range",
        meaning: "`true` for requests with a Range field, `false` for those without, or bytes of which the request asks for any",
        example: "\"1048576-\"",
    },
    KeyInfo {
        name: "event",
        meaning: "event of the announce: `started`, `completed`, `stopped` or `update`",
        example: "\"started\"",
    },
    KeyInfo {
        name: "transport",
        meaning: "tracker: `http`, `udp` or `websocket`; seeder: `tcp`, `utp` or `webrtc`",
        example: "\"udp\"",
    },
    KeyInfo {
        name: "message",
        meaning: "kind of message; tracker: `announce`, `scrape`, `connect`, `offer`, `answer` or `page`; seeder: `request`, `piece`, `have`, `bitfield`, `extended`, `choke` and the others of the peer wire",
        example: "[\"request\", \"cancel\"]",
    },
    KeyInfo {
        name: "piece",
        meaning: "piece that the message is about: a number, `\"3-7\"`, `\"3-\"`, `\"all\"` or a list of these",
        example: "3",
    },
    KeyInfo {
        name: "direction",
        meaning: "direction of the message: `from_peer` or `to_peer`",
        example: "\"to_peer\"",
    },
];

/// Whether a key, if it is given, matches a value, if there is one.
fn holds<K, V>(key: Option<&K>, value: Option<V>, matches: impl FnOnce(&K, V) -> bool) -> bool {
    key.is_none_or(|key| value.is_some_and(|value| matches(key, value)))
}

impl On {
    /// Whether a subject matches. `name_of` finds the name of a torrent of which the subject has
    /// the infohash only.
    pub fn matches<N: AsRef<str>>(
        &self,
        subject: &Subject<'_>,
        name_of: impl Fn(&Infohash) -> Option<N>,
    ) -> bool {
        // The cheapest and most selective come first.
        holds(self.message.as_ref(), subject.message, |key, it| key.any(|key| *key == it))
            && holds(self.direction.as_ref(), subject.direction, |key, it| *key == it)
            && holds(self.piece.as_ref(), subject.piece, |key, it| key.contains(it))
            && holds(self.event.as_ref(), subject.event, |key, it| key.any(|key| *key == it))
            && holds(self.transport.as_ref(), subject.transport, |key, it| {
                key.any(|key| *key == it)
            })
            && self
                .infohash
                .as_ref()
                .is_none_or(|key| subject.infohashes.iter().any(|it| key.any(|key| key == it)))
            && holds(self.method.as_ref(), subject.method, |key, it| key.any(|key| key.matches(it)))
            && self.range.is_none_or(|key| key.matches(subject.range))
            && holds(self.address.as_ref(), subject.address, |key, it| {
                key.any(|key| key.matches(it))
            })
            && holds(self.peer.as_ref(), subject.peer, |key, it| key.any(|key| key.matches(&it)))
            && holds(self.client.as_ref(), subject.client, |key, it| {
                key.any(|key| key.matches_name(it))
            })
            && holds(self.path.as_ref(), subject.path, |key, it| {
                key.any(|key| key.matches_path(it))
            })
            && self.torrent.as_ref().is_none_or(|key| {
                key.any(|key| {
                    subject.torrent.is_some_and(|name| key.matches_name(name))
                        || subject.infohashes.iter().any(|infohash| {
                            key.matches_name(&infohash.to_string())
                                || name_of(infohash).is_some_and(|it| key.matches_name(it.as_ref()))
                        })
                })
            })
    }
}
