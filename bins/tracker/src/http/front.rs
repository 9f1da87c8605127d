//! The connections of the tracker's port.
//!
//! Each core has a thread that accepts connections and answers announces and scrapes, with what
//! TCP brings in one piece answered in one piece, so that an announce costs little more than its
//! two system calls. A connection that asks for anything else goes to [`others`](super::others).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZero,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use futures_util::FutureExt as _;
use seedbed_service::{Parts, Shutdown, accept::accept, shutdown::GRACE};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc::{self, UnboundedSender},
    task::yield_now,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Tracker,
    head::{self, Body, Head},
    others::{self, Handed},
    respond::FullScrape,
};
use crate::{store::PARTS, thread};

/// How often it is looked at what a connection does: between one and two of these is how long a
/// client may take to send a head. It is also how long one may take to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many looks find nothing new before a connection that is kept is closed.
const IDLE: u32 = 12;

/// How many bytes the fields of a head may take, beside the query.
const FIELDS: usize = 16 << 10;

/// Bytes of answers to requests that were pipelined, after which they are written.
const BATCH: usize = 64 << 10;

/// How many bytes of a request that is refused are read and dropped, so that its sender gets to
/// read why.
const LINGER: u64 = 1 << 20;

/// Serves `listener` until `shutdown`, then gives what is under way [`GRACE`] to end.
///
/// # Errors
/// The listener cannot be handed to a runtime, or a thread cannot be started.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    app: Arc<Tracker>,
    router: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut parts = Parts::new(&shutdown);
    let (hand_over, handed) = mpsc::unbounded_channel();
    parts.spawn(others::serve(handed, router, shutdown.clone()));
    for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
        let listener = listener.try_clone().context("failed to share the listener")?;
        let (app, hand_over, shutdown) = (Arc::clone(&app), hand_over.clone(), shutdown.clone());
        parts.spawn(thread::run("tracker-http", move || {
            serve_here(listener, app, hand_over, shutdown)
        }));
    }
    parts.finished().await
}

async fn serve_here(
    listener: std::net::TcpListener,
    app: Arc<Tracker>,
    hand_over: UnboundedSender<Handed>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    accept(listener, shutdown.clone(), |stream, client| {
        let connection = Connection::new(stream, client, Arc::clone(&app), shutdown.clone());
        let hand_over = hand_over.clone();
        async move {
            if let Err(error) = connection.serve(&hand_over).await {
                tracing::debug!(%client, %error, "a connection failed");
            }
        }
    })
    .await
}

/// What a connection becomes once it is not for announces any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Closed,
    /// Closed, once the client has read what was said.
    Linger,
    /// A page is asked for by a head of this length, which is the first in the input.
    Page {
        length: usize,
        body: Body,
        close: bool,
    },
    /// It is upgraded, and the head of this length is to be dropped.
    WebSocket {
        ip: IpAddr,
        length: usize,
    },
}

/// What became of a request.
enum Answer {
    Written,
    /// It is granted, and too long to be put together at once.
    All {
        scrape: FullScrape,
        close: bool,
    },
    Not(Next),
}

/// A connection.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    pub(super) client: SocketAddr,
    pub(super) app: Arc<Tracker>,
    pub(super) shutdown: Shutdown,
    /// What was read and is not answered.
    pub(super) input: Vec<u8>,
    /// What is to be written.
    output: Vec<u8>,
    /// Where a body is put together.
    body: Vec<u8>,
}

impl<S> Connection<S> {
    pub(super) fn new(
        stream: S,
        client: SocketAddr,
        app: Arc<Tracker>,
        shutdown: Shutdown,
    ) -> Self {
        let (input, output) = (Vec::with_capacity(1 << 10), Vec::with_capacity(1 << 10));
        Self { stream, client, app, shutdown, input, output, body: Vec::new() }
    }

    /// The same with another form of its stream.
    pub(super) fn convert<T>(
        self,
        convert: impl FnOnce(S) -> io::Result<T>,
    ) -> io::Result<Connection<T>> {
        let Self { stream, client, app, shutdown, input, output, body } = self;
        Ok(Connection { stream: convert(stream)?, client, app, shutdown, input, output, body })
    }
}

impl Connection<TcpStream> {
    async fn serve(mut self, hand_over: &UnboundedSender<Handed>) -> io::Result<()> {
        match self.announces().await? {
            Next::Closed => {}
            Next::Linger => self.linger().await?,
            next => {
                let connection = self.convert(TcpStream::into_std)?;
                let _shutting_down = hand_over.send(Handed { connection, next });
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Answers announces and scrapes, until something else comes.
    pub(super) async fn announces(&mut self) -> io::Result<Next> {
        let mut look = pin!(sleep(PATIENCE));
        let shutdown = self.shutdown.clone();
        let mut stopping = pin!(shutdown.cancelled());
        // Whether a head is awaited; a new connection begins with one.
        let mut awaited = true;
        let (mut answered, mut idle) = (false, 0);
        let mut searched = 0;
        loop {
            let mut done = 0;
            let next = loop {
                let Some(length) = head::end(&self.input[done..], searched) else {
                    searched = self.input.len() - done;
                    break self.too_long(done, searched).then_some(Next::Linger);
                };
                searched = 0;
                match self.answer(done, length) {
                    Answer::Not(next) => break Some(next),
                    Answer::Written if self.output.len() < BATCH => {}
                    Answer::Written => self.write().await?,
                    Answer::All { scrape, close } => {
                        self.scrape_all(scrape, close).await?;
                        if close {
                            break Some(Next::Linger);
                        }
                    }
                }
                done += length;
                answered = true;
            };
            self.input.drain(..done);
            self.write().await?;
            if let Some(next) = next {
                return Ok(next);
            }
            self.input.reserve(1 << 10);
            loop {
                tokio::select! {
                    biased;
                    read = self.stream.read_buf(&mut self.input) => {
                        if read? == 0 {
                            return Ok(Next::Closed);
                        }
                        break;
                    }
                    () = &mut stopping => return Ok(Next::Closed),
                    () = &mut look => {
                        let quiet = !std::mem::take(&mut answered);
                        idle = if quiet { idle + 1 } else { 0 };
                        if quiet && (awaited || idle == IDLE) {
                            return Ok(Next::Closed);
                        }
                        awaited = !self.input.is_empty();
                        look.set(sleep(PATIENCE));
                    }
                }
            }
        }
    }

    /// Answers the request whose head is at `start` of the input, or says what to do if it is
    /// none for here.
    fn answer(&mut self, start: usize, length: usize) -> Answer {
        if self.too_long(start, length) {
            return Answer::Not(Next::Linger);
        }
        let Self { app, client, input, output, body, .. } = self;
        let Some(head) = head::parse(&input[start..start + length]) else {
            let body = Body::Unknown;
            return Answer::Not(Next::Page { length, body, close: true });
        };
        if head.websocket && app.websocket {
            return Answer::Not(upgrade(app, *client, &head, length, output));
        }
        let Some(endpoint) = app.endpoint(head.method, head.path) else {
            return Answer::Not(Next::Page { length, body: head.body, close: head.close });
        };
        body.clear();
        // Nobody sends a body with GET; if one does, it is left unread.
        let mut close = head.close || head.body != Body::None;
        let responded = app.respond(endpoint, head.query, client.ip(), head.forwarded_for, body);
        match responded.full_scrape {
            Some(scrape) => {
                close |= !head.chunked;
                Answer::All { scrape, close }
            }
            None => {
                write_head(output, Some(body.len()), close);
                output.extend_from_slice(body);
                if close { Answer::Not(Next::Linger) } else { Answer::Written }
            }
        }
    }

    /// Refuses a request whose head is too long, whether or not it has ended.
    fn too_long(&mut self, start: usize, length: usize) -> bool {
        let Self { app, client, input, output, body, .. } = self;
        if length <= app.max_query + FIELDS {
            return false;
        }
        let line = &input[start..start + length];
        let line = head::split_line(line).map_or(line, |(line, _)| line);
        // The version may not have come yet, so the line is completed.
        let completed = [line, b" HTTP/1.1"].concat();
        let head = head::parse_request_line(line).or_else(|| head::parse_request_line(&completed));
        let endpoint = head.and_then(|(head, _)| app.endpoint(head.method, head.path));
        let (Some((head, _)), Some(endpoint)) = (head, endpoint) else {
            refuse(output, "431 Request Header Fields Too Large", "");
            return true;
        };
        body.clear();
        app.refuse_long_head(endpoint, head.query, client.ip(), body);
        write_head(output, Some(body.len()), true);
        output.extend_from_slice(body);
        true
    }

    /// Writes the answer to a scrape of everything, part by part, so that no more than a part of
    /// it is ever in memory, and others get their turn.
    async fn scrape_all(&mut self, scrape: FullScrape, close: bool) -> io::Result<()> {
        write_head(&mut self.output, None, close);
        for part in 0..PARTS {
            self.body.clear();
            self.app.write_part(scrape, part, &mut self.body);
            match &*self.body {
                [] => {}
                part if close => self.output.extend_from_slice(part),
                part => chunk(&mut self.output, part),
            }
            if self.output.len() > BATCH {
                self.write().await?;
                yield_now().await;
            }
        }
        if !close {
            chunk(&mut self.output, b"");
        }
        Ok(())
    }

    /// Answers a request with an empty body and this status, and nothing after it.
    pub(super) async fn refuse(&mut self, status: &str) -> io::Result<()> {
        refuse(&mut self.output, status, "");
        self.write().await
    }

    /// Writes all that is to be written.
    async fn write(&mut self) -> io::Result<()> {
        let Self { stream, output, .. } = self;
        if output.is_empty() {
            return Ok(());
        }
        // It nearly always goes out at once, and then needs no timer.
        let written = stream.write(output).now_or_never().unwrap_or(Ok(0))?;
        if let Some(rest) = output.get(written..).filter(|rest| !rest.is_empty()) {
            timeout(PATIENCE, stream.write_all(rest)).await??;
        }
        output.clear();
        Ok(())
    }

    /// Ends a connection so that the client gets to read what was written: closing while there is
    /// something to be read would reset it (RFC 9112 section 9.6).
    pub(super) async fn linger(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut rest = self.stream.take(LINGER);
        let _late = timeout(GRACE, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
        Ok(())
    }
}

/// Accepts a WebSocket (RFC 6455 section 4.2.2), or says why not.
fn upgrade(
    app: &Tracker,
    client: SocketAddr,
    head: &Head<'_>,
    length: usize,
    output: &mut Vec<u8>,
) -> Next {
    let ip = app.sender(client.ip(), head.forwarded_for);
    let key = head.websocket_key.filter(|_| head.method == b"GET" && head.body == Body::None);
    let (Ok(ip), Some(key)) = (ip, key) else {
        refuse(output, "400 Bad Request", "");
        return Next::Linger;
    };
    if head.websocket_version != Some(b"13") {
        // RFC 6455 section 4.4.
        refuse(output, "426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n");
        return Next::Linger;
    }
    output.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    output.extend_from_slice(derive_accept_key(key).as_bytes());
    output.extend_from_slice(b"\r\n\r\n");
    Next::WebSocket { ip, length }
}

/// An answer without a body, after which the connection is closed.
fn refuse(output: &mut Vec<u8>, status: &str, fields: &str) {
    let rest = "Connection: close\r\nContent-Length: 0\r\n\r\n";
    for part in ["HTTP/1.1 ", status, "\r\n", fields, rest] {
        output.extend_from_slice(part.as_bytes());
    }
}

/// An answer that clients take whatever it says: failures too come with status 200. Without a
/// length it goes on to the end of the connection, or in chunks if that is not closed.
fn write_head(output: &mut Vec<u8>, length: Option<usize>, close: bool) {
    output.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n",
    );
    if close {
        output.extend_from_slice(b"Connection: close\r\n");
    }
    if let Some(length) = length {
        output.extend_from_slice(b"Content-Length: ");
        output.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        output.extend_from_slice(b"\r\n");
    } else if !close {
        output.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    output.extend_from_slice(b"\r\n");
}

/// A chunk of a body (RFC 9112 section 7.1); one without content ends it.
fn chunk(output: &mut Vec<u8>, content: &[u8]) {
    use io::Write as _;
    let _never_fails = write!(output, "{:x}\r\n", content.len());
    output.extend_from_slice(content);
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
