//! The routes of announce and scrape, which answer what `in_place` leaves to the router.

use std::{convert::Infallible, iter, net::SocketAddr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures_util::stream;
use seedbed_http::RawTarget;
use seedbed_service::{admin, openapi::Binary};
use utoipa::IntoParams;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use super::{
    Tracker,
    delivery::deliver,
    respond::{Endpoint, FullScrape},
};
use crate::{messages::Event, store::PARTS};

/// The routes. Each answers every method itself: HEAD must not announce.
pub(super) fn router() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new()
        .routes(routes!(announce).map(|_| any(announce)))
        .routes(routes!(scrape).map(|_| any(scrape)))
}

/// The parameters that [`query::announce`](super::query::announce) reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes parameters")]
struct Announce {
    /// The torrent: 20 bytes, percent-encoded.
    info_hash: String,
    /// 20 bytes, percent-encoded.
    #[param(example = "-SE0100-abcdefghijkl")]
    peer_id: String,
    /// The port where the peer accepts connections.
    #[param(minimum = 1, maximum = 65535)]
    port: u16,
    /// The bytes uploaded since `started`.
    #[param(required = false)]
    uploaded: u64,
    /// The bytes downloaded since `started`.
    #[param(required = false)]
    downloaded: u64,
    /// The bytes that the peer lacks; 0 for a seeder.
    #[param(required = false)]
    left: u64,
    /// The reason to announce; absent or empty at the regular interval.
    #[param(required = false, inline)]
    event: Event,
    /// The number of peers wanted; 50 by default.
    #[param(required = false)]
    numwant: u32,
    /// 1 for peers of 6 and 18 bytes each (BEP 7, BEP 23) instead of dictionaries.
    #[param(required = false, maximum = 1)]
    compact: u8,
    /// 1 for dictionaries without ids.
    #[param(required = false, maximum = 1)]
    no_peer_id: u8,
    /// The peer's address if it is not the sender's; only of local and trusted senders.
    #[param(required = false)]
    ip: String,
    /// A further address, with or without a port (BEP 7); only of local and trusted senders.
    #[param(required = false)]
    ipv4: String,
    /// A further address, with or without a port (BEP 7); only of local and trusted senders.
    #[param(required = false)]
    ipv6: String,
}

/// The parameters that [`query::scrape`](super::query::scrape) reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes parameters")]
struct Scrape {
    /// The torrents: 20 bytes, percent-encoded, in one parameter each; all torrents if absent.
    #[param(required = false, explode)]
    info_hash: Vec<String>,
}

/// Announces a peer (BEP 3, 7, 23)
///
/// The response is a bencoded dictionary, whatever its type says: `interval`, `complete`, `incomplete`,
/// `peers`, in compact responses `peers6`, and sometimes `warning message`. If the request is wrong or not
/// allowed, it has only `failure reason`, and the status is 200 all the same, as clients expect.
#[utoipa::path(
    get, path = "/announce", tag = "announce", params(Announce),
    responses((
        status = 200, description = "A bencoded dictionary", content_type = "text/plain", body = Binary
    ))
)]
async fn announce(
    State(tracker): State<Arc<Tracker>>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    respond(tracker, Endpoint::Announce, remote, &request)
}

/// Counts the peers of torrents (BEP 48)
///
/// The response is a bencoded dictionary, whatever its type says: `files` by infohash, each with `complete`,
/// `incomplete` and `downloaded`; and `flags`. If the request is wrong, it has only `failure reason`, and
/// the status is 200 all the same.
#[utoipa::path(
    get, path = "/scrape", tag = "announce", params(Scrape),
    responses((
        status = 200, description = "A bencoded dictionary", content_type = "text/plain", body = Binary
    ))
)]
async fn scrape(
    State(tracker): State<Arc<Tracker>>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    respond(tracker, Endpoint::Scrape, remote, &request)
}

fn respond(
    tracker: Arc<Tracker>,
    endpoint: Endpoint,
    remote: SocketAddr,
    request: &Request,
) -> Response {
    if request.method() != Method::GET {
        let error = admin::error(StatusCode::METHOD_NOT_ALLOWED, "wanted GET");
        return ([(header::ALLOW, "GET")], error).into_response();
    }
    let target = request.extensions().get::<RawTarget>().map(|target| &*target.0);
    let query = target.and_then(|target| {
        let question_mark = target.iter().position(|&byte| byte == b'?')?;
        target.get(question_mark + 1..)
    });
    let forwarded_for = request.headers().get_all("x-forwarded-for").iter().next_back();
    let forwarded_for = forwarded_for.map(|value| value.as_bytes());
    let query = query.unwrap_or_default();
    let parsed = tracker.parse(endpoint, query, remote.ip(), forwarded_for);
    let mut body = Vec::new();
    let responded = tracker.handle(&parsed, remote.ip(), &mut body);
    let body = match responded.full_scrape {
        Some(scrape) => full_scrape(tracker, scrape),
        None => Body::from(body),
    };
    let response = ([(header::CONTENT_TYPE, "text/plain")], body).into_response();
    deliver(response, responded.delivery)
}

/// The response to a scrape of everything: a stream, unless it is short.
fn full_scrape(tracker: Arc<Tracker>, scrape: FullScrape) -> Body {
    const SHORT: usize = 64 << 10;
    let mut parts = parts(tracker, scrape);
    let mut first = Vec::new();
    for part in parts.by_ref() {
        first.extend_from_slice(&part);
        if first.len() > SHORT {
            let rest = iter::once(Bytes::from(first)).chain(parts);
            return Body::from_stream(stream::iter(rest.map(Ok::<_, Infallible>)));
        }
    }
    Body::from(first)
}

/// The response to a scrape of everything, part by part, so that no more than a part is in memory.
fn parts(tracker: Arc<Tracker>, scrape: FullScrape) -> impl Iterator<Item = Bytes> {
    let part = move |part| {
        let mut body = Vec::new();
        tracker.write_part(scrape, part, &mut body);
        (!body.is_empty()).then(|| body.into())
    };
    (0..PARTS).filter_map(part)
}
