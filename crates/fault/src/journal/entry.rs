//! One entry of the journal.

use std::{net::SocketAddr, sync::Arc};

use seedbed_metainfo::{Infohash, PeerId};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{Event, PeerName, Text};
use crate::{matcher::RuleId, words::Source};

/// How much an entry is out of the ordinary.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is as it should be.
    #[default]
    Info,
    /// A fault rule acted.
    Warn,
    /// Something was refused or failed.
    Error,
}

/// A rule that acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
pub struct FaultRef {
    /// The rule's number.
    pub id: RuleId,
    /// The type of its fault.
    #[serde(rename = "type")]
    pub fault: &'static str,
}

/// The part of an entry that a server writes; the journal adds a number and a time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The server.
    pub server: Source,
    /// Which of several servers of this kind in one bed, from 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub instance: u16,
    /// How much it is out of the ordinary.
    pub level: Level,
    /// Where the peer or client is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "172.18.0.7:51413")]
    pub peer: Option<SocketAddr>,
    /// The peer's id, as text; bytes that are not text as `\xff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<PeerName>,
    /// The client's name and version; the User-Agent on HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// The torrent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub torrent: Option<Arc<str>>,
    /// The torrent's infohash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub infohash: Option<Infohash>,
    /// The rules that acted, in their order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FaultRef>, required = false)]
    pub faults: Box<[FaultRef]>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(instance: &u16) -> bool {
    *instance == 0
}

impl Record {
    /// A record of which nothing is known but the server and what happened.
    #[must_use]
    pub fn new(server: impl Into<Source>, event: Event) -> Self {
        Self {
            server: server.into(),
            instance: 0,
            level: Level::Info,
            peer: None,
            peer_id: None,
            client: None,
            torrent: None,
            infohash: None,
            faults: Box::default(),
            event,
        }
    }

    /// Notes where the peer or client is.
    #[must_use]
    pub const fn peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Notes the peer's id.
    #[must_use]
    pub const fn peer_id(mut self, id: PeerId) -> Self {
        self.peer_id = Some(PeerName(id));
        self
    }

    /// Notes the client's name.
    #[must_use]
    pub fn client(mut self, client: impl Into<Text>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Notes the torrent's name.
    #[must_use]
    pub fn torrent(mut self, name: Arc<str>) -> Self {
        self.torrent = Some(name);
        self
    }

    /// Notes the torrent's infohash.
    #[must_use]
    pub const fn infohash(mut self, infohash: Infohash) -> Self {
        self.infohash = Some(infohash);
        self
    }

    /// Notes the rules that acted; an ordinary entry becomes a warning.
    #[must_use]
    pub fn faults(mut self, faults: Box<[FaultRef]>) -> Self {
        if !faults.is_empty() {
            self.level = self.level.max(Level::Warn);
        }
        self.faults = faults;
        self
    }

    /// Notes the level.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number. Numbers ascend, and none is given twice.
    pub seq: u64,
    /// Milliseconds since the start or the last reset.
    pub at: u64,
    /// What a server wrote.
    pub record: Record,
}

/// An entry as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = JournalEntry)]
struct Flat<'a> {
    /// Its number. Numbers ascend, and none is given twice.
    seq: u64,
    /// Milliseconds since the start or the last reset.
    at: u64,
    /// The number of the first rule that acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<RuleId>,
    #[serde(flatten)]
    #[schema(value_type = Record)]
    record: &'a Record,
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fault = self.record.faults.first().map(|fault| fault.id);
        Flat { seq: self.seq, at: self.at, fault, record: &self.record }.serialize(serializer)
    }
}

impl PartialSchema for Entry {
    fn schema() -> RefOr<Schema> {
        Flat::schema()
    }
}

impl ToSchema for Entry {
    fn name() -> std::borrow::Cow<'static, str> {
        Flat::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Flat::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fits_the_memory_that_the_capacity_assumes() {
        assert!(size_of::<Entry>() <= 256, "{}", size_of::<Entry>());
    }
}
