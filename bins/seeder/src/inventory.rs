//! The inventory: every torrent of this seeder, and how far it has come.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use seedbed_announcer::{Announcer, TrackerStatus};
use seedbed_metainfo::{Infohash, Metainfo};
use seedbed_service::admin::Health;
use seedbed_wire::Wire;
use serde::Serialize;
use serde_json::json;

/// How far a torrent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Hashed; the engine checks its content.
    Checking,
    /// Any peer may have it.
    Seeding,
}

/// A torrent as `/torrents` gives it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TorrentView {
    /// The infohash.
    pub hash: Infohash,
    /// The fixture's name: the file's stem or the folder's name.
    pub name: String,
    /// Magnet link that names the trackers.
    #[serde(rename = "magnetURI")]
    pub magnet_uri: String,
    /// Length of all files in bytes.
    pub size: u64,
    /// The files, in the order of their bytes.
    pub files: Vec<FileView>,
    /// Bytes that each piece hash covers.
    pub piece_length: u32,
    /// How many pieces there are.
    pub pieces: usize,
    /// How far it has come.
    pub state: State,
    /// Bytes of blocks sent to peers since the start.
    pub uploaded: u64,
    /// How many peers are connected.
    pub peers: usize,
    /// Where its .torrent file is, on the host that was asked.
    pub torrent_url: String,
    /// What the trackers say.
    pub trackers: Vec<TrackerView>,
}

/// One file of a torrent.
#[derive(Clone, Debug, Serialize)]
pub struct FileView {
    /// Where a client puts it below its download directory: a folder's name is in it.
    pub path: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in 64 hex digits.
    pub sha256: String,
}

/// A torrent at one tracker.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackerView {
    url: String,
    accepted: bool,
    announces: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

struct Torrent {
    name: String,
    metainfo: Metainfo,
    state: State,
}

/// All torrents of one seeder.
pub(crate) struct Inventory {
    /// How many there will be.
    expected: usize,
    /// Trackers that magnet links and .torrent files name.
    trackers: Vec<String>,
    announcer: Announcer,
    wire: Wire,
    /// Those that are hashed, by their place in the library.
    torrents: RwLock<BTreeMap<usize, Torrent>>,
}

impl Inventory {
    pub(crate) fn new(
        expected: usize,
        trackers: Vec<String>,
        announcer: Announcer,
        wire: Wire,
    ) -> Self {
        Self { expected, trackers, announcer, wire, torrents: RwLock::default() }
    }

    /// Takes in a torrent that is hashed.
    pub(crate) fn insert(&self, place: usize, name: String, metainfo: Metainfo) {
        self.write().insert(place, Torrent { name, metainfo, state: State::Checking });
    }

    /// Opens the wire for a torrent whose content the engine has checked, and announces it.
    pub(crate) fn seed(&self, place: usize) {
        let mut torrents = self.write();
        let Some(torrent) = torrents.get_mut(&place) else { return };
        torrent.state = State::Seeding;
        let infohash = torrent.metainfo.infohash();
        self.wire.serve(infohash);
        let wire = self.wire.clone();
        self.announcer.add(infohash, move || wire.uploaded(infohash));
    }

    /// All that are hashed, in the order of the library. `host` is where the caller reached us.
    pub(crate) fn list(&self, host: &str) -> Vec<TorrentView> {
        self.read().values().map(|torrent| self.view(torrent, host)).collect()
    }

    /// The torrent with this infohash or name.
    pub(crate) fn find(&self, key: &str, host: &str) -> Option<TorrentView> {
        self.with(key, |torrent| self.view(torrent, host))
    }

    /// The .torrent file of the torrent with this infohash or name, and the file's name.
    pub(crate) fn torrent_file(&self, key: &str) -> Option<(String, Vec<u8>)> {
        self.with(key, |torrent| {
            let file = torrent.metainfo.to_torrent(&self.trackers, &[]);
            (format!("{}.torrent", torrent.name), file)
        })
    }

    /// Healthy once every torrent seeds and every tracker has accepted it.
    pub(crate) fn health(&self) -> Health {
        let torrents = self.read();
        let known: Vec<_> = torrents
            .values()
            .map(|torrent| {
                json!({
                    "hash": torrent.metainfo.infohash(),
                    "name": torrent.name,
                    "magnetURI": self.magnet_link(torrent),
                })
            })
            .collect();
        let mut details = serde_json::Map::new();
        details.insert("seedingTorrents".into(), seeding(&torrents).into());
        details.insert("knownHashes".into(), known.into());
        Health { degraded: self.degraded(&torrents), details }
    }

    /// Whether every torrent seeds and every tracker has accepted it.
    pub(crate) fn is_announced(&self) -> bool {
        self.degraded(&self.read()).is_none()
    }

    /// Why the seeder is not healthy.
    fn degraded(&self, torrents: &BTreeMap<usize, Torrent>) -> Option<String> {
        let seeding = seeding(torrents);
        if seeding < self.expected {
            return Some(format!("{seeding} of {} torrents are hashed and seeding", self.expected));
        }
        torrents.values().find_map(|torrent| self.refusal(torrent))
    }

    /// Why a torrent is not at each of its trackers.
    fn refusal(&self, torrent: &Torrent) -> Option<String> {
        let status = self.announcer.status(torrent.metainfo.infohash());
        status.into_iter().find(|tracker| !tracker.accepted).map(|tracker| {
            let why = tracker.last_error.as_deref().unwrap_or("no answer yet");
            format!("{} is not announced at {}: {why}", torrent.name, tracker.url)
        })
    }

    fn view(&self, torrent: &Torrent, host: &str) -> TorrentView {
        let metainfo = &torrent.metainfo;
        let infohash = metainfo.infohash();
        TorrentView {
            hash: infohash,
            name: torrent.name.clone(),
            magnet_uri: self.magnet_link(torrent),
            size: metainfo.length(),
            files: metainfo.files().iter().map(|file| FileView::of(metainfo, file)).collect(),
            piece_length: metainfo.piece_length().bytes(),
            pieces: metainfo.piece_count(),
            state: torrent.state,
            uploaded: self.wire.uploaded(infohash),
            peers: self.wire.peer_count(infohash),
            torrent_url: format!("http://{host}/torrents/{infohash}.torrent"),
            trackers: self.announcer.status(infohash).into_iter().map(TrackerView::of).collect(),
        }
    }

    fn magnet_link(&self, torrent: &Torrent) -> String {
        torrent.metainfo.magnet_link(&self.trackers, &[]).to_string()
    }

    fn with<T>(&self, key: &str, give: impl FnOnce(&Torrent) -> T) -> Option<T> {
        let infohash = key.parse::<Infohash>().ok();
        self.read()
            .values()
            .find(|torrent| Some(torrent.metainfo.infohash()) == infohash || torrent.name == key)
            .map(give)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<usize, Torrent>> {
        self.torrents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<usize, Torrent>> {
        self.torrents.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seeding(torrents: &BTreeMap<usize, Torrent>) -> usize {
    torrents.values().filter(|torrent| torrent.state == State::Seeding).count()
}

impl FileView {
    fn of(metainfo: &Metainfo, file: &seedbed_metainfo::File) -> Self {
        let path = if metainfo.is_single_file() {
            file.path.clone()
        } else {
            format!("{}/{}", metainfo.name(), file.path)
        };
        Self { path, length: file.length, sha256: hex::encode(file.sha256) }
    }
}

impl TrackerView {
    fn of(status: TrackerStatus) -> Self {
        Self {
            url: status.url.to_string(),
            accepted: status.accepted,
            announces: status.announces,
            error: status.last_error,
        }
    }
}
