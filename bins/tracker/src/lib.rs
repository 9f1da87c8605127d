//! A BitTorrent tracker for tests: HTTP, UDP and WebSocket over one swarm store.
//!
//! [`run`] serves on sockets that the caller has bound. Below it, the engine takes requests of
//! whatever transport and answers them without a socket, a clock or ambient randomness; the
//! transports in front of it parse, and write what it says.

mod announce;
#[cfg(feature = "aquatic")]
pub mod aquatic;
pub mod cli;
mod clock;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod metrics;
mod recent;
mod sender;
mod stats;
mod store;
mod thread;
mod udp;
mod websocket;

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    net::{TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use seedbed_metainfo::Infohash;
use seedbed_service::{
    Parts, Shutdown,
    guard::{ControlArgs, Guard},
};

pub use crate::store::PeerOrder;
use crate::{clock::Clock, engine::Engine, udp::Responder};

/// How often the memory of peers and swarms that are gone is given back.
const SWEEP: Duration = Duration::from_secs(10);

/// How the tracker behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time between two announces of a peer, told to clients in whole seconds.
    pub interval: Duration,
    /// How many intervals a peer may be silent before it is forgotten. The default makes six
    /// minutes: libtorrent announces every five at most, whatever the interval.
    pub expire_after: u32,
    /// Most peers in one answer.
    pub max_numwant: u32,
    /// Longest query of an announce or a scrape over HTTP, in bytes.
    pub max_query: usize,
    /// Most infohashes in a scrape over HTTP or WebSocket; over UDP it is 74 (BEP 15).
    pub max_scrape: usize,
    /// Believe `X-Forwarded-For`, and addresses in announces of senders that are not local.
    pub trust_proxy: bool,
    /// The torrents that may be announced; all, if empty.
    pub whitelist: HashSet<Infohash>,
    /// Torrents that may not be announced.
    pub blacklist: HashSet<Infohash>,
    /// Serve announce and scrape over HTTP.
    pub http: bool,
    /// Serve WebTorrent peers over WebSocket.
    pub websocket: bool,
    /// Serve the statistics and the swarms as pages and JSON.
    pub stats: bool,
    /// Which peers are listed, and in which order.
    pub peer_order: PeerOrder,
    /// Where randomness comes from; other in each process if none.
    pub seed: Option<u64>,
    /// Who may change state, and under which names the pages answer on a loopback address.
    pub control: ControlArgs,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            expire_after: 36,
            max_numwant: 82,
            max_query: 64 << 10,
            max_scrape: 512,
            trust_proxy: false,
            whitelist: HashSet::new(),
            blacklist: HashSet::new(),
            http: true,
            websocket: true,
            stats: true,
            peer_order: PeerOrder::default(),
            seed: None,
            control: ControlArgs::default(),
        }
    }
}

/// The sockets to serve on.
#[derive(Debug)]
pub struct Listeners {
    /// For HTTP and WebSocket: announce and scrape, statistics, health and metrics.
    pub http: TcpListener,
    /// For UDP announce and scrape, if wanted; as a rule on the same port number.
    pub udp: Option<UdpSocket>,
}

/// Serves until `shutdown`.
///
/// # Errors
/// A listener cannot be handed to the runtime, or fails for good.
pub async fn run(config: Config, listeners: Listeners, shutdown: Shutdown) -> anyhow::Result<()> {
    let clock = Clock::start();
    let seed = config.seed.unwrap_or_else(|| RandomState::new().hash_one("seed"));
    let engine = Arc::new(Engine::new(&config, seed));
    // The threads end when this does, however it ends.
    let shutdown = shutdown.child_token();
    let _end = shutdown.clone().drop_guard();
    let mut parts = Parts::new(&shutdown);
    let app = Arc::new(http::App::new(&config, &engine, clock));
    let address = listeners.http.local_addr().context("failed to read the bound address")?;
    let guard = Guard::new(config.control.clone(), address);
    let router = http::router(&config, &app).layer(guard.layer());
    parts.spawn(http::serve(listeners.http, app, router, shutdown.clone()));
    if let Some(socket) = listeners.udp {
        let responder = Responder::new(Arc::clone(&engine), config.trust_proxy, seed);
        let shutdown = shutdown.clone();
        parts.spawn(thread::run("tracker-udp", move || {
            udp::serve(socket, responder, clock, shutdown)
        }));
    }
    parts.spawn(sweep(engine, clock, shutdown));
    parts.finished().await
}

async fn sweep(engine: Arc<Engine>, clock: Clock, shutdown: Shutdown) -> anyhow::Result<()> {
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP).await;
            engine.store().sweep(clock.now());
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
    Ok(())
}
