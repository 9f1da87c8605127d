//! A BitTorrent tracker for tests: HTTP, UDP and WebSocket over one swarm store.
//!
//! [`run`] serves on sockets that the caller has bound. The transports (`http`, `udp`, `websocket`) parse
//! requests and encode answers. Between them stands the `engine`, which answers every request without a
//! socket, a clock or ambient randomness, and asks the `policy` in force what goes out.

#[cfg(feature = "aquatic")]
pub mod aquatic;
pub mod cli;
mod clock;
mod counters;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod messages;
mod metrics;
mod policy;
mod recent_events;
mod sender;
mod stats;
mod store;
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
use seedbed_http::Tls;
use seedbed_metainfo::Infohash;
use seedbed_service::{
    Parts, Shutdown,
    guard::{ControlArgs, Guard},
};

pub use crate::store::PeerOrder;
use crate::{clock::Clock, engine::Engine, udp::Responder};

/// The time between two sweeps, which free the memory of expired peers and abandoned swarms.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// The intervals after which a silent peer expires by default.
const DEFAULT_EXPIRE_AFTER: u32 = 3;

/// The least time after which a silent peer expires by default. libtorrent 2.0.8 announces every 300 s,
/// however short the interval (`min_announce_interval`), and aria2 1.36 every 120 s. Transmission 3.00
/// follows the interval, down to 10 s as measured.
const MIN_DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(330);

/// How the tracker behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The time between two announces of a peer, which clients are told in whole seconds.
    pub interval: Duration,
    /// The number of intervals after which a silent peer expires. By default it is three, but at least
    /// 330 s, because libtorrent announces every 300 s at most.
    pub expire_after: Option<u32>,
    /// The most peers in one response.
    pub max_numwant: u32,
    /// The longest query of an announce or a scrape over HTTP, in bytes.
    pub max_query: usize,
    /// The most infohashes in a scrape over HTTP or WebSocket; over UDP it is 74 (BEP 15).
    pub max_scrape: usize,
    /// Whether to trust `X-Forwarded-For`, and the addresses that senders outside the local network
    /// announce.
    pub trust_proxy: bool,
    /// The torrents that clients may announce; all, if empty.
    pub whitelist: HashSet<Infohash>,
    /// The torrents that clients may not announce.
    pub blacklist: HashSet<Infohash>,
    /// Serve announce and scrape over HTTP.
    pub http: bool,
    /// Serve WebTorrent peers over WebSocket.
    pub websocket: bool,
    /// Serve the statistics and the swarms as pages and JSON.
    pub stats: bool,
    /// The peers to list, and their order.
    pub peer_order: PeerOrder,
    /// The source of all randomness; a random one if `None`.
    pub seed: Option<u64>,
    /// The certificate for https and wss; plain HTTP and WebSocket without one.
    pub tls: Option<Tls>,
    /// Who may change state, and under which names the pages answer on a loopback address.
    pub control: ControlArgs,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            expire_after: None,
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
            tls: None,
            control: ControlArgs::default(),
        }
    }
}

impl Config {
    /// How long a peer may be silent before it expires.
    fn time_to_live(&self) -> Duration {
        match self.expire_after {
            Some(intervals) => self.interval.saturating_mul(intervals),
            None => {
                let intervals = self.interval.saturating_mul(DEFAULT_EXPIRE_AFTER);
                intervals.max(MIN_DEFAULT_TIME_TO_LIVE)
            }
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
    let address = listeners.http.local_addr().context("failed to read the bound address")?;
    let guard = Guard::new(config.control.clone(), address);
    let tracker = Arc::new(http::Tracker::new(&config, &engine, clock));
    parts.spawn(http::serve(config.clone(), guard, listeners.http, tracker, shutdown.clone()));
    if let Some(socket) = listeners.udp {
        let responder = Responder::new(Arc::clone(&engine), config.trust_proxy, seed);
        let shutdown = shutdown.clone();
        parts.spawn(udp::serve_on_thread(socket, responder, clock, shutdown));
    }
    parts.spawn(sweep(engine, clock, shutdown));
    parts.finished().await
}

async fn sweep(engine: Arc<Engine>, clock: Clock, shutdown: Shutdown) -> anyhow::Result<()> {
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            engine.store().sweep(clock.now());
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_to_live(interval: u64, expire_after: Option<u32>) -> u64 {
        let interval = Duration::from_secs(interval);
        Config { interval, expire_after, ..Config::default() }.time_to_live().as_secs()
    }

    #[test]
    fn a_silent_peer_expires_after_three_intervals_but_never_between_two_announces_of_libtorrent() {
        assert_eq!(time_to_live(1, None), 330);
        assert_eq!(time_to_live(10, None), 330);
        assert_eq!(time_to_live(110, None), 330);
        assert_eq!(time_to_live(600, None), 1800);
        assert_eq!(time_to_live(1, Some(1)), 1);
        assert_eq!(time_to_live(10, Some(36)), 360);
    }
}
