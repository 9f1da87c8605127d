//! Sends a response.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::Poll,
    time::SystemTime,
};

use axum::http::Response;
use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};

use super::{Persistence, STALL, Service};
use crate::{
    content::{Content, Source},
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
        stream: &mut (impl AsyncWrite + Unpin),
        service: &impl Service,
    ) -> io::Result<()> {
        let (mut is_first, mut deadline) = (true, None);
        while !self.queue.is_empty() {
            let batch = self.batch().await.inspect_err(abort)?;
            if !std::mem::take(&mut is_first)
                && let Some(source) = &self.source
            {
                source.check().inspect_err(abort)?;
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            for (slice, bytes) in slices.iter_mut().zip(&batch) {
                *slice = IoSlice::new(bytes);
            }
            let slices = &slices[..batch.len()];
            let written = poll_fn(|context| {
                match Pin::new(&mut *stream).poll_write_vectored(context, slices) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending => Poll::Ready(None),
                }
            })
            .await;
            match written {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(written) => {
                    service.sent(self.advance(written?));
                    deadline = None;
                }
                None => {
                    drop(batch);
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
    async fn batch(&self) -> io::Result<Vec<Bytes>> {
        let mut batch = Vec::with_capacity(SLICES);
        let (mut total, mut has_content) = (0, false);
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
                    return Ok(batch);
                }
                let bytes = match source.at_hand(range) {
                    Some(bytes) => bytes,
                    None if !has_content => {
                        batch.push(source.load(range).await?);
                        return Ok(batch);
                    }
                    None => return Ok(batch),
                };
                total += bytes.len();
                has_content = true;
                (_, rest) = range.split_at(bytes.len() as u64);
                batch.push(bytes);
            }
            if batch.len() == SLICES {
                break;
            }
        }
        Ok(batch)
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
