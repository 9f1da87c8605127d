//! The tracker over HTTP: announce and scrape, WebSockets, the statistics and the routes of every server.
//!
//! `in_place` answers announces and scrapes straight from the head of a request. Everything else passes the
//! router, and so do announces and scrapes while a policy is in force, because only a whole response can be
//! delayed or cut.

mod addresses;
mod announce;
mod api;
mod bencode;
mod delivery;
mod gate;
mod in_place;
mod page_guard;
mod query;
mod respond;
mod stats_page;

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::{Next, from_fn, from_fn_with_state},
};
use seedbed_http::{App, Limits, Server};
use seedbed_service::{
    Shutdown,
    admin::{self, Health},
    guard::Guard,
    openapi::serve as serve_routes,
};
use serde::Serialize;
use tower_layer::Stack;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use self::{gate::Gate, in_place::InPlace, page_guard::PageGuard};
use crate::{Config, clock::Clock, engine::Engine, metrics, websocket::Hub};

/// The room for the header fields of a request, in bytes. The query has a limit of its own.
const MAX_FIELDS: usize = 16 << 10;

/// How long a connection may be idle between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a client may take to send a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a client may take no byte of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The state that handlers share.
#[derive(Debug)]
pub(crate) struct Tracker {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    clock: Clock,
    http: bool,
    websocket: bool,
    trust_proxy: bool,
    max_query: usize,
    max_scrape: usize,
}

impl Tracker {
    pub(crate) fn new(config: &Config, engine: &Arc<Engine>, clock: Clock) -> Self {
        Self {
            engine: Arc::clone(engine),
            hub: Arc::default(),
            clock,
            http: config.http,
            websocket: config.websocket,
            trust_proxy: config.trust_proxy,
            max_query: config.max_query,
            max_scrape: config.max_scrape,
        }
    }
}

/// Serves `listener` until `shutdown`.
///
/// # Errors
/// A thread of the server cannot be started, or fails.
pub(crate) async fn serve(
    config: Config,
    guard: Guard,
    listener: TcpListener,
    tracker: Arc<Tracker>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let server = server(&config, guard, &tracker, &shutdown);
    Ok(server.serve(listener, shutdown).await?)
}

/// The server, without a listener.
fn server(
    config: &Config,
    guard: Guard,
    tracker: &Arc<Tracker>,
    shutdown: &Shutdown,
) -> Server<impl seedbed_http::HttpService + use<>, InPlace> {
    let gate = Gate { tracker: Arc::clone(tracker), shutdown: shutdown.clone() };
    // The guard wants the body type of axum's responses.
    let guarded =
        Stack::new(from_fn(async |request, next: Next| next.run(request).await), PageGuard(guard));
    let layers = Stack::new(guarded, from_fn_with_state(gate, gate::pass));
    let app = App::layered(router(config, tracker), layers);
    let limits = Limits {
        head: config.max_query + MAX_FIELDS,
        idle: IDLE_TIMEOUT,
        request: REQUEST_TIMEOUT,
        write: WRITE_TIMEOUT,
        ..Limits::default()
    };
    let in_place = InPlace(Arc::clone(tracker));
    Server::new("tracker-http", app)
        .limits(limits)
        .raw_targets(true)
        .tls(config.tls.clone())
        .fast_path(in_place)
}

/// All routes that `config` switches on.
fn router(config: &Config, tracker: &Arc<Tracker>) -> Router {
    let mut routes = OpenApiRouter::new();
    if config.http {
        routes = routes.merge(announce::router());
    }
    if config.websocket {
        routes = routes.merge(gate::router());
    }
    if config.stats {
        routes = routes.merge(api::router()).merge(stats_page::router());
    }
    let (identity, metrics) =
        (seedbed_service::identity!(), metrics::of(&tracker.engine, tracker.clock));
    let health = Arc::clone(tracker);
    let common = admin::documented::<StoreSize>(identity, metrics, move || health.health());
    serve_routes(identity, routes.with_state(Arc::clone(tracker)).merge(common))
}

/// The size of the store, as `/health` shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthDetails)]
struct StoreSize {
    /// The number of known torrents.
    torrents: usize,
    /// The number of peers, counted once in each of their swarms.
    peers: usize,
}

impl Tracker {
    fn health(&self) -> Health {
        let totals = self.engine.store().totals(self.clock.now());
        Health::new(None, &StoreSize { torrents: totals.torrents, peers: totals.peers })
    }
}

#[cfg(test)]
mod tests;
