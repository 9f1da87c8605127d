//! Connections that ask for something else than announces: pages and WebSockets.
//!
//! They share the runtime of the process, so that a page that takes a while to make holds up no
//! announce. Pages are made by the router; hyper gets one request at a time, so that what follows
//! may be an announce, which is read more leniently.

use std::{
    future::poll_fn,
    io::{self, Cursor},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use seedbed_service::{Shutdown, shutdown::GRACE};
use tokio::{
    io::AsyncReadExt as _, net::TcpStream, sync::mpsc::UnboundedReceiver, task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tower_service::Service as _;

use super::{
    Tracker,
    front::{Connection, Next},
    head::Body,
};
use crate::websocket;

/// How long a page may take, from its request to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection on its way from one runtime to another, and what it asks for.
pub(super) struct Handed {
    pub(super) connection: Connection<std::net::TcpStream>,
    pub(super) next: Next,
}

/// Serves connections until `shutdown`, then gives what is under way [`GRACE`] to end.
pub(super) async fn serve(
    mut handed: UnboundedReceiver<Handed>,
    router: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    let serving = async {
        while let Some(handed) = handed.recv().await {
            connections.spawn(serve_one(handed, router.clone()));
            while connections.try_join_next().is_some() {}
        }
    };
    shutdown.run_until_cancelled(serving).await;
    let _cut_off = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn serve_one(handed: Handed, router: Router) {
    let client = handed.connection.client;
    let served: io::Result<()> = async {
        let mut connection = handed.connection.convert(TcpStream::from_std)?;
        let mut next = handed.next;
        while let Next::Page { length, body, close } = next {
            if !connection.page(length, body, &router).await? || close {
                return connection.linger().await;
            }
            next = connection.announces().await?;
        }
        match next {
            Next::WebSocket { ip, length } => connection.websocket(ip, length).await,
            Next::Linger => connection.linger().await?,
            Next::Closed | Next::Page { .. } => {}
        }
        Ok(())
    }
    .await;
    if let Err(error) = served {
        tracing::debug!(%client, %error, "a connection failed");
    }
}

impl Connection<TcpStream> {
    /// Has the router answer a request, and says whether another may follow.
    async fn page(&mut self, length: usize, body: Body, router: &Router) -> io::Result<bool> {
        let Self { stream, input, shutdown, .. } = self;
        let whole = match body {
            Body::None => Some(length),
            Body::Length(body) => length.checked_add(body),
            Body::Unknown => None,
        };
        let read = whole.map_or(input.len(), |whole| whole.min(input.len()));
        let missing = whole.map_or(u64::MAX, |whole| (whole - read) as u64);
        let read = Cursor::new(input.drain(..read).collect::<Vec<_>>());
        let (reader, writer) = stream.split();
        let mut reader = reader.take(missing);
        let io = TokioIo::new(tokio::io::join(read.chain(&mut reader), writer));
        let service =
            service_fn(move |request: Request<Incoming>| Box::pin(router.clone().call(request)));
        // Half-closed is what the connection seems to be after one request.
        let mut serving = http1::Builder::new().half_close(true).serve_connection(io, service);
        let served = timeout(PATIENCE, poll_fn(|cx| serving.poll_without_shutdown(cx))).await?;
        drop(serving);
        let all_read = reader.limit() == 0;
        match served {
            Ok(()) => Ok(all_read && !shutdown.is_cancelled()),
            // It says so to nobody unless it is to shut the connection down.
            Err(error) if error.is_parse() => {
                tracing::debug!(client = %self.client, %error, "a request is malformed");
                self.refuse("400 Bad Request").await?;
                Ok(false)
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    async fn websocket(mut self, ip: IpAddr, length: usize) {
        self.input.drain(..length);
        let config = Some(websocket::config());
        let Self { stream, input, app, shutdown, .. } = self;
        let stream =
            WebSocketStream::from_partially_read(stream, input, Role::Server, config).await;
        let Tracker { engine, hub, clock, max_scrape, .. } = &*app;
        let session = websocket::Session::new(Arc::clone(engine), Arc::clone(hub), ip, *max_scrape);
        websocket::serve(stream, session, *clock, &shutdown).await;
    }
}
