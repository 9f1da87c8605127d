//! The JSON of the control API.

use std::{net::SocketAddr, time::Instant};

use seedbed_announcer::TrackerStatus;
use seedbed_metainfo::{Client, Infohash, Metainfo};
use seedbed_wire::{Origin, PeerStatus, Transport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::torrent::{State, Torrent};

/// A torrent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Torrent)]
pub struct TorrentView {
    /// The infohash in 40 lower-case hex digits, once it is hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, pattern = "^[0-9a-f]{40}$")]
    pub hash: Option<Infohash>,
    /// The fixture's name: the file's stem or the folder's name.
    pub name: String,
    /// Magnet link that names trackers and web seeds, once it is hashed.
    #[serde(rename = "magnetURI", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, format = "uri")]
    pub magnet_uri: Option<String>,
    /// Length of all files in bytes.
    pub size: u64,
    /// The files, in the order of their bytes.
    pub files: Vec<FileView>,
    /// Bytes that each piece hash covers, once it is hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    pub piece_length: Option<u32>,
    /// How many pieces there are, once it is hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = usize, required = false)]
    pub pieces: Option<usize>,
    /// Its state.
    pub state: State,
    /// Why its state is `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub error: Option<String>,
    /// The part of it that is hashed, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub hashed: f64,
    /// The seed of synthetic content.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub seed: Option<u64>,
    /// Bytes of blocks sent to peers since the start.
    pub uploaded: u64,
    /// How many peers are connected.
    pub peers: u64,
    /// URL of its .torrent file on this server, once it is hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, format = "uri")]
    pub torrent_url: Option<String>,
    /// Its state at each tier of trackers.
    pub trackers: Vec<TrackerView>,
}

/// One file of a torrent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub struct FileView {
    /// Its path below a client's download directory; a folder's name is part of it.
    pub path: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in 64 hex digits, once it is hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, pattern = "^[0-9a-f]{64}$")]
    pub sha256: Option<String>,
}

/// The state of a torrent at one tier of trackers.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tracker)]
pub struct TrackerView {
    /// Which of the seeders announces, counted from 0.
    seeder: usize,
    /// The tier, counted from 0.
    tier: usize,
    /// The tracker of the tier that is in use.
    #[schema(format = "uri")]
    url: String,
    /// Whether the last announce was accepted.
    accepted: bool,
    /// How many were accepted.
    announces: u64,
    /// Why the last announce failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    error: Option<String>,
}

/// A peer that is connected, or was.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Peer)]
pub(crate) struct PeerView {
    /// The torrent.
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    hash: Infohash,
    /// The peer's id in hex digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    id: seedbed_metainfo::PeerId,
    /// The client and version that its id names.
    client: String,
    /// The address that it connected from, or at which it was dialled.
    #[schema(value_type = String)]
    address: SocketAddr,
    /// The transport of the connection.
    transport: TransportView,
    /// Whether the stream is encrypted.
    encrypted: bool,
    /// Who opened the connection.
    origin: OriginView,
    /// Which of the seeders it is connected to, counted from 0.
    seeder: usize,
    /// Whether it is interested.
    interested: bool,
    /// Whether it is choked.
    choked: bool,
    /// Bytes of content sent to it.
    bytes: u64,
    /// Blocks sent to it.
    blocks: u64,
    /// Time of its handshake, in milliseconds since the seeder's start.
    since: u64,
    /// How the connection ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = LeftView, required = false)]
    left: Option<LeftView>,
}

/// How a connection ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Left)]
struct LeftView {
    /// When, in milliseconds since the seeder's start.
    at: u64,
    /// The side that ended it: `peer`, `engine`, `wire` or `policy`.
    by: &'static str,
    /// Why.
    reason: String,
}

/// The transport of a connection.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Transport)]
enum TransportView {
    Tcp,
    Utp,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Origin)]
enum OriginView {
    Incoming,
    Outgoing,
}

/// The keys of `/health` beside its status.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SeederHealth)]
pub(crate) struct HealthView {
    /// How many torrents peers can download.
    pub(crate) seeding_torrents: usize,
    /// The torrents that are hashed.
    pub(crate) known_hashes: Vec<KnownHash>,
}

/// A torrent in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct KnownHash {
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    pub(crate) hash: Infohash,
    pub(crate) name: String,
    #[serde(rename = "magnetURI")]
    pub(crate) magnet_uri: String,
}

impl FileView {
    /// The files of a torrent, with their hashes where there are any yet.
    pub(crate) fn all(torrent: &Torrent, metainfo: Option<&Metainfo>) -> Vec<Self> {
        let content = &torrent.content;
        let place = |path: String| match content.is_single_file() {
            true => path,
            false => format!("{}/{path}", content.name()),
        };
        match metainfo {
            Some(metainfo) => metainfo
                .files()
                .iter()
                .map(|file| Self {
                    path: place(file.path.clone()),
                    length: file.length,
                    sha256: Some(hex::encode(file.sha256)),
                })
                .collect(),
            None => content
                .files()
                .iter()
                .map(|file| Self {
                    path: place(file.display_path()),
                    length: file.length,
                    sha256: None,
                })
                .collect(),
        }
    }
}

impl TrackerView {
    pub(crate) fn of(seeder: usize, status: TrackerStatus) -> Self {
        Self {
            seeder,
            tier: status.tier,
            url: status.url.to_string(),
            accepted: status.accepted,
            announces: status.announces,
            error: status.last_error,
        }
    }
}

impl PeerView {
    pub(crate) fn of(seeder: usize, peer: &PeerStatus, started: Instant) -> Self {
        let milliseconds = |time: Instant| {
            u64::try_from(time.saturating_duration_since(started).as_millis()).unwrap_or(u64::MAX)
        };
        Self {
            since: milliseconds(peer.since),
            left: peer.left.as_ref().map(|left| LeftView {
                at: milliseconds(left.at),
                by: left.by.name(),
                reason: left.reason.clone(),
            }),
            hash: peer.infohash,
            id: peer.peer_id,
            client: Client::of(peer.peer_id).to_string(),
            address: peer.address,
            transport: match peer.transport {
                Transport::Tcp => TransportView::Tcp,
                Transport::Utp => TransportView::Utp,
            },
            encrypted: peer.encrypted,
            origin: match peer.origin {
                Origin::Incoming => OriginView::Incoming,
                Origin::Outgoing => OriginView::Outgoing,
            },
            seeder,
            interested: peer.interested,
            choked: peer.choked,
            bytes: peer.uploaded,
            blocks: peer.blocks,
        }
    }
}
