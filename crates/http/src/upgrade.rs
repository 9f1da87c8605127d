//! Hands a connection over to another protocol (RFC 9110 section 7.8).

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::stream::Stream;

type Handler = Box<dyn FnOnce(Upgraded) -> BoxFuture<'static, ()> + Send>;

/// An extension of a response with status 101: takes the connection over once the response is sent.
///
/// The handler runs in the task of the connection, on its thread, and the connection counts as open
/// until the handler ends. At shutdown it is cut off as any connection is; to close well, it watches
/// the shutdown itself.
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<Handler>>>);

/// A connection that does not speak HTTP any more.
#[derive(Debug)]
pub struct Upgraded {
    /// The stream.
    pub stream: Stream,
    /// What was read after the head of the request.
    pub read: Bytes,
    /// The address of the client.
    pub remote: SocketAddr,
}

impl Upgrade {
    /// Hands the connection to `handler`.
    pub fn new<F>(handler: impl FnOnce(Upgraded) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler: Handler = Box::new(|upgraded| Box::pin(handler(upgraded)));
        Self(Arc::new(Mutex::new(Some(handler))))
    }

    pub(crate) fn take(&self) -> Option<Handler> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrade")
    }
}

#[cfg(feature = "websocket")]
mod websocket {
    use axum::{
        body::Body,
        http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
    };
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{
            handshake::derive_accept_key,
            protocol::{Role, WebSocketConfig},
        },
    };

    use super::{SocketAddr, Stream, Upgrade, Upgraded};
    use crate::app::error;

    /// Accepts a WebSocket (RFC 6455 section 4.2) and hands it to `handler`; a request that is no
    /// handshake gets status 400, and one for another version 426.
    pub fn websocket<F>(
        request: &Parts,
        config: WebSocketConfig,
        handler: impl FnOnce(WebSocketStream<Stream>, SocketAddr) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let key = request.headers.get(header::SEC_WEBSOCKET_KEY);
        let (Some(key), &Method::GET, true) = (key, &request.method, is_websocket(request)) else {
            return error(StatusCode::BAD_REQUEST, "wanted a WebSocket handshake (RFC 6455)");
        };
        let version = request.headers.get(header::SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            // RFC 6455 section 4.4.
            let mut response = error(StatusCode::UPGRADE_REQUIRED, "wanted WebSocket version 13");
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            return response;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = derive_accept_key(key.as_bytes()).try_into() {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        let upgrade = Upgrade::new(async move |Upgraded { stream, read, remote }| {
            let socket = WebSocketStream::from_partially_read(
                stream,
                read.into(),
                Role::Server,
                Some(config),
            );
            handler(socket.await, remote).await;
        });
        response.extensions_mut().insert(upgrade);
        response
    }

    /// Whether a request asks for a WebSocket.
    #[must_use]
    pub fn is_websocket(request: &Parts) -> bool {
        let lines = request.headers.get_all(header::UPGRADE).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
    }
}

#[cfg(feature = "websocket")]
pub use websocket::{is_websocket, websocket};
