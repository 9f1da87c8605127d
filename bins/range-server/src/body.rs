//! The bodies of responses.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    os::unix::fs::FileExt as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{multipart::Segment, range::ByteRange, root::OpenFile, validators::Fingerprint};

/// How much is read at a time, in bytes: smaller reads cost more CPU, larger ones gain nothing.
const CHUNK: u64 = 256 << 10;

/// Segments of a file, read and sent a chunk at a time.
///
/// A chunk goes out only if the file is still what the header section says. A file that was
/// changed or cut short ends the response early, which closes the connection: that is how the
/// receiver knows.
#[derive(Debug)]
pub struct FileBody {
    idle: Option<Reader>,
    reading: Option<JoinHandle<io::Result<(Bytes, Reader)>>>,
    remaining: u64,
    sent: Counter,
}

impl FileBody {
    /// The body that consists of `segments` of `file`; `sent` counts its bytes as they go.
    pub fn new(file: OpenFile, segments: impl IntoIterator<Item = Segment>, sent: Counter) -> Self {
        let segments = VecDeque::from_iter(segments);
        let remaining = segments.iter().map(Segment::len).sum();
        Self { idle: Some(Reader { file, segments }), reading: None, remaining, sent }
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(reader) = self.idle.take() {
            self.reading = Some(spawn_blocking(|| reader.next_chunk()));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let outcome =
            ready!(Pin::new(reading).poll(context)).unwrap_or_else(|lost| Err(lost.into()));
        self.reading = None;
        match outcome {
            Ok((chunk, reader)) => {
                self.idle = (!reader.segments.is_empty()).then_some(reader);
                self.remaining -= chunk.len() as u64;
                self.sent.inc_by(chunk.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[derive(Debug)]
struct Reader {
    file: OpenFile,
    /// What is still to be sent.
    segments: VecDeque<Segment>,
}

impl Reader {
    /// Reads one chunk, or all if it is less.
    fn next_chunk(mut self) -> io::Result<(Bytes, Self)> {
        match self.fill() {
            Ok(chunk) => Ok((chunk.into(), self)),
            Err(error) => {
                tracing::warn!(path = ?self.file.path.as_path(), %error, "aborted a response");
                Err(error)
            }
        }
    }

    fn fill(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::new();
        while let space @ 1.. = CHUNK.saturating_sub(chunk.len() as u64)
            && let Some(segment) = self.segments.pop_front()
        {
            match segment {
                Segment::Text(text) => chunk.extend_from_slice(text.as_bytes()),
                Segment::File(range) => {
                    let (now, later) = range.split_at(space);
                    self.read(now, &mut chunk)?;
                    if let Some(later) = later {
                        self.segments.push_front(Segment::File(later));
                    }
                }
            }
        }
        // Asked after the read: what was written before it shows, what comes later was not read.
        if !self.file.fingerprint.same_bytes(&Fingerprint::of(&self.file.file.metadata()?)) {
            return Err(io::Error::other("the file changed while it was sent"));
        }
        Ok(chunk)
    }

    fn read(&self, range: ByteRange, chunk: &mut Vec<u8>) -> io::Result<()> {
        let start = chunk.len();
        let length = usize::try_from(range.len()).expect("a range within a chunk fits into memory");
        chunk.resize(start + length, 0);
        self.file.file.read_exact_at(&mut chunk[start..], range.first())
    }
}

/// No body at all, for a status that allows none (204, 304).
///
/// It does not know its length, because for an empty body axum writes `Content-Length: 0`, which
/// RFC 9110 section 8.6 forbids there.
pub fn none() -> Body {
    struct Absent;

    impl http_body::Body for Absent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }

        fn is_end_stream(&self) -> bool {
            true
        }
    }

    Body::new(Absent)
}
