//! The tracker's port: announce and scrape, WebSockets, the statistics and the routes of every
//! server.

mod addresses;
mod api;
mod bencode;
mod front;
mod head;
mod openapi;
mod others;
mod query;
mod respond;
mod stats_page;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
};
use seedbed_service::{
    admin::{self, Health},
    openapi::serve as serve_routes,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::front::serve;
use crate::{Config, clock::Clock, engine::Engine, metrics, websocket::Hub};

/// Pages of any origin may read what a tracker tells.
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// What the handlers share.
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

/// All routes, as `config` switches them on.
pub(crate) fn router(config: &Config, app: &Arc<Tracker>) -> Router {
    let mut routes = OpenApiRouter::new();
    if config.http {
        routes = routes.merge(openapi::announces());
    }
    if config.websocket {
        routes = routes.merge(openapi::websocket());
    }
    if config.stats {
        routes = routes.merge(api::router()).merge(stats_page::router());
    }
    let (identity, metrics) = (seedbed_service::identity!(), metrics::of(&app.engine, app.clock));
    let health = Arc::clone(app);
    let common = admin::documented::<Counts>(identity, metrics, move || health.health());
    serve_routes(identity, routes.with_state(Arc::clone(app)).merge(common))
}

/// How much there is, as `/health` says it.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthDetails)]
struct Counts {
    /// Torrents that are known.
    torrents: usize,
    /// Peers, counted once in each of their swarms.
    peers: usize,
}

impl Tracker {
    fn health(&self) -> Health {
        let totals = self.engine.store().totals(self.clock.now());
        Health::new(None, &Counts { torrents: totals.torrents, peers: totals.peers })
    }
}
