//! What every request passes that is not answered in place: it opens WebSockets at any path, and shows
//! malformed requests to the engine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use seedbed_http::{
    Refusal,
    upgrade::{is_websocket, websocket},
};
use seedbed_service::{
    Shutdown,
    admin::{self, ErrorBody},
};
use tokio::{runtime::Handle, task::spawn_blocking};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Tracker, delivery::deliver, respond::Endpoint};
use crate::websocket::{self as webtorrent, Session};

/// The state of [`pass`].
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) tracker: Arc<Tracker>,
    pub(super) shutdown: Shutdown,
}

/// Passes a request to the router, unless it opens a WebSocket.
pub(super) async fn pass(
    State(Gate { tracker, shutdown }): State<Gate>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let refused = request.extensions().get().map(|Refusal { message, .. }| message.clone());
    if let Some(message) = refused {
        let delivery = tracker.refuse(remote.ip(), &message);
        return deliver(next.run(request).await, delivery);
    }
    let (parts, body) = request.into_parts();
    if tracker.websocket && is_websocket(&parts) {
        return open_websocket(tracker, shutdown, &parts, remote);
    }
    let request = Request::from_parts(parts, body);
    if Endpoint::of(request.uri().path().as_bytes()).is_some() {
        return next.run(request).await;
    }
    // A page of a million swarms takes a while to make. On this thread it would hold up announces.
    let runtime = Handle::current();
    let page = spawn_blocking(move || runtime.block_on(next.run(request))).await;
    page.unwrap_or_else(|_panicked| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn open_websocket(
    tracker: Arc<Tracker>,
    shutdown: Shutdown,
    parts: &Parts,
    remote: SocketAddr,
) -> Response {
    let forwarded_for = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let ip = match tracker.sender(remote.ip(), forwarded_for.map(|value| value.as_bytes())) {
        Ok(ip) => ip,
        Err(error) => {
            let reason = error.to_string();
            let delivery = tracker.refuse(remote.ip(), &reason);
            return deliver(admin::error(StatusCode::BAD_REQUEST, reason), delivery);
        }
    };
    let state = Arc::clone(&tracker);
    let response = websocket(parts, webtorrent::config(), async move |socket, _remote| {
        let Tracker { engine, hub, clock, max_scrape, .. } = &*state;
        let session = Session::new(Arc::clone(engine), Arc::clone(hub), ip, *max_scrape);
        webtorrent::serve(socket, session, *clock, &shutdown).await;
    });
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let delivery = tracker.refuse(remote.ip(), "the WebSocket handshake is malformed");
    deliver(response, delivery)
}

/// The description of WebSockets.
pub(super) fn router() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new().routes(routes!(without_upgrade))
}

/// WebTorrent over WebSocket
///
/// Here and at any other path, a GET with `Upgrade: websocket` opens a WebSocket (RFC 6455). Its messages
/// are JSON as in WebTorrent: `announce` with offers, answers to offers of others, and `scrape`. Infohashes
/// and ids are strings of 20 characters of one byte each. Failures have a `failure reason`.
#[utoipa::path(
    get, path = "/", tag = "announce", operation_id = "websocket",
    params(
        ("Upgrade" = String, Header, description = "`websocket`"),
        ("Sec-WebSocket-Key" = String, Header, description = "A nonce"),
        ("Sec-WebSocket-Version" = u8, Header, description = "13"),
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket"),
        (status = 400, description = "The handshake is not that of RFC 6455", body = ErrorBody),
        (status = 404, description = "The request does not ask for a WebSocket", body = ErrorBody),
        (status = 426, description = "The version of the protocol is not 13", body = ErrorBody, headers(
            ("Sec-WebSocket-Version" = u8, description = "13"),
        )),
    )
)]
async fn without_upgrade(_: Request<Body>) -> Response {
    admin::error(StatusCode::NOT_FOUND, "wanted Upgrade: websocket")
}
