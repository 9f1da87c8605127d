//! The client: a librqbit session that downloads one torrent, from peers that the announcer finds.
//!
//! librqbit takes peers only when a torrent is added. If a download makes no progress while the
//! announcer has found other peers, the torrent is therefore added anew; the pieces that are there
//! stay.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::SocketAddr,
    num::NonZeroU16,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use librqbit::{
    AddTorrentOptions, AddTorrentResponse, ListenerMode, ListenerOptions, ManagedTorrent, Session,
    SessionOptions, api::TorrentIdOrHash,
};
use librqbit_core::Id20;
use seedbed_announcer::PeersFound;
use seedbed_metainfo::{PeerId, SEEDBED_PREFIX};
use seedbed_service::Shutdown;
use tokio::{
    sync::mpsc,
    time::{Instant, interval, timeout},
};

use crate::fetch::{progress::Progress, source::Wanted};

/// How often to ask librqbit for its progress: it has no event for that.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a download may stand still before it is continued with the peers found meanwhile, and
/// how long to wait after all peers failed to give the metadata.
const STALLED: Duration = Duration::from_secs(1);

/// The progress that the announcer reports to trackers.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) downloaded: AtomicU64,
    pub(super) left: AtomicU64,
}

/// A session that talks to peers, and to nobody else.
pub(super) struct Client {
    session: Arc<Session>,
    pub(super) peer_id: PeerId,
    /// The port at which it accepts peers.
    pub(super) port: NonZeroU16,
    peers: BTreeSet<SocketAddr>,
    found: mpsc::Receiver<PeersFound>,
    /// The announcer's end, until [`Client::listen_to`] replaces it.
    counters: Arc<Counters>,
}

impl Client {
    /// Starts a session that stores files below `directory`.
    pub(super) async fn start(
        directory: PathBuf,
        peers: &[SocketAddr],
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        // Two downloads at a time must not take each other for themselves.
        let random = RandomState::new().build_hasher().finish();
        let peer_id = PeerId::derived(SEEDBED_PREFIX, random, 0);
        let options = SessionOptions {
            cancellation_token: Some(shutdown.child_token()),
            client_name_and_version: Some(concat!("seedbed ", env!("CARGO_PKG_VERSION")).into()),
            dht: None,
            disable_local_service_discovery: true,
            disable_trackers: true,
            listen: Some(ListenerOptions {
                mode: ListenerMode::TcpOnly,
                ..ListenerOptions::default()
            }),
            peer_id: Some(Id20::new(*peer_id.as_bytes())),
            ..SessionOptions::default()
        };
        let session = Session::new_with_opts(directory, options).await;
        let session = session.context("failed to start the client")?;
        let port = session.listen_addr().and_then(|address| NonZeroU16::new(address.port()));
        let port = port.context("failed to start the client: it does not listen")?;
        let (_, found) = mpsc::channel(1);
        let peers = peers.iter().copied().collect();
        Ok(Self { session, peer_id, port, peers, found, counters: Arc::default() })
    }

    /// Takes peers from an announcer that reports `counters`.
    pub(super) fn listen_to(&mut self, found: mpsc::Receiver<PeersFound>, counters: Arc<Counters>) {
        (self.found, self.counters) = (found, counters);
    }

    /// Gets the metainfo from a peer.
    pub(super) async fn get_metainfo(&mut self, wanted: &mut Wanted) -> anyhow::Result<()> {
        loop {
            while self.peers.is_empty() {
                self.next_peers().await;
            }
            let options = AddTorrentOptions { list_only: true, ..self.options() };
            let session = Arc::clone(&self.session);
            let attempt = session.add_torrent(wanted.add_torrent(), Some(options));
            tokio::select! {
                added = attempt => match added {
                    Ok(AddTorrentResponse::ListOnly(listed)) => {
                        self.peers.extend(listed.seen_peers);
                        wanted.set_metainfo(listed.torrent_bytes.into());
                        return Ok(());
                    }
                    Ok(_) => bail!("wanted metadata, but the client added the torrent"),
                    Err(error) => {
                        tracing::debug!(error = format!("{error:#}"), "no peer gave the metadata");
                        let _no_others = timeout(STALLED, self.next_peers()).await;
                    }
                },
                // Start over with all peers.
                () = self.next_peers() => {}
            }
        }
    }

    /// Downloads all pieces, as long as each `limit` brings something. Calls `started` once it is
    /// known how many bytes are left.
    pub(super) async fn download(
        &mut self,
        wanted: &Wanted,
        limit: Duration,
        mut started: impl FnMut(),
    ) -> anyhow::Result<Arc<ManagedTorrent>> {
        let mut last = Instant::now();
        loop {
            let torrent = self.add(wanted).await?;
            let name = torrent.name().unwrap_or_else(|| wanted.infohash.to_string());
            let failed = || format!("failed to download {name}");
            torrent.wait_until_initialized().await.with_context(failed)?;
            let progress = Progress::new(&name, torrent.stats().total_bytes);
            self.count(&torrent);
            started();
            let known = self.peers.len();
            let mut fetched = 0;
            let mut polls = interval(POLL_INTERVAL);
            let done = torrent.wait_until_completed();
            tokio::pin!(done);
            loop {
                tokio::select! {
                    outcome = &mut done => {
                        outcome.with_context(failed)?;
                        self.count(&torrent);
                        return Ok(Arc::clone(&torrent));
                    }
                    _ = polls.tick() => {}
                    () = self.next_peers() => {}
                }
                let stats = torrent.stats();
                progress.set(stats.progress_bytes);
                // Bytes of pieces that are not complete yet count as progress, too.
                let live = stats.live.as_ref().map_or(0, |live| live.snapshot.fetched_bytes);
                self.count(&torrent);
                if fetched != stats.progress_bytes + live {
                    (fetched, last) = (stats.progress_bytes + live, Instant::now());
                } else if last.elapsed() >= limit {
                    bail!(
                        "failed to download {name}: no byte within {limit:?}, {} of {} are there",
                        stats.progress_bytes,
                        stats.total_bytes
                    );
                } else if last.elapsed() >= STALLED && self.peers.len() > known {
                    break;
                }
            }
            let id = TorrentIdOrHash::Hash(Id20::new(*wanted.infohash.as_bytes()));
            self.session.delete(id, false).await.with_context(failed)?;
        }
    }

    async fn add(&self, wanted: &Wanted) -> anyhow::Result<Arc<ManagedTorrent>> {
        let added = self.session.add_torrent(wanted.add_torrent(), Some(self.options())).await;
        added
            .with_context(|| format!("failed to add {}", wanted.infohash))?
            .into_handle()
            .context("the client only listed the torrent")
    }

    fn options(&self) -> AddTorrentOptions {
        AddTorrentOptions {
            initial_peers: Some(self.peers.iter().copied().collect()),
            // Pieces that are in the directory already are checked and kept.
            overwrite: true,
            ..AddTorrentOptions::default()
        }
    }

    fn count(&self, torrent: &ManagedTorrent) {
        let stats = torrent.stats();
        let live = stats.live.as_ref().map_or(0, |live| live.snapshot.fetched_bytes);
        self.counters.downloaded.fetch_max(live, Ordering::Relaxed);
        let left = stats.total_bytes.saturating_sub(stats.progress_bytes);
        self.counters.left.store(left, Ordering::Relaxed);
    }

    /// Waits until the announcer has found a peer that is not known yet; for ever if it finds none.
    async fn next_peers(&mut self) {
        while let Some((_, peers)) = self.found.recv().await {
            let before = self.peers.len();
            self.peers.extend(peers.into_iter().map(|peer| peer.addr));
            if self.peers.len() > before {
                return;
            }
        }
        std::future::pending().await
    }
}
