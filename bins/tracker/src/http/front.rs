//! The connections of the tracker's port.
//!
//! Announces and scrapes are answered here, one task a connection, with what TCP brings in one
//! piece answered in one piece, so that an announce costs little more than its two system calls.
//! A WebSocket is upgraded here too. At the first request for anything else the connection goes
//! to hyper and the router, with what has been read of it.

use std::{
    io::{self, Cursor},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use seedbed_service::{Shutdown, shutdown::GRACE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::{
    App,
    head::{self, Head},
};
use crate::websocket;

/// How long a client may take to send a head, and to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(120);

/// How many bytes the fields of a head may take, beside the query.
const FIELDS: usize = 16 << 10;

/// Bytes of answers to requests that were pipelined, after which they are written.
const BATCH: usize = 64 << 10;

/// How many bytes of a request that is refused are read and dropped, so that its sender gets to
/// read why.
const LINGER: u64 = 1 << 20;

/// How long to wait after an accept failed, so that a lasting failure does not burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `listener` until `shutdown`, then gives what is under way [`GRACE`] to end.
///
/// # Errors
/// The listener cannot be handed to the runtime.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    app: Arc<App>,
    router: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let listener = TcpListener::from_std(listener).context("failed to register the listener")?;
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, client)) => {
                    let connection = Connection {
                        client,
                        app: Arc::clone(&app),
                        router: router.clone(),
                        shutdown: shutdown.clone(),
                    };
                    connections.spawn(connection.serve(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    let _the_rest_is_dropped =
        timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

/// What a connection becomes once it is not for announces any more.
enum Next {
    Closed,
    /// Closed, once the client has read what was said.
    Linger,
    Pages,
    WebSocket {
        ip: IpAddr,
        length: usize,
    },
}

struct Connection {
    client: SocketAddr,
    app: Arc<App>,
    router: Router,
    shutdown: Shutdown,
}

impl Connection {
    async fn serve(self, mut stream: TcpStream) {
        let client = self.client;
        let served = async {
            stream.set_nodelay(true)?;
            let mut input = Vec::with_capacity(1 << 10);
            match self.announces(&mut stream, &mut input).await? {
                Next::Closed => Ok(()),
                Next::Linger => linger(stream).await,
                Next::Pages => self.pages(stream, input).await,
                Next::WebSocket { ip, length } => {
                    input.drain(..length);
                    self.websocket(stream, input, ip).await;
                    Ok(())
                }
            }
        };
        let served: io::Result<()> = served.await;
        if let Err(error) = served {
            tracing::debug!(%client, %error, "a connection failed");
        }
    }

    /// Answers announces and scrapes, until something else comes.
    async fn announces(&self, stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Next> {
        let mut output = Vec::with_capacity(1 << 10);
        let mut body = Vec::new();
        let mut deadline = pin!(sleep(PATIENCE));
        let mut stopping = pin!(self.shutdown.cancelled());
        // Whether anything has come since the deadline was set; it is moved only when it passes,
        // since that costs more than an announce.
        let mut heard = false;
        let mut searched = 0;
        loop {
            let mut done = 0;
            let next = loop {
                let Some(length) = head::end(&input[done..], searched) else {
                    searched = input.len() - done;
                    break None;
                };
                searched = 0;
                if let Some(next) =
                    self.too_long(&input[done..done + length], &mut body, &mut output)
                {
                    break Some(next);
                }
                match self.answer(&input[done..done + length], &mut body, &mut output) {
                    Some(next) => break Some(next),
                    None => done += length,
                }
                if output.len() > BATCH {
                    write(stream, &mut output).await?;
                }
            };
            input.drain(..done);
            let next = next.or_else(|| self.too_long(input, &mut body, &mut output));
            write(stream, &mut output).await?;
            if let Some(next) = next {
                return Ok(next);
            }
            input.reserve(1 << 10);
            loop {
                tokio::select! {
                    biased;
                    read = stream.read_buf(input) => {
                        if read? == 0 {
                            return Ok(Next::Closed);
                        }
                        heard = true;
                        break;
                    }
                    () = &mut stopping => return Ok(Next::Closed),
                    () = &mut deadline => {
                        if !input.is_empty() || !heard {
                            return Ok(Next::Closed);
                        }
                        heard = false;
                        deadline.set(sleep(IDLE));
                    }
                }
            }
        }
    }

    /// Answers one request to `output`, or says what to do if it is none for here.
    fn answer(&self, head: &[u8], body: &mut Vec<u8>, output: &mut Vec<u8>) -> Option<Next> {
        let length = head.len();
        let Some(head) = head::parse(head) else { return Some(Next::Pages) };
        if head.websocket && self.app.websocket {
            return Some(self.upgrade(&head, length, output));
        }
        let endpoint = self.app.endpoint(head.method, head.path);
        let Some(endpoint) = endpoint.filter(|_| !head.body) else { return Some(Next::Pages) };
        body.clear();
        self.app.respond(endpoint, head.query, self.client.ip(), head.forwarded_for, body);
        write_head(output, body.len(), head.close);
        output.extend_from_slice(body);
        head.close.then_some(Next::Linger)
    }

    /// Refuses a request whose head is too long, whether or not it has ended.
    fn too_long(&self, input: &[u8], body: &mut Vec<u8>, output: &mut Vec<u8>) -> Option<Next> {
        if input.len() <= self.app.max_query + FIELDS {
            return None;
        }
        // The version may not have come yet, so the line is completed.
        let line = head::split_line(input).map_or(input, |(line, _)| line);
        let completed = [line, b" HTTP/1.1"].concat();
        let (head, _) =
            head::parse_request_line(line).or_else(|| head::parse_request_line(&completed))?;
        let endpoint = self.app.endpoint(head.method, head.path);
        let Some(endpoint) = endpoint else {
            output.extend_from_slice(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
                  Connection: close\r\nContent-Length: 0\r\n\r\n",
            );
            return Some(Next::Linger);
        };
        body.clear();
        self.app.refuse_length(endpoint, head.query, body);
        write_head(output, body.len(), true);
        output.extend_from_slice(body);
        Some(Next::Linger)
    }

    fn upgrade(&self, head: &Head<'_>, length: usize, output: &mut Vec<u8>) -> Next {
        let Some(key) = head.websocket_key.filter(|_| head.method == b"GET" && !head.body) else {
            output.extend_from_slice(
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            );
            return Next::Linger;
        };
        if head.websocket_version != Some(b"13") {
            // RFC 6455 section 4.4.
            output.extend_from_slice(
                b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\
                  Connection: close\r\nContent-Length: 0\r\n\r\n",
            );
            return Next::Linger;
        }
        let Ok(ip) = self.app.sender(self.client.ip(), head.forwarded_for) else {
            output.extend_from_slice(
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            );
            return Next::Linger;
        };
        output.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        output.extend_from_slice(derive_accept_key(key).as_bytes());
        output.extend_from_slice(b"\r\n\r\n");
        Next::WebSocket { ip, length }
    }

    async fn websocket(&self, stream: TcpStream, read: Vec<u8>, ip: IpAddr) {
        let config = Some(websocket::config());
        let stream = WebSocketStream::from_partially_read(stream, read, Role::Server, config).await;
        let App { engine, hub, clock, max_scrape, .. } = &*self.app;
        let session = websocket::Session::new(Arc::clone(engine), Arc::clone(hub), ip, *max_scrape);
        websocket::serve(stream, session, *clock, &self.shutdown).await;
    }

    /// Hands the connection to hyper, which has to read again what was read of it.
    async fn pages(&self, stream: TcpStream, read: Vec<u8>) -> io::Result<()> {
        let (reader, writer) = stream.into_split();
        let io = TokioIo::new(tokio::io::join(Cursor::new(read).chain(reader), writer));
        let router = self.router.clone().layer(Extension(self.client));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(io, TowerToHyperService::new(router))
        );
        tokio::select! {
            served = &mut connection => return served.map_err(io::Error::other),
            () = self.shutdown.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await.map_err(io::Error::other)
    }
}

/// An answer that clients take whatever it says: failures too come with status 200.
fn write_head(output: &mut Vec<u8>, length: usize, close: bool) {
    use io::Write as _;
    output.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n",
    );
    if close {
        output.extend_from_slice(b"Connection: close\r\n");
    }
    let _never_fails = write!(output, "Content-Length: {length}\r\n\r\n");
}

/// Writes all of `output`, and empties it.
async fn write(stream: &mut TcpStream, output: &mut Vec<u8>) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    // It nearly always goes out at once, and then needs no timer.
    let written = match stream.try_write(output) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    if let Some(rest) = output.get(written..).filter(|rest| !rest.is_empty()) {
        timeout(PATIENCE, stream.write_all(rest)).await??;
    }
    output.clear();
    Ok(())
}

/// Ends a connection so that the client gets to read what was written: closing while there is
/// something to be read would reset it (RFC 9112 section 9.6).
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(LINGER);
    let _late = timeout(GRACE, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}
