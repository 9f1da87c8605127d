//! Sends a response.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    task::{Context, Poll},
    time::SystemTime,
};

use axum::http::Response;
use bytes::{Buf as _, Bytes};
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout_at},
};

use super::{Persistence, STALL, Service, Transport};
use crate::{
    blocks::Stretch,
    content::{Chunk, Content, Source},
    http_date::HttpDate,
    multipart::Segment,
    range::ByteRange,
};

/// Most that one system call is asked to send, in bytes and in slices.
const BATCH: usize = 1 << 20;
const SLICES: usize = 16;

/// A response on its way.
pub(super) struct Writer {
    source: Option<Source>,
    queue: VecDeque<Piece>,
}

enum Piece {
    Bytes(Bytes),
    Range(ByteRange),
}

/// What goes out with one system call.
enum Next {
    /// The bytes, and whether there are more to follow.
    Bytes {
        batch: Vec<Bytes>,
        more: bool,
    },
    Stretch(Stretch),
}

impl Next {
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        stream: &mut impl Transport,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Bytes { batch, more } => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                for (slice, bytes) in slices.iter_mut().zip(batch) {
                    *slice = IoSlice::new(bytes);
                }
                stream.poll_send(context, &slices[..batch.len()], *more)
            }
            Self::Stretch(stretch) => stream.poll_send_file(context, stretch),
        }
    }
}

impl Writer {
    pub(super) fn new(
        response: Response<Content>,
        is_for_head: bool,
        persistence: Persistence,
    ) -> Self {
        let (parts, content) = response.into_parts();
        let head = encode(&parts, content.length(), persistence);
        let mut writer = Self { source: None, queue: VecDeque::from([Piece::Bytes(head)]) };
        match content {
            _ if is_for_head => {}
            Content::Absent => {}
            Content::Bytes(bytes) => writer.queue.push_back(Piece::Bytes(bytes)),
            Content::Segments(source, segments) => {
                writer.source = Some(source);
                writer.queue.extend(segments.into_iter().map(|segment| match segment {
                    Segment::Text(text) => Piece::Bytes(text.into()),
                    Segment::Range(range) => Piece::Range(range),
                }));
            }
        }
        writer
    }

    /// Sends it to its end. No content is held while the receiver takes none.
    pub(super) async fn send(
        mut self,
        stream: &mut impl Transport,
        service: &impl Service,
    ) -> io::Result<()> {
        let (mut has_begun, mut deadline) = (false, None);
        while !self.queue.is_empty() {
            let next = self.next().await.inspect_err(abort)?;
            if has_begun && let Some(source) = &self.source {
                source.check().inspect_err(abort)?;
            }
            let written = poll_fn(|context| match next.poll_send(context, stream) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => Poll::Ready(None),
            })
            .await;
            match written {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(written) => {
                    let sent = self.advance(written?);
                    service.sent(sent);
                    has_begun |= sent > 0;
                    deadline = None;
                }
                None => {
                    drop(next);
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + STALL);
                    if Instant::now() >= deadline {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    let _whichever_is_first = timeout_at(deadline, woken()).await;
                }
            }
        }
        stream.flush().await
    }

    /// What to send next: all that is at hand, and if nothing is, what is loaded for it.
    async fn next(&self) -> io::Result<Next> {
        let mut batch = Vec::with_capacity(SLICES);
        let mut total = 0;
        for piece in &self.queue {
            let mut rest = match piece {
                Piece::Bytes(bytes) => {
                    total += bytes.len();
                    batch.push(bytes.clone());
                    None
                }
                Piece::Range(range) => Some(*range),
            };
            while let Some(range) = rest
                && let Some(source) = &self.source
            {
                if total >= BATCH || batch.len() == SLICES {
                    return Ok(Next::Bytes { batch, more: true });
                }
                let chunk = match source.at_hand(range)? {
                    Some(chunk) => chunk,
                    None if batch.is_empty() => source.load(range).await?,
                    None => return Ok(Next::Bytes { batch, more: true }),
                };
                match chunk {
                    Chunk::Bytes(bytes) => {
                        total += bytes.len();
                        (_, rest) = range.split_at(bytes.len() as u64);
                        batch.push(bytes);
                    }
                    Chunk::Stretch(stretch) if batch.is_empty() => {
                        return Ok(Next::Stretch(stretch));
                    }
                    Chunk::Stretch(_) => return Ok(Next::Bytes { batch, more: true }),
                }
            }
            if batch.len() == SLICES {
                break;
            }
        }
        Ok(Next::Bytes { batch, more: false })
    }

    /// Takes what was written off the queue. How much of it was of the source.
    fn advance(&mut self, mut written: usize) -> u64 {
        let mut sent = 0;
        while written > 0
            && let Some(piece) = self.queue.pop_front()
        {
            match piece {
                Piece::Bytes(mut bytes) => {
                    let now = bytes.len().min(written);
                    bytes.advance(now);
                    written -= now;
                    if !bytes.is_empty() {
                        self.queue.push_front(Piece::Bytes(bytes));
                    }
                }
                Piece::Range(range) => {
                    let (now, later) = range.split_at(written as u64);
                    written -= usize::try_from(now.len()).unwrap_or(written);
                    sent += now.len();
                    if let Some(later) = later {
                        self.queue.push_front(Piece::Range(later));
                    }
                }
            }
        }
        sent
    }
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

/// Status line and header section. The version is ours, whatever the request's is (RFC 9110
/// section 6.2).
fn encode(
    parts: &axum::http::response::Parts,
    length: Option<u64>,
    persistence: Persistence,
) -> Bytes {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(parts.status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
    let mut field = |name: &str, value: &[u8]| {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    };
    for (name, value) in &parts.headers {
        field(name.as_str(), value.as_bytes());
    }
    if let Some(length) = length {
        field("content-length", length.to_string().as_bytes());
    }
    match persistence {
        Persistence::Keep => {}
        Persistence::KeepForHttp10 => field("connection", b"keep-alive"),
        Persistence::Close => field("connection", b"close"),
    }
    field("date", HttpDate::from_clock(SystemTime::now()).to_string().as_bytes());
    head.extend_from_slice(b"\r\n");
    head.into()
}
