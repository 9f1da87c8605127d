//! A running seeder: the engine, the wires in front of it and the announcers. Each part starts before
//! the one that depends on it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use seedbed_announcer::{Announcer, PeersFound};
use seedbed_http::{App, Server};
use seedbed_metainfo::{HashCache, PeerId, SEEDBED_PREFIX};
use seedbed_service::{Parts, Shutdown, UsageContext as _, guard::Guard};
use seedbed_wire::{Limiter, Wire};
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Listeners, TorrentView, api,
    control::{Control, MOST_RECOVERIES},
    engine::{Engine, Failures},
    inventory::Inventory,
    metrics, progress,
    public_peer::PublicPeer,
    share::Share,
    torrent::Torrent,
};

/// How many peers to ask a tracker for: all that it gives.
const NUMWANT: u32 = 200;

/// A running seeder. It ends when the [`Shutdown`] it was started with is cancelled.
pub struct Seeder {
    /// The engine ends with its last owner.
    control: Arc<Control>,
    parts: Parts,
    /// Cancelled once every torrent seeds.
    loaded: CancellationToken,
    shutdown: Shutdown,
}

impl Seeder {
    /// Lists what there is to seed and starts all parts. Hashing goes on in the background, see
    /// [`Seeder::seeding`].
    ///
    /// # Errors
    /// There is nothing that can be seeded (marked as wrong usage), or a part does not start.
    pub async fn start(
        config: Config,
        listeners: Listeners,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let fixtures = config.library.fixtures().usage("nothing to seed")?;
        let cache = config.cache.as_deref().and_then(|directory| {
            // A volume may be read-only: then all is hashed each time.
            let opened = HashCache::open(directory);
            opened.inspect_err(|error| tracing::info!(%error, "no hash cache")).ok()
        });
        let mut parts = Parts::new(&shutdown);
        let peer_ids: Vec<_> = (0..listeners.peers.len() as u64)
            .map(|index| PeerId::derived(SEEDBED_PREFIX, config.seed, index))
            .collect();
        let (engine, failures, upstream) = match &config.upstream {
            Some(upstream) => (None, None, upstream.clone()),
            None => {
                let first = peer_ids.first().copied().context("wanted a seeder, got none")?;
                let (engine, failures) = Engine::start(first, &shutdown).await?;
                let address = engine.address().to_string();
                (Some(engine), Some(failures), address)
            }
        };
        let ours = listeners.peers.iter().map(|sockets| sockets.tcp.local_addr());
        let ours: Vec<_> = ours.collect::<Result<_, _>>()?;
        let ours = Ours { addresses: ours, announce_ip: config.announce_ip };
        let limiter = config.upload_limit.map(|rate| Arc::new(Limiter::new(rate)));
        let seeders = listeners.peers.len();
        let mut public_peers = Vec::new();
        for (index, (sockets, peer_id)) in listeners.peers.into_iter().zip(peer_ids).enumerate() {
            let port = sockets.tcp.local_addr()?.port();
            let wire = Wire::new(seedbed_wire::Config {
                encryption: config.encryption,
                limiter: limiter.clone(),
                peer_limit: config.peer_upload_limit,
                ..seedbed_wire::Config::new(upstream.clone(), peer_id)
            });
            let (announcer, peers_found) = Announcer::start(
                seedbed_announcer::Config {
                    trackers: config.announce.clone(),
                    peer_id,
                    port: port.try_into().context("failed to announce the peer port")?,
                    announce_ip: config.announce_ip,
                    max_interval: config.announce_interval,
                    numwant: NUMWANT,
                },
                shutdown.clone(),
            );
            parts.spawn({
                let (wire, shutdown) = (wire.clone(), shutdown.clone());
                async move { Ok(wire.run(sockets, shutdown).await?) }
            });
            if config.dial {
                parts.spawn(dial(wire.clone(), peers_found, ours.clone(), shutdown.clone()));
            }
            let share = config.partial.map(|fraction| Share {
                seed: config.seed,
                index,
                seeders,
                fraction,
            });
            public_peers.push(PublicPeer { wire, announcer, share });
        }

        let control = Arc::new(Control {
            inventory: Inventory::new(config.magnet_trackers, config.web_seeds, public_peers),
            engine,
            library: config.library,
            options: config.options,
            cache,
            hashing: Mutex::default(),
            membership: Mutex::default(),
            recoveries: Semaphore::new(MOST_RECOVERIES),
        });
        if let Some(failures) = failures {
            parts.spawn(withdraw_failed(Arc::clone(&control), failures, shutdown.clone()));
        }
        let torrents = control.insert(fixtures);
        let guard = Guard::new(config.control, listeners.http.local_addr()?);
        let router = api::router(Arc::clone(&control), metrics::register(Arc::clone(&control)));
        let server = Server::new("seeder-http", App::layered(router, guard.layer()));
        let serving = server.serve(listeners.http, shutdown.clone());
        parts.spawn(async move { serving.await.context("failed to serve the control API") });
        let loaded = CancellationToken::new();
        parts.spawn({
            let load = load(Arc::clone(&control), torrents);
            let (loaded, shutdown) = (loaded.clone(), shutdown.clone());
            async move {
                if let Some(outcome) = shutdown.run_until_cancelled(load).await {
                    outcome?;
                    loaded.cancel();
                }
                Ok(())
            }
        });
        Ok(Self { control, parts, loaded, shutdown })
    }

    /// Waits until every torrent is hashed and seeding, or until shutdown: then it is false.
    pub async fn seeding(&self) -> bool {
        self.shutdown.run_until_cancelled(self.loaded.cancelled()).await.is_some()
    }

    /// Waits until every torrent seeds and every tracker has accepted it, or until shutdown: then
    /// it is false.
    pub async fn announced(&self) -> bool {
        self.seeding().await
            && self.shutdown.run_until_cancelled(self.control.inventory.announced()).await.is_some()
    }

    /// All torrents, in the order of their names. Their URLs have `host` as host and port.
    #[must_use]
    pub fn torrents(&self, host: &str) -> Vec<TorrentView> {
        self.control.inventory.views(host)
    }

    /// Serves until shutdown, and then until every tracker has been told `stopped`.
    ///
    /// # Errors
    /// Content could not be read, or a socket failed.
    pub async fn finished(self) -> anyhow::Result<()> {
        let outcome = self.parts.finished().await;
        let public_peers = self.control.inventory.public_peers().iter();
        let finished = public_peers.map(|peer| peer.announcer.finished());
        futures_util::future::join_all(finished).await;
        outcome
    }
}

/// Takes each torrent out of service whose content could not be read.
async fn withdraw_failed(
    control: Arc<Control>,
    mut failures: Failures,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut withdrawing = JoinSet::new();
    while let Some(Some(torrent)) = shutdown.run_until_cancelled(failures.recv()).await {
        let control = Arc::clone(&control);
        // Beside each other: one whose file system hangs stays in there.
        withdrawing.spawn(async move { control.withdraw_failed(&torrent).await });
        while withdrawing.try_join_next().is_some() {}
    }
    Ok(())
}

/// Hashes one content after the other, since each takes all cores, while the engine checks those
/// before it.
async fn load(control: Arc<Control>, torrents: Vec<Arc<Torrent>>) -> anyhow::Result<()> {
    let _shown = progress::show(&torrents);
    let mut loading = JoinSet::new();
    for torrent in torrents {
        let control = Arc::clone(&control);
        loading.spawn(async move { control.load(&torrent).await });
    }
    while let Some(loaded) = loading.join_next().await {
        loaded??;
    }
    Ok(())
}

/// Where this process is listed itself, by each of its seeders.
#[derive(Clone)]
struct Ours {
    addresses: Vec<SocketAddr>,
    announce_ip: Option<IpAddr>,
}

impl Ours {
    /// Whether an address is certainly one of them. Where it is not certain, two seeders of one
    /// process connect and find that they want nothing of each other.
    fn contains(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        let is_here = ip.is_loopback() || Some(ip) == self.announce_ip;
        let is_it = |own: &SocketAddr| {
            own.port() == peer.port() && (is_here || own.ip().to_canonical() == ip)
        };
        self.addresses.iter().any(is_it)
    }
}

/// Connects to the peers that trackers list.
async fn dial(
    wire: Wire,
    mut peers_found: mpsc::Receiver<PeersFound>,
    ours: Ours,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    while let Some(Some((infohash, peers))) = shutdown.run_until_cancelled(peers_found.recv()).await
    {
        for peer in peers.into_iter().filter(|peer| !ours.contains(peer.addr)) {
            wire.dial(infohash, peer.addr, peer.peer_id);
        }
    }
    Ok(())
}
