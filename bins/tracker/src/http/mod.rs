//! The tracker's port: announce and scrape, WebSockets, the statistics and the routes of every
//! server.

mod addresses;
mod api;
mod bencode;
mod front;
mod head;
mod query;
mod respond;
mod stats_page;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, on},
};
use seedbed_service::admin::{self, Health};

pub(crate) use self::front::serve;
use crate::{Config, clock::Clock, engine::Engine, metrics, websocket::Hub};

/// Pages of any origin may read what a tracker tells.
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    clock: Clock,
    http: bool,
    websocket: bool,
    trust_proxy: bool,
    max_query: usize,
    max_scrape: usize,
}

impl App {
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
pub(crate) fn router(config: &Config, app: &Arc<App>) -> Router {
    let mut router = Router::new();
    if config.http {
        // Not `get`, which takes HEAD too: that must not announce anything.
        let announce = || on(MethodFilter::GET, tracker).head(head_is_not_allowed);
        router = router.route("/announce", announce()).route("/scrape", announce());
    }
    if config.stats {
        router = router.merge(api::router()).merge(stats_page::router());
    }
    let App { engine, clock, .. } = &**app;
    router.fallback(not_found).with_state(Arc::clone(app)).merge(admin::router(
        seedbed_service::identity!(),
        metrics::of(engine, *clock),
        {
            let (engine, clock) = (Arc::clone(engine), *clock);
            move || health(&engine, clock)
        },
    ))
}

async fn head_is_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response()
}

fn health(engine: &Engine, clock: Clock) -> Health {
    let totals = engine.store().totals(clock.now());
    let details = [("torrents", totals.torrents), ("peers", totals.peers)];
    Health {
        degraded: None,
        details: details.map(|(name, count)| (name.to_owned(), count.into())).into_iter().collect(),
    }
}

/// An announce or a scrape on a connection that has come to the pages.
async fn tracker(
    State(app): State<Arc<App>>,
    Extension(client): Extension<SocketAddr>,
    request: Request,
) -> Response {
    const TYPE: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let uri = request.uri();
    let Some(endpoint) = app.endpoint(b"GET", uri.path().as_bytes()) else {
        return not_found().await;
    };
    let query = uri.query().unwrap_or_default().as_bytes();
    let forwarded_for = request.headers().get_all("x-forwarded-for").iter().next_back();
    let mut body = Vec::new();
    app.respond(endpoint, query, client.ip(), forwarded_for.map(|it| it.as_bytes()), &mut body);
    ([TYPE, ANY_ORIGIN], body).into_response()
}

async fn not_found() -> Response {
    admin::error(StatusCode::NOT_FOUND, "no such page")
}
