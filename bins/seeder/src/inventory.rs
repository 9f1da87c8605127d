//! The inventory: every torrent of this seeder with its state, and the public peers that seed them.

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
    library::Source,
    public_peer::PublicPeer,
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
    public_peers: Vec<PublicPeer>,
    started: Instant,
    torrents: RwLock<Vec<Arc<Torrent>>>,
}

impl Inventory {
    pub(crate) fn new(
        tiers: Vec<Vec<String>>,
        web_seeds: Vec<String>,
        public_peers: Vec<PublicPeer>,
    ) -> Self {
        let torrents = RwLock::default();
        Self { tiers, web_seeds, public_peers, started: Instant::now(), torrents }
    }

    pub(crate) fn public_peers(&self) -> &[PublicPeer] {
        &self.public_peers
    }

    /// All torrents, in the order in which they were added.
    pub(crate) fn all(&self) -> Vec<Arc<Torrent>> {
        self.read().clone()
    }

    pub(crate) fn insert(&self, torrent: Arc<Torrent>) {
        self.write().push(torrent);
    }

    pub(crate) fn remove(&self, torrent: &Arc<Torrent>) {
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

    /// The torrent with the infohash of `torrent` that was added before it.
    pub(crate) fn twin(&self, torrent: &Arc<Torrent>) -> Option<Arc<Torrent>> {
        let infohash = torrent.infohash()?;
        let torrents = self.read();
        let mut before = torrents.iter().take_while(|other| !Arc::ptr_eq(other, torrent));
        before.find(|other| other.infohash() == Some(infohash)).cloned()
    }

    /// Waits until the trackers have answered to the announces of a torrent, or have had their
    /// time.
    pub(crate) async fn wait_for_trackers(&self, torrent: &Torrent) {
        if let Some(infohash) = torrent.infohash() {
            let each = self.public_peers.iter().map(|peer| peer.wait_for_trackers(infohash));
            join_all(each).await;
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
        for peer in &self.public_peers {
            let mut changes = peer.announcer.changes();
            while self.all().iter().any(|torrent| peer.refusal(torrent).is_some()) {
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
        let failures = torrents.iter().filter_map(|torrent| {
            Some(format!("{} is in error: {}", torrent.name, torrent.failure()?))
        });
        if let Some(failure) = failures.reduce(|all, failure| format!("{all}; {failure}")) {
            return Some(failure);
        }
        let mut refusals = torrents.iter().flat_map(|torrent| {
            self.public_peers.iter().filter_map(move |peer| peer.refusal(torrent))
        });
        refusals.next()
    }

    /// How many torrents there are, how many peers are connected, and how many bytes they got.
    pub(crate) fn totals(&self) -> (usize, usize, u64) {
        let torrents = self.all();
        let infohashes: Vec<_> = torrents.iter().filter_map(|torrent| torrent.infohash()).collect();
        let each = || {
            self.public_peers.iter().flat_map(|seeder| infohashes.iter().map(move |i| (seeder, *i)))
        };
        let peers = each().map(|(seeder, infohash)| seeder.wire.peer_count(infohash)).sum();
        let uploaded = each().map(|(seeder, infohash)| seeder.wire.uploaded(infohash)).sum();
        (torrents.len(), peers, uploaded)
    }

    /// A torrent as the control API shows it. `host` is the caller's name for this server.
    pub(crate) fn view(&self, torrent: &Torrent, host: &str) -> TorrentView {
        let metainfo = torrent.metainfo();
        let metainfo = metainfo.as_deref();
        let infohash = metainfo.map(Metainfo::infohash);
        let over = |count: fn(&PublicPeer, Infohash) -> u64| -> u64 {
            infohash
                .map_or(0, |infohash| self.public_peers.iter().map(|f| count(f, infohash)).sum())
        };
        let size = torrent.size();
        let trackers = self.public_peers.iter().enumerate().flat_map(|(seeder, peer)| {
            let status = infohash.map(|infohash| peer.announcer.status(infohash));
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
            error: torrent.failure(),
            hashed: match metainfo {
                Some(_) => 1.0,
                None => (torrent.hashing.hashed() as f64 / size as f64).min(1.0),
            },
            seed: match &torrent.source {
                Source::Path(_) => None,
                Source::Synthetic(synthetic) => Some(synthetic.seed),
            },
            uploaded: over(|peer, infohash| peer.wire.uploaded(infohash)),
            peers: over(|peer, infohash| peer.wire.peer_count(infohash) as u64),
            torrent_url: infohash.map(|hash| format!("http://{host}/torrents/{hash}.torrent")),
            trackers: trackers.collect(),
        }
    }

    /// All torrents as the control API shows them.
    pub(crate) fn views(&self, host: &str) -> Vec<TorrentView> {
        self.all().iter().map(|torrent| self.view(torrent, host)).collect()
    }

    /// The connected peers of all torrents; or those of one torrent, and then the last that left it.
    pub(crate) fn peers(&self, torrent: Option<Infohash>) -> Vec<PeerView> {
        let of_peer = |(seeder, public_peer): (usize, &PublicPeer)| {
            let mut peers = public_peer.wire.peers();
            if let Some(infohash) = torrent {
                peers.extend(public_peer.wire.departed());
                peers.retain(|peer| peer.infohash == infohash);
            }
            peers
                .into_iter()
                .map(move |peer| PeerView::of(seeder, &peer, self.started))
                .collect::<Vec<_>>()
        };
        self.public_peers.iter().enumerate().flat_map(of_peer).collect()
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
