//! The tracker over HTTP: announce and scrape, the statistics and the routes of every server.

mod addresses;
mod api;
mod bencode;
mod query;
mod stats_page;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use seedbed_service::admin::{self, Health};

use self::{
    bencode::Layout,
    query::{AnnounceQuery, QueryError},
};
use crate::{
    Config,
    announce::{self, AnnounceRequest, Families, ScrapeRequest, Transport},
    clock::Clock,
    engine::Engine,
    metrics::{self, Outcome},
};

/// Pages of any origin may read what a tracker tells.
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// What the handlers share.
#[derive(Clone, Debug)]
struct App {
    engine: Arc<Engine>,
    clock: Clock,
    trust_proxy: bool,
}

/// All routes, as `config` switches them on.
pub(crate) fn router(config: &Config, engine: &Arc<Engine>, clock: Clock) -> Router {
    let app = App { engine: Arc::clone(engine), clock, trust_proxy: config.trust_proxy };
    let mut router = Router::new();
    if config.http {
        router = router.route("/announce", get(announce)).route("/scrape", get(scrape));
    }
    if config.stats {
        router = router.merge(api::router()).merge(stats_page::router());
    }
    router
        .fallback(async || admin::error(StatusCode::NOT_FOUND, "no such page"))
        .with_state(Arc::new(app))
        .merge(admin::router(seedbed_service::identity!(), metrics::of(engine, clock), {
            let engine = Arc::clone(engine);
            move || health(&engine, clock)
        }))
}

fn health(engine: &Engine, clock: Clock) -> Health {
    let totals = engine.store().totals(clock.now());
    let details = [("torrents", totals.torrents), ("peers", totals.peers)];
    Health {
        degraded: None,
        details: details.map(|(name, count)| (name.to_owned(), count.into())).into_iter().collect(),
    }
}

async fn announce(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match parse_announce(&app, connection.ip(), &request) {
        Ok((request, layout)) => app.answer(&announce::Request::Announce(request), layout),
        Err(error) => {
            app.engine.counters().announces.count(Transport::Http, Outcome::Invalid);
            bencoded(bencode::failure(&error.to_string()))
        }
    }
}

async fn scrape(State(app): State<Arc<App>>, request: Request) -> Response {
    match query::scrape(query_of(&request)) {
        Ok(swarms) => {
            let request = ScrapeRequest { transport: Transport::Http, swarms };
            app.answer(&announce::Request::Scrape(request), Layout::Compact)
        }
        Err(error) => {
            app.engine.counters().scrapes.count(Transport::Http, Outcome::Invalid);
            bencoded(bencode::failure(&error.to_string()))
        }
    }
}

impl App {
    fn answer(&self, request: &announce::Request, layout: Layout) -> Response {
        bencoded(match self.engine.handle(request, self.clock.now()) {
            Ok(announce::Response::Announce(response)) => bencode::announce(&response, layout),
            Ok(announce::Response::Scrape(response)) => bencode::scrape(&response),
            Err(refusal) => bencode::failure(&refusal.to_string()),
        })
    }
}

fn parse_announce(
    app: &App,
    connection: IpAddr,
    request: &Request,
) -> Result<(AnnounceRequest, Layout), QueryError> {
    let AnnounceQuery {
        infohash,
        peer_id,
        port,
        uploaded,
        downloaded,
        left,
        event,
        numwant,
        layout,
        claims,
    } = query::announce(query_of(request))?;
    let sender = addresses::sender(connection, request.headers(), app.trust_proxy)?;
    let addresses = addresses::announced(sender, port, &claims, app.trust_proxy)?;
    let request = AnnounceRequest {
        transport: Transport::Http,
        infohash,
        peer_id,
        addresses,
        event,
        uploaded,
        downloaded,
        left,
        numwant,
        families: Families::Both,
    };
    Ok((request, layout))
}

fn query_of(request: &Request) -> &[u8] {
    request.uri().query().unwrap_or_default().as_bytes()
}

/// An answer that clients take whatever it says: failures too come with status 200.
fn bencoded(body: Vec<u8>) -> Response {
    const TYPE: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    ([TYPE, ANY_ORIGIN], Body::from(body)).into_response()
}
