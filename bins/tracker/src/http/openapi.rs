//! The description of what the router does not answer: announces, scrapes and WebSockets, which
//! the [front](super::front) takes before.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use seedbed_service::{
    admin::{self, ErrorBody},
    openapi::Binary,
};
use utoipa::IntoParams;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use super::Tracker;
use crate::messages::Event;

/// Announce and scrape.
pub(super) fn announces() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new()
        .routes(routes!(announce).map(|_| any(announce)))
        .routes(routes!(scrape).map(|_| any(scrape)))
}

/// WebTorrent.
pub(super) fn websocket() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new().routes(routes!(upgrade))
}

/// What [`query::announce`](super::query::announce) reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is there to be described")]
struct Announce {
    /// The torrent: 20 bytes, percent-encoded.
    info_hash: String,
    /// 20 bytes, percent-encoded.
    #[param(example = "-SB0100-abcdefghijkl")]
    peer_id: String,
    /// Where it takes connections.
    #[param(minimum = 1, maximum = 65535)]
    port: u16,
    /// Bytes since `started`.
    #[param(required = false)]
    uploaded: u64,
    /// Bytes since `started`.
    #[param(required = false)]
    downloaded: u64,
    /// Bytes that it lacks: 0 is a seeder.
    #[param(required = false)]
    left: u64,
    /// Why it announces; none or empty at the regular intervals.
    #[param(required = false, inline)]
    event: Event,
    /// How many peers are wanted, 50 unless it is said.
    #[param(required = false)]
    numwant: u32,
    /// 1 for peers of 6 and 18 bytes each (BEP 7, BEP 23) instead of dictionaries.
    #[param(required = false, maximum = 1)]
    compact: u8,
    /// 1 for dictionaries without ids.
    #[param(required = false, maximum = 1)]
    no_peer_id: u8,
    /// Its address if that is not the sender's, as local and trusted senders may say.
    #[param(required = false)]
    ip: String,
    /// An address more, perhaps with a port (BEP 7), under the same condition.
    #[param(required = false)]
    ipv4: String,
    /// An address more, perhaps with a port (BEP 7), under the same condition.
    #[param(required = false)]
    ipv6: String,
}

/// What [`query::scrape`](super::query::scrape) reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is there to be described")]
struct Scrape {
    /// The torrents: 20 bytes each, percent-encoded, in a parameter each. All, if there is none.
    #[param(required = false, explode)]
    info_hash: Vec<String>,
}

/// Announces a peer (BEP 3, 7, 23)
///
/// The answer is a bencoded dictionary, whatever its type says: `interval`, `complete`,
/// `incomplete`, `peers` and, for compact answers, `peers6`; perhaps `warning message`. If the
/// request is wrong or not allowed, it has `failure reason` instead, and the status is 200 all the
/// same, as clients expect.
#[utoipa::path(
    get, path = "/announce", tag = "announce", params(Announce),
    responses((
        status = 200, description = "A bencoded dictionary", content_type = "text/plain", body = Binary
    ))
)]
async fn announce() -> Response {
    only_get()
}

/// Counts the peers of torrents (BEP 48)
///
/// The answer is a bencoded dictionary, whatever its type says: `files` by infohash, each with
/// `complete`, `incomplete` and `downloaded`; and `flags`. If the request is wrong, it has `failure
/// reason` instead, and the status is 200 all the same.
#[utoipa::path(
    get, path = "/scrape", tag = "announce", params(Scrape),
    responses((
        status = 200, description = "A bencoded dictionary", content_type = "text/plain", body = Binary
    ))
)]
async fn scrape() -> Response {
    only_get()
}

/// GET never comes this far.
fn only_get() -> Response {
    let error = admin::error(StatusCode::METHOD_NOT_ALLOWED, "wanted GET");
    ([(header::ALLOW, "GET")], error).into_response()
}

/// WebTorrent over WebSocket
///
/// Here and at any other path, a GET with `Upgrade: websocket` opens a WebSocket (RFC 6455). The
/// messages on it are JSON as WebTorrent has it: `announce` with offers, answers to offers of
/// others, and `scrape`, infohashes and ids being strings of 20 characters of one byte each. What
/// is wrong is answered with `failure reason`.
#[utoipa::path(
    get, path = "/", tag = "announce", operation_id = "websocket",
    params(
        ("Upgrade" = String, Header, description = "`websocket`"),
        ("Sec-WebSocket-Key" = String, Header, description = "A nonce"),
        ("Sec-WebSocket-Version" = u8, Header, description = "13"),
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket"),
        (status = 400, description = "The handshake is not as RFC 6455 has it"),
        (status = 404, description = "No WebSocket is asked for", body = ErrorBody),
        (status = 426, description = "Another version is asked for", headers(
            ("Sec-WebSocket-Version" = u8, description = "13"),
        )),
    )
)]
async fn upgrade() -> Response {
    admin::error(StatusCode::NOT_FOUND, "wanted Upgrade: websocket")
}
