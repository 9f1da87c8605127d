//! The summary of a journal: what each peer requested, received, and where it was cut off.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use seedbed_metainfo::Infohash;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ByteSpan, Entry, Event, Filter, Journal, PeerName, Text};
use crate::words::{AnnounceEvent, Source};

/// How many addresses of one peer are listed.
const MAX_ADDRESSES: usize = 16;

/// What each peer asked for, what it got, and where it was cut off, out of the entries that the
/// journal keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JournalSummary)]
pub struct Summary {
    /// The number of the first entry that is counted.
    pub first: u64,
    /// The number of the last entry that is counted.
    pub last: u64,
    /// How many entries were dropped from the journal, and are not counted.
    pub skipped: u64,
    /// The peers and clients, in the order in which they first came.
    pub peers: Vec<PeerSummary>,
}

/// One peer or client at one server. It is known by its peer id if it has one, otherwise by its
/// address (without the port) and the client's name.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerSummary {
    /// The server.
    pub server: Source,
    /// Which of several servers of this kind, from 0.
    pub instance: u16,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<PeerName>,
    /// Its name and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// Its addresses, at most 16.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<SocketAddr>,
    /// Milliseconds from the start to its first entry.
    pub first_seen: u64,
    /// Milliseconds from the start to its last entry.
    pub last_seen: u64,
    /// Its connections to the peer port.
    pub connections: u64,
    /// Its announces, by torrent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub announces: Vec<AnnounceSummary>,
    /// Its scrapes.
    pub scrapes: ScrapeSummary,
    /// The pieces that it requested or was sent blocks of, by torrent and number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub pieces: Vec<PieceSummary>,
    /// The HTTP requests that were answered, in the order in which they first came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub requests: Vec<RequestSummary>,
    /// Bytes of content that it was sent.
    pub sent: u64,
    /// How often a fault acted on it, by type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub faults: BTreeMap<&'static str, u64>,
}

/// The announces of one peer for one torrent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct AnnounceSummary {
    /// The torrent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub torrent: Option<Arc<str>>,
    /// The infohash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub infohash: Option<Infohash>,
    /// With `started`.
    pub started: u64,
    /// With `completed`.
    pub completed: u64,
    /// With `stopped`.
    pub stopped: u64,
    /// Without an event.
    pub update: u64,
    /// How many of all these were refused.
    pub refused: u64,
}

/// The scrapes of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct ScrapeSummary {
    /// How many.
    pub count: u64,
    /// How many of these were refused.
    pub refused: u64,
}

/// One piece, as one peer asked for it and got it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct PieceSummary {
    /// The torrent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub torrent: Option<Arc<str>>,
    /// The infohash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub infohash: Option<Infohash>,
    /// The piece.
    pub piece: u32,
    /// Requests for its blocks.
    pub requests: u64,
    /// Blocks of it that were sent.
    pub blocks: u64,
    /// Bytes in these blocks.
    pub bytes: u64,
}

/// HTTP requests that were alike.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RequestSummary {
    /// The method.
    pub method: Text,
    /// The path.
    pub path: Text,
    /// The bytes that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<ByteSpan>,
    /// The status code of the answer.
    pub status: u16,
    /// How many.
    pub times: u64,
    /// Bytes of all their bodies that were sent.
    pub sent: u64,
    /// Where a body was cut off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub cuts: Vec<Cut>,
}

/// A response that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Cut {
    /// Bytes of the body that were sent.
    pub after: u64,
    /// Bytes of the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// The key that tells peers apart.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Id(PeerName),
    Client(Option<IpAddr>, Option<Text>),
}

/// Counts entries.
#[derive(Default)]
struct Counting {
    summary: Summary,
    peers: HashMap<(Source, u16, Identity), usize>,
    pieces: HashMap<(usize, Option<Infohash>, u32), usize>,
    requests: HashMap<(usize, Text, Text, Option<ByteSpan>, u16), usize>,
}

impl Journal {
    /// The summary of a journal: what each peer requested, received, and where it was cut off.
    #[must_use]
    pub fn summary(&self, since: u64, filter: &Filter) -> Summary {
        let mut counting = Counting::default();
        let (mut since, end) = (since, self.last());
        while since < end {
            let page = self.read(since, filter, 1024);
            counting.summary.skipped += page.skipped;
            if page.next == since {
                break;
            }
            since = page.next;
            page.entries.iter().for_each(|entry| counting.count(entry));
        }
        let mut summary = counting.summary;
        for peer in &mut summary.peers {
            peer.pieces.sort_by_key(|piece| (piece.infohash, piece.piece));
        }
        summary
    }
}

impl Counting {
    fn count(&mut self, entry: &Entry) {
        let record = &entry.record;
        if self.summary.first == 0 {
            self.summary.first = entry.seq;
        }
        self.summary.last = entry.seq;
        let identity = match (record.peer_id, record.peer, &record.client) {
            (Some(id), _, _) => Identity::Id(id),
            (None, None, None) => return,
            (None, address, client) => {
                Identity::Client(address.map(|it| it.ip().to_canonical()), client.clone())
            }
        };
        let peers = &mut self.summary.peers;
        let key = (record.server, record.instance, identity);
        let index = *self.peers.entry(key).or_insert_with(|| {
            peers.push(PeerSummary {
                server: record.server,
                instance: record.instance,
                peer_id: record.peer_id,
                client: None,
                addresses: Vec::new(),
                first_seen: entry.at,
                last_seen: entry.at,
                connections: 0,
                announces: Vec::new(),
                scrapes: ScrapeSummary::default(),
                pieces: Vec::new(),
                requests: Vec::new(),
                sent: 0,
                faults: BTreeMap::new(),
            });
            peers.len() - 1
        });
        let peer = &mut peers[index];
        peer.last_seen = entry.at;
        if let Some(client) = &record.client {
            peer.client = Some(client.clone());
        }
        if let Some(address) = record.peer
            && peer.addresses.len() < MAX_ADDRESSES
            && !peer.addresses.contains(&address)
        {
            peer.addresses.push(address);
        }
        for fault in &record.faults {
            *peer.faults.entry(fault.fault).or_default() += 1;
        }
        match &record.event {
            Event::Announce { event, reason, .. } => {
                let same = |it: &AnnounceSummary| it.infohash == record.infohash;
                let at = peer.announces.iter().position(same).unwrap_or_else(|| {
                    peer.announces.push(AnnounceSummary {
                        torrent: record.torrent.clone(),
                        infohash: record.infohash,
                        ..AnnounceSummary::default()
                    });
                    peer.announces.len() - 1
                });
                let counts = &mut peer.announces[at];
                *match event {
                    AnnounceEvent::Started => &mut counts.started,
                    AnnounceEvent::Completed => &mut counts.completed,
                    AnnounceEvent::Stopped => &mut counts.stopped,
                    AnnounceEvent::Update => &mut counts.update,
                } += 1;
                counts.refused += u64::from(reason.is_some());
            }
            Event::Scrape { reason, .. } => {
                peer.scrapes.count += 1;
                peer.scrapes.refused += u64::from(reason.is_some());
            }
            Event::Connected { .. } => peer.connections += 1,
            Event::BlockRequest { piece, .. } | Event::Block { piece, .. } => {
                let key = (index, record.infohash, *piece);
                let at = *self.pieces.entry(key).or_insert_with(|| {
                    peer.pieces.push(PieceSummary {
                        torrent: record.torrent.clone(),
                        infohash: record.infohash,
                        piece: *piece,
                        ..PieceSummary::default()
                    });
                    peer.pieces.len() - 1
                });
                let counts = &mut peer.pieces[at];
                if let Event::Block { length, .. } = record.event {
                    counts.blocks += 1;
                    counts.bytes += u64::from(length);
                    peer.sent += u64::from(length);
                } else {
                    counts.requests += 1;
                }
            }
            Event::Response { method, path, range, status, sent, length, complete, .. } => {
                let key = (index, method.clone(), path.clone(), *range, *status);
                let at = *self.requests.entry(key).or_insert_with(|| {
                    peer.requests.push(RequestSummary {
                        method: method.clone(),
                        path: path.clone(),
                        range: *range,
                        status: *status,
                        times: 0,
                        sent: 0,
                        cuts: Vec::new(),
                    });
                    peer.requests.len() - 1
                });
                let counts = &mut peer.requests[at];
                counts.times += 1;
                counts.sent += sent;
                peer.sent += sent;
                if !complete {
                    counts.cuts.push(Cut { after: *sent, of: *length });
                }
            }
            _ => {}
        }
    }
}
