//! A running seeder: the engine, the wire in front of it and the announcer, started in the order in
//! which each can promise what the next one tells the world.

use std::{
    net::{IpAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use seedbed_announcer::{Announcer, PeersFound, TrackerUrl};
use seedbed_metainfo::{Metainfo, Options, PeerId, PieceLength};
use seedbed_service::{Parts, Shutdown, UsageContext as _, serve};
use seedbed_wire::Wire;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    TorrentView, api,
    engine::Engine,
    inventory::Inventory,
    library::{self, Fixture},
    metrics,
};

/// How many peers to ask a tracker for: all that it gives.
const NUMWANT: u32 = 200;

/// Azureus-style prefix of our peer ids: seedbed, version 0.1.0.0.
const CLIENT: [u8; 8] = *b"-SB0100-";

/// What a seeder seeds, and to whom it says so.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory whose files and folders are seeded.
    pub content: PathBuf,
    /// Trackers to announce to.
    pub announce: Vec<TrackerUrl>,
    /// Trackers that magnet links and .torrent files name.
    pub magnet_trackers: Vec<String>,
    /// `source` of every info dictionary.
    pub namespace: Option<String>,
    /// Chosen by the length of the content where none is given.
    pub piece_length: Option<PieceLength>,
    /// What the peer id derives from.
    pub seed: u64,
    /// Address that the tracker is told to list.
    pub announce_ip: Option<IpAddr>,
    /// Longest time between two announces, whatever the tracker asks for.
    pub announce_interval: Option<Duration>,
    /// Whether to connect to peers that the tracker lists, instead of waiting for them.
    pub dial: bool,
}

/// The sockets of a seeder, bound.
#[derive(Debug)]
pub struct Listeners {
    /// For the inventory.
    pub http: TcpListener,
    /// For peers.
    pub peers: TcpListener,
}

/// A running seeder. It ends when the [`Shutdown`] it was started with is cancelled.
pub struct Seeder {
    inventory: Arc<Inventory>,
    announcer: Announcer,
    /// It ends with its last owner.
    _engine: Arc<Engine>,
    parts: Parts,
    /// Cancelled once every torrent seeds.
    loaded: CancellationToken,
    shutdown: Shutdown,
}

impl Seeder {
    /// Takes in the content directory and starts all parts. Hashing goes on in the background, see
    /// [`Seeder::seeding`].
    ///
    /// # Errors
    /// The directory cannot be read or holds what cannot be seeded (marked as wrong usage), or a
    /// part does not start.
    pub async fn start(
        config: Config,
        listeners: Listeners,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let fixtures = library::scan(&config.content).usage("nothing to seed")?;
        let port = listeners.peers.local_addr()?.port();
        let port = port.try_into().context("failed to announce the peer port")?;
        let peer_id = PeerId::derived(CLIENT, config.seed, 0);

        let engine = Arc::new(Engine::start(peer_id, &shutdown).await?);
        let wire = Wire::new(seedbed_wire::Config::new(engine.address(), peer_id));
        let (announcer, peers_found) = Announcer::start(
            seedbed_announcer::Config {
                trackers: config.announce,
                peer_id,
                port,
                announce_ip: config.announce_ip,
                max_interval: config.announce_interval,
                numwant: NUMWANT,
            },
            shutdown.clone(),
        );
        let inventory = Arc::new(Inventory::new(
            fixtures.len(),
            config.magnet_trackers,
            announcer.clone(),
            wire.clone(),
        ));

        let mut parts = Parts::new(&shutdown);
        let metrics = metrics::register(Arc::clone(&inventory));
        let router = api::router(Arc::clone(&inventory), metrics);
        parts.spawn(serve::serve(listeners.http, router, shutdown.clone()));
        parts.spawn({
            let (wire, shutdown) = (wire.clone(), shutdown.clone());
            async move { Ok(wire.run(listeners.peers, shutdown).await?) }
        });
        if config.dial {
            parts.spawn(dial(wire, peers_found, shutdown.clone()));
        }
        let options =
            Options { piece_length: config.piece_length, source: config.namespace, private: false };
        let loaded = CancellationToken::new();
        parts.spawn({
            let load = load(fixtures, options, Arc::clone(&engine), Arc::clone(&inventory));
            let (loaded, shutdown) = (loaded.clone(), shutdown.clone());
            async move {
                if let Some(outcome) = shutdown.run_until_cancelled(load).await {
                    outcome?;
                    loaded.cancel();
                }
                Ok(())
            }
        });
        Ok(Self { inventory, announcer, _engine: engine, parts, loaded, shutdown })
    }

    /// Waits until every torrent is hashed and seeding, or until shutdown: then it is false.
    pub async fn seeding(&self) -> bool {
        self.shutdown.run_until_cancelled(self.loaded.cancelled()).await.is_some()
    }

    /// Waits until every tracker has accepted every torrent, or until shutdown: then it is false.
    pub async fn announced(&self) -> bool {
        let mut changes = self.announcer.changes();
        while !self.inventory.is_announced() {
            let change = self.shutdown.run_until_cancelled(changes.changed()).await;
            if !matches!(change, Some(Ok(()))) {
                return false;
            }
        }
        true
    }

    /// All torrents that are hashed, in the order of their names. `host` is what their URLs name.
    #[must_use]
    pub fn torrents(&self, host: &str) -> Vec<TorrentView> {
        self.inventory.list(host)
    }

    /// Serves until shutdown, and then until every tracker has been told `stopped`.
    ///
    /// # Errors
    /// Content could not be read, or a socket failed.
    pub async fn finished(self) -> anyhow::Result<()> {
        let outcome = self.parts.finished().await;
        self.announcer.finished().await;
        outcome
    }
}

/// Hashes one content after the other, since each takes all cores, while the engine checks those
/// before it.
async fn load(
    fixtures: Vec<Fixture>,
    options: Options,
    engine: Arc<Engine>,
    inventory: Arc<Inventory>,
) -> anyhow::Result<()> {
    let options = Arc::new(options);
    let mut checking = JoinSet::new();
    for (place, Fixture { name, content }) in fixtures.into_iter().enumerate() {
        let content = Arc::new(content);
        let metainfo = {
            let (content, options) = (Arc::clone(&content), Arc::clone(&options));
            tokio::task::spawn_blocking(move || Metainfo::build(&*content, &options)).await??
        };
        let torrent = metainfo.to_torrent(&[], &[]);
        inventory.insert(place, name, metainfo);
        let (engine, inventory) = (Arc::clone(&engine), Arc::clone(&inventory));
        checking.spawn(async move {
            engine.add(torrent, content).await?;
            inventory.seed(place);
            anyhow::Ok(())
        });
    }
    while let Some(checked) = checking.join_next().await {
        checked??;
    }
    Ok(())
}

/// Connects to the peers that trackers list.
async fn dial(
    wire: Wire,
    mut peers_found: mpsc::Receiver<PeersFound>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    while let Some(Some((infohash, peers))) = shutdown.run_until_cancelled(peers_found.recv()).await
    {
        for peer in peers {
            wire.dial(infohash, peer.addr, peer.peer_id);
        }
    }
    Ok(())
}
