//! The loop over the requests of a connection (RFC 9112 section 9).
//!
//! What TCP brings in one piece is answered in one piece: answers of the fast path are collected and
//! written together, so that an announce costs little more than its two system calls.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, Sleep, sleep_until, timeout, timeout_at},
};

use crate::{
    app::HttpService,
    fast_path::FastPath,
    head::{self, Framing, Head, Refusal, RequestLine},
    limits::{LINGER, LINGER_BYTES, Limits, PIPELINE},
    request_body,
    stream::Stream,
    tls::Tls,
    upgrade::{Upgrade, Upgraded},
    writer::{Sent, Wanted, Writer, send_all},
};

/// How much the server asks the transport for at a time, in bytes.
const READ: usize = 1 << 10;

/// An empty read buffer that is larger than this is given back, in bytes.
const KEPT_BUFFER: usize = 16 << 10;

/// How a server treats each of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Protocol<S, F> {
    pub(crate) service: S,
    pub(crate) fast_path: F,
    pub(crate) limits: Limits,
    pub(crate) raw_targets: bool,
    pub(crate) tls: Option<Tls>,
    pub(crate) shutdown: Shutdown,
}

/// A connection.
pub(crate) struct Connection<S, F> {
    protocol: Protocol<S, F>,
    stream: Stream,
    remote: SocketAddr,
    /// What was read and is not answered.
    input: Vec<u8>,
    /// Answers of the fast path that are not written.
    output: Vec<u8>,
    /// Where the fast path puts the content of an answer together.
    content: Vec<u8>,
}

/// What to do after the requests that have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Read,
    /// Close, once the client has read the last answer.
    Linger,
    Reset,
    /// The connection speaks another protocol, and is closed.
    Gone,
}

/// What the head of a request asks for.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is returned to")]
enum Next {
    /// The fast path has answered.
    Answered {
        close: bool,
    },
    Request {
        request: Request<Body>,
        framing: Framing,
        expects_continue: bool,
        wanted: Wanted,
    },
    Refused(Refusal),
}

impl<S: HttpService, F: FastPath> Connection<S, F> {
    pub(crate) fn new(stream: Stream, remote: SocketAddr, protocol: Protocol<S, F>) -> Self {
        let input = Vec::with_capacity(READ);
        Self { protocol, stream, remote, input, output: Vec::new(), content: Vec::new() }
    }

    /// Answers requests until either side is done.
    pub(crate) async fn serve(mut self) -> io::Result<()> {
        let limits = self.protocol.limits;
        let shutdown = self.protocol.shutdown.clone();
        #[cfg(feature = "tls")]
        if let Some(tls) = self.protocol.tls.take() {
            let stream = std::mem::replace(&mut self.stream, Stream::closed());
            let accepting = Box::pin(tls.accept(stream, self.remote, limits.handshake));
            match shutdown.run_until_cancelled(accepting).await {
                Some(accepted) => self.stream = accepted?,
                None => return Ok(()),
            }
        }
        let mut stopping = pin!(shutdown.cancelled());
        let mut sleep = pin!(sleep_until(Instant::now() + limits.idle));
        // Where a request has begun to come, when that was.
        let mut began = None;
        let mut searched = 0;
        loop {
            let deadline = if self.input.is_empty() {
                began = None;
                Instant::now() + limits.idle
            } else {
                *began.get_or_insert_with(Instant::now) + limits.request
            };
            self.input.reserve(READ);
            let read = tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input) => Some(read?),
                () = &mut stopping => return Ok(()),
                () = passed(sleep.as_mut(), deadline) => None,
            };
            match read {
                Some(0) => return Ok(()),
                Some(_) => {}
                None if began.is_none() => return Ok(()),
                None => {
                    self.refuse(timed_out(limits.request)).await?;
                    return self.linger().await;
                }
            }
            let after = self.answer_all(&mut searched, &mut began).await?;
            match after {
                After::Read => {}
                After::Linger => return self.linger().await,
                After::Reset => return self.stream.reset(),
                After::Gone => return Ok(()),
            }
            if self.input.is_empty() && self.input.capacity() > KEPT_BUFFER {
                self.input = Vec::with_capacity(READ);
            }
        }
    }

    /// Answers all requests that have come whole. `searched` bytes of the input are known not to
    /// hold the end of a head.
    async fn answer_all(
        &mut self,
        searched: &mut usize,
        began: &mut Option<Instant>,
    ) -> io::Result<After> {
        let limits = self.protocol.limits;
        let mut done = 0;
        let after = loop {
            // Empty lines before a request line are ignored (RFC 9112 section 2.2).
            while *searched == 0 && self.input[done..].starts_with(b"\r\n") {
                done += 2;
            }
            let rest = &self.input[done..];
            let end = head::end(rest, *searched);
            if end.unwrap_or(rest.len()) > limits.head {
                self.refuse_large_head(done).await?;
                break After::Linger;
            }
            let Some(length) = end else {
                *searched = rest.len();
                break After::Read;
            };
            *searched = 0;
            let began = began.take();
            match self.read_head(done, length) {
                Next::Answered { close } => {
                    done += length;
                    if close {
                        break After::Linger;
                    }
                    if self.output.len() >= PIPELINE {
                        self.flush().await?;
                    }
                }
                Next::Refused(refusal) => {
                    self.refuse(refusal).await?;
                    break After::Linger;
                }
                Next::Request { request, framing, expects_continue, wanted } => {
                    self.input.drain(..done + length);
                    done = 0;
                    self.flush().await?;
                    let began = began.unwrap_or_else(Instant::now);
                    let after = Box::pin(self.answer(
                        request,
                        framing,
                        expects_continue,
                        wanted,
                        began + limits.request,
                    ));
                    match after.await? {
                        After::Read => {}
                        after => break after,
                    }
                }
            }
        };
        self.input.drain(..done.min(self.input.len()));
        self.flush().await?;
        Ok(after)
    }

    /// Reads the head that begins at `start`, and answers it if the fast path does.
    fn read_head(&mut self, start: usize, length: usize) -> Next {
        let Self { protocol, remote, input, output, content, .. } = self;
        let Protocol { fast_path, raw_targets, .. } = protocol;
        head::parse(&input[start..start + length], *raw_targets, |head| {
            let head = match head {
                Ok(head) => head,
                Err(refusal) => return Next::Refused(refusal),
            };
            if head.framing == Framing::None {
                content.clear();
                if let Some(fields) = fast_path.answer(&head, *remote, content) {
                    write_answer(output, fields, content, &head);
                    return Next::Answered { close: head.close };
                }
            }
            match head.request(*raw_targets) {
                Ok(request) => Next::Request {
                    request,
                    framing: head.framing,
                    expects_continue: head.expects_continue,
                    wanted: Wanted {
                        is_head: head.line.method == b"HEAD",
                        is_http11: head.is_http11,
                        close: head.close,
                    },
                },
                Err(refusal) => Next::Refused(refusal),
            }
        })
    }

    /// Has the service answer a request whose head was taken off the input.
    async fn answer(
        &mut self,
        mut request: Request<Body>,
        framing: Framing,
        expects_continue: bool,
        mut wanted: Wanted,
        deadline: Instant,
    ) -> io::Result<After> {
        let limits = self.protocol.limits;
        if framing != Framing::None {
            if expects_continue
                && self.input.is_empty()
                && request_body::check(framing, limits.body).is_ok()
            {
                let line = b"HTTP/1.1 100 Continue\r\n\r\n";
                send_all(&mut self.stream, line, limits.write).await?;
            }
            let Self { input, stream, .. } = self;
            let body = request_body::read(framing, limits.body, input, stream);
            let refusal = match timeout_at(deadline, body).await {
                Ok(Ok(body)) => {
                    *request.body_mut() = body.into();
                    None
                }
                Ok(Err(request_body::Error::Io(error))) => return Err(error),
                Ok(Err(request_body::Error::Refused(refusal))) => Some(refusal),
                Err(_) => Some(timed_out(limits.request)),
            };
            if let Some(refusal) = refusal {
                request.extensions_mut().insert(refusal);
                wanted.close = true;
            }
        }
        self.respond(request, wanted).await
    }

    /// Has the service answer, and sends its response.
    async fn respond(
        &mut self,
        mut request: Request<Body>,
        mut wanted: Wanted,
    ) -> io::Result<After> {
        request.extensions_mut().insert(ConnectInfo(self.remote));
        let mut response = self.protocol.service.answer(request).await;
        wanted.close |= self.protocol.shutdown.is_cancelled();
        let upgrade = take_upgrade(&mut response);
        let writer = Writer::new(response, wanted);
        let sent = writer.send(&mut self.stream, self.protocol.limits.write).await?;
        if let Some(upgrade) = upgrade.and_then(|upgrade| upgrade.take()) {
            let stream = std::mem::replace(&mut self.stream, Stream::closed());
            let read = std::mem::take(&mut self.input).into();
            upgrade(Upgraded { stream, read, remote: self.remote }).await;
            return Ok(After::Gone);
        }
        Ok(match sent {
            Sent::Whole => After::Read,
            Sent::Last => After::Linger,
            Sent::Reset => After::Reset,
        })
    }

    /// Answers what is no request, or too much of one.
    async fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        self.flush().await?;
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(refusal);
        let wanted = Wanted { is_head: false, is_http11: true, close: true };
        Box::pin(self.respond(request, wanted)).await.map(|_| ())
    }

    async fn refuse_large_head(&mut self, start: usize) -> io::Result<()> {
        let limit = self.protocol.limits.head;
        let Self { protocol, remote, input, output, content, .. } = self;
        content.clear();
        let answer = RequestLine::of_partial(&input[start..])
            .and_then(|line| protocol.fast_path.head_too_large(&line, *remote, content));
        match answer {
            Some(fields) => {
                write_fields(output, fields, content.len(), Some("close"));
                output.extend_from_slice(content);
                self.flush().await
            }
            None => self.refuse(Refusal::head_too_large(limit)).await,
        }
    }

    /// Writes the answers of the fast path.
    async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        send_all(&mut self.stream, &self.output, self.protocol.limits.write).await?;
        self.output.clear();
        Ok(())
    }

    /// Closes the connection so that the client gets to read the last answer: closing while there is
    /// something to be read would reset it (RFC 9112 section 9.6).
    async fn linger(mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let mut rest = self.stream.take(LINGER_BYTES);
        let _late = timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
        Ok(())
    }
}

fn take_upgrade<B>(response: &mut Response<B>) -> Option<Upgrade> {
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    upgrades.then(|| response.extensions_mut().remove())?
}

fn timed_out(limit: Duration) -> Refusal {
    let message = format!("wanted the whole request within {} seconds", limit.as_secs());
    Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
}

/// Adds an answer of the fast path.
fn write_answer(output: &mut Vec<u8>, fields: &[u8], content: &[u8], head: &Head<'_>) {
    let connection = match (head.close, head.is_http11) {
        (true, _) => Some("close"),
        (false, true) => None,
        (false, false) => Some("keep-alive"),
    };
    write_fields(output, fields, content.len(), connection);
    if head.line.method != b"HEAD" {
        output.extend_from_slice(content);
    }
}

fn write_fields(output: &mut Vec<u8>, fields: &[u8], length: usize, connection: Option<&str>) {
    output.extend_from_slice(fields);
    if let Some(connection) = connection {
        for part in ["Connection: ", connection, "\r\n"] {
            output.extend_from_slice(part.as_bytes());
        }
    }
    output.extend_from_slice(b"Content-Length: ");
    output.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    output.extend_from_slice(b"\r\n\r\n");
}

/// Waits for a deadline. As long as deadlines only move on, as those of a busy connection do, the
/// timer behind `sleep` stays as it is: setting one for each request would cost more than an answer.
async fn passed(mut sleep: Pin<&mut Sleep>, deadline: Instant) {
    if sleep.deadline() > deadline {
        sleep.as_mut().reset(deadline);
    }
    loop {
        sleep.as_mut().await;
        if sleep.deadline() >= deadline {
            return;
        }
        sleep.as_mut().reset(deadline);
    }
}
