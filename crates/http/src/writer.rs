//! Sends a response, piece by piece.
//!
//! Header section and content leave together, content that is in a file is not copied, and a
//! response holds no memory while its client takes none of it. A [`Plan`](crate::Plan) is asked
//! before each piece.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use axum::{
    BoxError,
    http::{Response, StatusCode, header, response::Parts},
};
use bytes::{Buf as _, Bytes};
use http_body::Body;
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    body::{Chunk, Content, FileSlice, Piece, Source},
    date,
    delivery::{Change, Delivery, Plan, Progress, Step},
    stream::Stream,
};

/// Most bytes that one system call is asked to send.
const BATCH: usize = 1 << 20;
/// Most slices that one system call is asked to send.
const SLICES: usize = 16;
/// Once this many bytes of a stream wait to be sent, no more of it is asked for.
const STREAM_BATCH: usize = 64 << 10;

/// What the request means for the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The method was HEAD: there is no content.
    pub(crate) is_head: bool,
    pub(crate) is_http11: bool,
    /// Whether the connection closes after the response.
    pub(crate) close: bool,
}

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is sent, and another may follow.
    Whole,
    /// The connection has to close.
    Last,
    /// The connection has to be reset.
    Reset,
}

/// How the content of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// There is none, and no field may say so (RFC 9110 section 8.6).
    Absent,
    /// Content-Length is added.
    Known(u64),
    /// The response has a Content-Length already.
    Given(u64),
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// A response on its way.
pub(crate) struct Writer<B> {
    source: Option<Arc<dyn Source>>,
    queue: VecDeque<Piece>,
    body: Option<Pin<Box<B>>>,
    /// Why the stream ended early; what came before it is sent first.
    failure: Option<io::Error>,
    chunked: bool,
    close: bool,
    plan: Option<Box<dyn Plan>>,
    progress: Progress,
    /// Length of the whole message, where its head promises one.
    promised: Option<u64>,
    /// Bytes of the source that were sent.
    sent_of_source: u64,
}

/// What goes out with one system call.
enum Next {
    /// The bytes, and whether more follow at once.
    Bytes {
        batch: Vec<Bytes>,
        more: bool,
    },
    File(FileSlice),
}

impl<B> Writer<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(response: Response<B>, wanted: Wanted) -> Self {
        let (mut parts, body) = response.into_parts();
        let content = parts.extensions.remove::<Content>();
        let plan = parts.extensions.remove::<Delivery>().and_then(|delivery| delivery.take());
        let length = length(&parts, content.as_ref(), &body, wanted);
        let mut close = wanted.close || length == Length::UntilClose;
        if let Some(connection) = parts.headers.get(header::CONNECTION) {
            close |= parts.status != StatusCode::SWITCHING_PROTOCOLS
                && connection.as_bytes().eq_ignore_ascii_case(b"close");
        }
        let head = encode(&parts, length, close, wanted.is_http11);
        let progress = Progress { sent: 0, head: head.len() as u64 };
        let mut writer = Self {
            source: None,
            queue: VecDeque::from([Piece::Bytes(head)]),
            body: None,
            failure: None,
            chunked: length == Length::Chunked,
            close,
            plan,
            progress,
            promised: Some(progress.head),
            sent_of_source: 0,
        };
        if wanted.is_head || length == Length::Absent {
            return writer;
        }
        writer.promised = match length {
            Length::Known(length) | Length::Given(length) => Some(progress.head + length),
            _ => None,
        };
        match content {
            Some(Content { source, pieces }) => {
                writer.source = Some(source);
                writer.queue.extend(pieces);
            }
            None if body.is_end_stream() && length != Length::Chunked => {}
            None => writer.body = Some(Box::pin(body)),
        }
        writer
    }

    /// Sends the response to its end. No content is held while the client takes none.
    pub(crate) async fn send(
        mut self,
        stream: &mut Stream,
        write_timeout: Duration,
    ) -> io::Result<Sent> {
        let mut deadline = None;
        loop {
            self.fill().await.inspect_err(abort)?;
            if self.queue.is_empty() {
                break;
            }
            let limit = match self.plan.as_mut().map(|plan| plan.next(&self.progress)) {
                None => u64::MAX,
                Some(Step::Send(limit)) => limit.max(1),
                Some(Step::Wait(future)) => {
                    future.await;
                    continue;
                }
                Some(Step::Change(limit, change)) => {
                    self.change(limit.max(1), change).await.inspect_err(abort)?
                }
                Some(Step::Close) => return Ok(Sent::Last),
                Some(Step::Reset) => return Ok(Sent::Reset),
            };
            let next = self.next(limit, stream.can_send_files()).await.inspect_err(abort)?;
            if self.sent_of_source > 0
                && let Some(source) = &self.source
            {
                source.verify().inspect_err(abort)?;
            }
            let written = poll_fn(|context| match next.poll_send(context, stream) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => Poll::Ready(None),
            })
            .await;
            match written {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(written) => {
                    self.advance(written?);
                    deadline = None;
                }
                None => {
                    drop(next);
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + write_timeout);
                    if Instant::now() >= deadline {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    let _whichever_is_first = timeout_at(deadline, woken()).await;
                }
            }
        }
        if !stream.can_send_files() {
            timeout(write_timeout, stream.flush()).await??;
        }
        // A client that was promised another length would take what follows for content.
        let kept = self.promised.is_none_or(|length| length == self.progress.sent);
        Ok(if self.close || !kept { Sent::Last } else { Sent::Whole })
    }

    /// Takes what a stream has at hand, and waits for it only if nothing else is to be sent.
    async fn fill(&mut self) -> io::Result<()> {
        while let Some(body) = &mut self.body {
            let waiting: u64 = self.queue.iter().map(Piece::length).sum();
            if waiting >= STREAM_BATCH as u64 {
                return Ok(());
            }
            let may_wait = self.queue.is_empty();
            let frame = poll_fn(|context| match body.as_mut().poll_frame(context) {
                Poll::Pending if !may_wait => Poll::Ready(None),
                polled => polled.map(Some),
            });
            match frame.await {
                None => return Ok(()),
                Some(None) => {
                    self.body = None;
                    if self.chunked {
                        self.queue.push_back(Piece::Bytes(Bytes::from_static(b"0\r\n\r\n")));
                    }
                }
                Some(Some(frame)) => {
                    let frame = match frame {
                        Ok(frame) => frame,
                        Err(error) => {
                            self.failure = Some(io::Error::other(error.into()));
                            self.body = None;
                            break;
                        }
                    };
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    if self.chunked {
                        let size = format!("{:x}\r\n", data.len());
                        self.queue.push_back(Piece::Bytes(size.into()));
                        self.queue.push_back(Piece::Bytes(data));
                        self.queue.push_back(Piece::Bytes(Bytes::from_static(b"\r\n")));
                    } else {
                        self.queue.push_back(Piece::Bytes(data));
                    }
                }
            }
        }
        match self.failure.take_if(|_| self.queue.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Puts the next bytes, at most `limit`, through `change`. Returns how many they are.
    async fn change(&mut self, limit: u64, change: Change) -> io::Result<u64> {
        let Next::Bytes { batch, .. } = self.next(limit, false).await? else { return Ok(limit) };
        let mut changed = batch.concat();
        change(&mut changed);
        let length = changed.len();
        let of_source = self.take(length);
        self.queue.push_front(Piece::Bytes(changed.into()));
        self.note_sent_of_source(of_source);
        Ok(length as u64)
    }

    /// What to send next: all that is at hand, and if nothing is, what is read for it.
    async fn next(&mut self, limit: u64, files: bool) -> io::Result<Next> {
        let mut limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // What follows a limited send may be a while in coming.
        let may_cork = self.plan.is_none();
        let mut batch = Vec::with_capacity(SLICES.min(self.queue.len() + 2));
        let mut total = 0;
        for piece in &self.queue {
            let mut rest = match piece {
                Piece::Bytes(bytes) if !bytes.is_empty() => {
                    let bytes = bytes.slice(..bytes.len().min(limit));
                    total += bytes.len();
                    limit -= bytes.len();
                    batch.push(bytes);
                    None
                }
                Piece::Range(range) if !range.is_empty() => Some(range.clone()),
                _ => None,
            };
            while let Some(range) = rest.take()
                && let Some(source) = &self.source
            {
                if total >= BATCH || batch.len() == SLICES || limit == 0 {
                    return Ok(Next::Bytes { batch, more: may_cork });
                }
                let (chunk, left) = match source.try_read(range.clone())? {
                    Some(chunk) => (chunk, range),
                    None if batch.is_empty() => (source.read(range.clone()).await?, range),
                    None => return Ok(Next::Bytes { batch, more: may_cork }),
                };
                let bytes = match chunk {
                    Chunk::Bytes(bytes) => bytes.slice(..bytes.len().min(limit)),
                    Chunk::File(slice) if !files => {
                        slice.limited(limit.min(BATCH) as u64).to_bytes()?
                    }
                    Chunk::File(slice) if batch.is_empty() => {
                        return Ok(Next::File(slice.limited(limit as u64)));
                    }
                    Chunk::File(_) => return Ok(Next::Bytes { batch, more: may_cork }),
                };
                if bytes.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let start = left.start + bytes.len() as u64;
                rest = (start < left.end).then_some(start..left.end);
                total += bytes.len();
                limit -= bytes.len();
                batch.push(bytes);
            }
            if batch.len() == SLICES || limit == 0 {
                break;
            }
        }
        Ok(Next::Bytes { batch, more: false })
    }

    /// Takes what was written off the queue.
    fn advance(&mut self, written: usize) {
        self.progress.sent += written as u64;
        let of_source = self.take(written);
        self.note_sent_of_source(of_source);
        // An empty piece would never be sent.
        while self.queue.front().is_some_and(|piece| piece.length() == 0) {
            self.queue.pop_front();
        }
    }

    fn note_sent_of_source(&mut self, bytes: u64) {
        if bytes > 0
            && let Some(source) = &self.source
        {
            self.sent_of_source += bytes;
            source.sent(bytes);
        }
    }

    /// Takes so many bytes off the queue. Returns how many of them were of the source.
    fn take(&mut self, mut length: usize) -> u64 {
        let mut of_source = 0;
        while length > 0
            && let Some(piece) = self.queue.pop_front()
        {
            match piece {
                Piece::Bytes(mut bytes) => {
                    let now = bytes.len().min(length);
                    bytes.advance(now);
                    length -= now;
                    if !bytes.is_empty() {
                        self.queue.push_front(Piece::Bytes(bytes));
                    }
                }
                Piece::Range(Range { start, end }) => {
                    let now = (end - start).min(length as u64);
                    length -= usize::try_from(now).unwrap_or(length);
                    of_source += now;
                    if start + now < end {
                        self.queue.push_front(Piece::Range(start + now..end));
                    }
                }
            }
        }
        of_source
    }
}

impl Next {
    fn poll_send(&self, context: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<usize>> {
        match self {
            Self::Bytes { batch, more } => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                for (slice, bytes) in slices.iter_mut().zip(batch) {
                    *slice = IoSlice::new(bytes);
                }
                stream.poll_send(context, &slices[..batch.len().min(SLICES)], *more)
            }
            Self::File(slice) => stream.poll_send_file(context, slice),
        }
    }
}

/// Sends bytes that are no response of their own, such as answers of the fast path.
pub(crate) async fn send_all(
    stream: &mut Stream,
    mut bytes: &[u8],
    write_timeout: Duration,
) -> io::Result<()> {
    let mut deadline = None;
    while !bytes.is_empty() {
        let written =
            poll_fn(|context| match stream.poll_send(context, &[IoSlice::new(bytes)], false) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => Poll::Ready(None),
            });
        match written.await {
            Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Some(written) => {
                bytes = &bytes[written?..];
                deadline = None;
            }
            None => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + write_timeout);
                if Instant::now() >= deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let _whichever_is_first = timeout_at(deadline, woken()).await;
            }
        }
    }
    if !stream.can_send_files() {
        timeout(write_timeout, stream.flush()).await??;
    }
    Ok(())
}

fn abort(error: &io::Error) {
    tracing::warn!(%error, "aborted a response");
}

/// Resolves once the task is woken by whatever the last poll of the stream registered it for.
async fn woken() {
    let mut is_woken = false;
    poll_fn(
        |_| if std::mem::replace(&mut is_woken, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

fn length(parts: &Parts, content: Option<&Content>, body: &impl Body, wanted: Wanted) -> Length {
    let status = parts.status;
    if status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
    {
        return Length::Absent;
    }
    let given = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if let Some(given) = given.and_then(|value| value.parse().ok()) {
        return Length::Given(given);
    }
    match content.map_or_else(|| body.size_hint().exact(), |content| Some(content.length())) {
        Some(length) => Length::Known(length),
        None if wanted.is_http11 => Length::Chunked,
        None => Length::UntilClose,
    }
}

/// Status line and header section. The version is ours, whatever the request's is (RFC 9110
/// section 6.2).
fn encode(parts: &Parts, length: Length, close: bool, is_http11: bool) -> Bytes {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(parts.status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
    let mut field = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    for (name, value) in &parts.headers {
        // Both say what the content may not have, or what is said below.
        let is_wrong_length = length == Length::Absent && name == header::CONTENT_LENGTH;
        let is_connection =
            name == header::CONNECTION && parts.status != StatusCode::SWITCHING_PROTOCOLS;
        if !is_wrong_length && !is_connection {
            field(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    match length {
        Length::Known(length) => {
            field(b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Length::Chunked => field(b"transfer-encoding", b"chunked"),
        Length::Absent | Length::Given(_) | Length::UntilClose => {}
    }
    if close {
        field(b"connection", b"close");
    } else if !is_http11 {
        field(b"connection", b"keep-alive");
    }
    if !parts.headers.contains_key(header::DATE) {
        head.extend_from_slice(b"date: ");
        date::append(&mut head, SystemTime::now());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}
