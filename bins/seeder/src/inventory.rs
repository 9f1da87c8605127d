//! The inventory: every torrent of this seeder, how far it has come, and who may have it.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use futures_util::future::join_all;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use seedbed_metainfo::{Infohash, Metainfo};
use seedbed_service::admin::Health;

use crate::{
    front::Front,
    library::Source,
    torrent::{State, Torrent},
    view::{FileView, HealthView, KnownHash, PeerView, TorrentView, TrackerView},
};

/// All that is not unreserved in RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// All torrents of one process, and the peers that seed them.
pub(crate) struct Inventory {
    /// Trackers that magnet links and .torrent files name, in tiers.
    tiers: Vec<Vec<String>>,
    /// Base URLs below which the content directory is served.
    web_seeds: Vec<String>,
    fronts: Vec<Front>,
    started: Instant,
    torrents: RwLock<Vec<Arc<Torrent>>>,
}

impl Inventory {
    pub(crate) fn new(tiers: Vec<Vec<String>>, web_seeds: Vec<String>, fronts: Vec<Front>) -> Self {
        Self { tiers, web_seeds, fronts, started: Instant::now(), torrents: RwLock::default() }
    }

    pub(crate) fn fronts(&self) -> &[Front] {
        &self.fronts
    }

    /// All torrents, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<Arc<Torrent>> {
        self.read().clone()
    }

    pub(crate) fn insert(&self, torrent: Arc<Torrent>) {
        self.write().push(torrent);
    }

    pub(crate) fn forget(&self, torrent: &Arc<Torrent>) {
        self.write().retain(|other| !Arc::ptr_eq(other, torrent));
    }

    /// The torrent with this infohash, or this name, or whose file or folder has this name.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<Torrent>> {
        let infohash = key.parse::<Infohash>().ok();
        let torrents = self.read();
        let by_hash =
            |torrent: &&Arc<Torrent>| infohash.is_some() && torrent.infohash() == infohash;
        let found = torrents
            .iter()
            .find(by_hash)
            .or_else(|| torrents.iter().find(|torrent| torrent.name == key))
            .or_else(|| torrents.iter().find(|torrent| torrent.content.name() == key));
        found.cloned()
    }

    /// The torrent with the infohash of `torrent` that came before it.
    pub(crate) fn twin(&self, torrent: &Arc<Torrent>) -> Option<Arc<Torrent>> {
        let infohash = torrent.infohash()?;
        let torrents = self.read();
        let mut before = torrents.iter().take_while(|other| !Arc::ptr_eq(other, torrent));
        before.find(|other| other.infohash() == Some(infohash)).cloned()
    }

    /// Holds torrents back, or lets peers have them again: state first, then wires and trackers.
    /// Returns once no peer is connected and the trackers know, or have been tried.
    pub(crate) async fn pause(&self, torrents: &[Arc<Torrent>], paused: bool) {
        for torrent in torrents {
            torrent.set_paused(paused);
        }
        join_all(torrents.iter().map(async |torrent| {
            self.settle(torrent).await;
            self.tried(torrent).await;
        }))
        .await;
    }

    /// Brings wires and announcers in line with a torrent's state.
    pub(crate) async fn settle(&self, torrent: &Torrent) {
        let _one_at_a_time = torrent.settling.lock().await;
        let Some(metainfo) = torrent.metainfo() else { return };
        let is_wanted = torrent.state() == State::Seeding && !torrent.removed.is_cancelled();
        if is_wanted {
            self.fronts.iter().for_each(|front| front.serve(&metainfo));
        } else {
            let infohash = metainfo.infohash();
            join_all(self.fronts.iter().map(|front| front.withdraw(infohash))).await;
        }
    }

    /// Waits until trackers have answered, or for at most two seconds.
    pub(crate) async fn tried(&self, torrent: &Torrent) {
        if let Some(infohash) = torrent.infohash() {
            join_all(self.fronts.iter().map(|front| front.tried(infohash))).await;
        }
    }

    /// Its .torrent file, once it is hashed.
    pub(crate) fn torrent_file(&self, torrent: &Torrent) -> Option<Vec<u8>> {
        let metainfo = torrent.metainfo()?;
        Some(metainfo.to_torrent(&self.tiers, &self.web_seeds_of(torrent)))
    }

    /// Healthy once every torrent is ready and, unless it is paused, every tracker has accepted it.
    pub(crate) fn health(&self) -> Health {
        let torrents = self.all();
        let known = torrents.iter().filter_map(|torrent| {
            let metainfo = torrent.metainfo()?;
            Some(KnownHash {
                hash: metainfo.infohash(),
                name: torrent.name.clone(),
                magnet_uri: self.magnet_link(torrent, &metainfo),
            })
        });
        let seeding = torrents.iter().filter(|torrent| torrent.state() == State::Seeding);
        let details =
            HealthView { seeding_torrents: seeding.count(), known_hashes: known.collect() };
        Health::new(self.degraded(&torrents), &details)
    }

    /// Waits until each tracker has accepted each torrent.
    pub(crate) async fn announced(&self) {
        for front in &self.fronts {
            let mut changes = front.announcer.changes();
            while self.all().iter().any(|torrent| front.refusal(torrent).is_some()) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Why the seeder is not healthy.
    fn degraded(&self, torrents: &[Arc<Torrent>]) -> Option<String> {
        let ready = torrents.iter().filter(|torrent| torrent.is_ready()).count();
        if ready < torrents.len() {
            return Some(format!("{ready} of {} torrents are hashed and checked", torrents.len()));
        }
        let mut refusals = torrents
            .iter()
            .flat_map(|torrent| self.fronts.iter().filter_map(move |front| front.refusal(torrent)));
        refusals.next()
    }

    /// How many torrents there are, how many peers are connected, and how many bytes they got.
    pub(crate) fn totals(&self) -> (usize, usize, u64) {
        let torrents = self.all();
        let infohashes: Vec<_> = torrents.iter().filter_map(|torrent| torrent.infohash()).collect();
        let each =
            || self.fronts.iter().flat_map(|front| infohashes.iter().map(move |i| (front, *i)));
        let peers = each().map(|(front, infohash)| front.wire.peer_count(infohash)).sum();
        let uploaded = each().map(|(front, infohash)| front.wire.uploaded(infohash)).sum();
        (torrents.len(), peers, uploaded)
    }

    /// A torrent as the control API gives it. `host` is where the caller reached us.
    pub(crate) fn view(&self, torrent: &Torrent, host: &str) -> TorrentView {
        let metainfo = torrent.metainfo();
        let metainfo = metainfo.as_deref();
        let infohash = metainfo.map(Metainfo::infohash);
        let over = |count: fn(&Front, Infohash) -> u64| -> u64 {
            infohash.map_or(0, |infohash| self.fronts.iter().map(|f| count(f, infohash)).sum())
        };
        let size = torrent.size();
        let trackers = self.fronts.iter().enumerate().flat_map(|(seeder, front)| {
            let status = infohash.map(|infohash| front.announcer.status(infohash));
            status.into_iter().flatten().map(move |tracker| TrackerView::of(seeder, tracker))
        });
        TorrentView {
            hash: infohash,
            name: torrent.name.clone(),
            magnet_uri: metainfo.map(|metainfo| self.magnet_link(torrent, metainfo)),
            size,
            files: FileView::all(torrent, metainfo),
            piece_length: metainfo.map(|metainfo| metainfo.piece_length().bytes()),
            pieces: metainfo.map(Metainfo::piece_count),
            state: torrent.state(),
            hashed: match metainfo {
                Some(_) => 1.0,
                None => (torrent.hashing.hashed() as f64 / size as f64).min(1.0),
            },
            seed: match &torrent.source {
                Source::Path(_) => None,
                Source::Synthetic(synthetic) => Some(synthetic.seed),
            },
            uploaded: over(|front, infohash| front.wire.uploaded(infohash)),
            peers: over(|front, infohash| front.wire.peer_count(infohash) as u64),
            torrent_url: infohash.map(|hash| format!("http://{host}/torrents/{hash}.torrent")),
            trackers: trackers.collect(),
        }
    }

    /// All torrents as the control API gives them.
    pub(crate) fn views(&self, host: &str) -> Vec<TorrentView> {
        self.all().iter().map(|torrent| self.view(torrent, host)).collect()
    }

    /// The connected peers, of one torrent or of all.
    pub(crate) fn peers(&self, torrent: Option<Infohash>) -> Vec<PeerView> {
        let of_front = |(seeder, front): (usize, &Front)| {
            let peers = front.wire.peers().into_iter();
            peers
                .filter(|peer| torrent.is_none_or(|infohash| infohash == peer.infohash))
                .map(move |peer| PeerView::of(seeder, &peer, self.started))
                .collect::<Vec<_>>()
        };
        self.fronts.iter().enumerate().flat_map(of_front).collect()
    }

    fn magnet_link(&self, torrent: &Torrent, metainfo: &Metainfo) -> String {
        metainfo.magnet_link(&self.tiers, &self.web_seeds_of(torrent)).to_string()
    }

    /// The URLs below which a torrent's file or folder is. Synthetic content is in no directory.
    fn web_seeds_of(&self, torrent: &Torrent) -> Vec<String> {
        let Source::Path(path) = &torrent.source else { return Vec::new() };
        let folders = path.parent().unwrap_or(Path::new(""));
        let below = |base: &String| {
            let mut url = base.trim_end_matches('/').to_owned();
            for folder in folders {
                url.push('/');
                url.extend(utf8_percent_encode(&folder.to_string_lossy(), RESERVED));
            }
            url
        };
        self.web_seeds.iter().map(below).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Torrent>>> {
        self.torrents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Torrent>>> {
        self.torrents.write().unwrap_or_else(PoisonError::into_inner)
    }
}
