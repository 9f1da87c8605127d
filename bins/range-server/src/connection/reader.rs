//! Reads whole requests.

use std::io;

use axum::http::{Request, StatusCode};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    IDLE, REQUEST, Refusal,
    request::{self, CONTENT_LIMIT, CONTENT_TOO_LARGE, Framing, TOO_LARGE, bad},
};

/// Largest request line and header section, in bytes.
pub(super) const HEAD_LIMIT: usize = 64 << 10;

/// Longest line of a chunk's size with its extensions, and longest trailer line, in bytes.
const LINE_LIMIT: usize = 4 << 10;

enum Error {
    Refused(Refusal),
    Io(io::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What of the stream was read and not used yet.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: BytesMut,
}

impl Reader {
    /// Whether part of a request is here. [`Reader::next`] may be dropped where it is not.
    pub(super) fn is_inside_a_request(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Reads the next request, or what is none; what follows that has no meaning.
    ///
    /// None is the end of the connection, or nothing for so long that it is one.
    pub(super) async fn next<S>(
        &mut self,
        stream: &mut S,
    ) -> io::Result<Option<Result<Request<Bytes>, Refusal>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if self.buffer.is_empty() {
            match timeout(IDLE, self.fill(stream)).await {
                Err(_) | Ok(Ok(0)) => return Ok(None),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(_)) => {}
            }
        }
        match timeout(REQUEST, self.request(stream)).await {
            Ok(Ok(request)) => Ok(Some(Ok(request))),
            Ok(Err(Error::Refused(refusal))) => Ok(Some(Err(refusal))),
            Ok(Err(Error::Io(error))) => Err(error),
            Err(_) => Ok(Some(Err(request::refusal(
                StatusCode::REQUEST_TIMEOUT,
                "wanted the whole request within 30 seconds",
            )))),
        }
    }

    async fn request<S>(&mut self, stream: &mut S) -> Result<Request<Bytes>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let head = self.head(stream).await?;
        let (mut request, framing) = request::parse(&head)?;
        if framing != Framing::Length(0)
            && request::expects_continue(&request)
            && self.buffer.is_empty()
        {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        *request.body_mut() = match framing {
            Framing::Length(length) => self.take(stream, length).await?,
            Framing::Chunked => self.chunked(stream).await?,
        };
        Ok(request)
    }

    /// Reads up to and including the first empty line that follows another.
    async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Error> {
        let mut searched = 0;
        loop {
            // Empty lines before a request line are ignored (RFC 9112 section 2.2).
            while self.buffer.starts_with(b"\r\n") {
                let _empty = self.buffer.split_to(2);
            }
            if let Some(end) = end_of_head(&self.buffer, searched) {
                return Ok(self.buffer.split_to(end).freeze());
            }
            if self.buffer.len() >= HEAD_LIMIT {
                return Err(TOO_LARGE.into());
            }
            searched = self.buffer.len().saturating_sub(2);
            self.fill_more(stream).await?;
        }
    }

    /// RFC 9112 section 7.1.
    async fn chunked(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Error> {
        let mut content = BytesMut::new();
        loop {
            let line = self.line(stream).await?;
            let size = match httparse::parse_chunk_size(&line) {
                // Without a digit it would be 0.
                Ok(httparse::Status::Complete((_, size))) if line[0].is_ascii_hexdigit() => size,
                _ => return Err(bad("wanted the size of a chunk").into()),
            };
            if size > CONTENT_LIMIT - content.len() as u64 {
                return Err(CONTENT_TOO_LARGE.into());
            }
            if size == 0 {
                break;
            }
            content.extend(self.take(stream, usize::try_from(size).unwrap_or(usize::MAX)).await?);
            if self.take(stream, 2).await? != "\r\n" {
                return Err(bad("wanted the end of a chunk").into());
            }
        }
        let mut trailers = 0;
        loop {
            let line = self.line(stream).await?;
            trailers += line.len();
            if line == "\r\n" {
                return Ok(content.freeze());
            }
            if trailers > HEAD_LIMIT {
                return Err(TOO_LARGE.into());
            }
        }
    }

    /// Reads a line, its end included.
    async fn line(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Error> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.buffer.split_to(end + 2).freeze());
            }
            if self.buffer.len() > LINE_LIMIT {
                return Err(bad("wanted a shorter line in chunked content").into());
            }
            self.fill_more(stream).await?;
        }
    }

    async fn take(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: usize,
    ) -> Result<Bytes, Error> {
        while self.buffer.len() < length {
            self.fill_more(stream).await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn fill_more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<(), Error> {
        match self.fill(stream).await? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }

    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.reserve(4 << 10);
        stream.read_buf(&mut self.buffer).await
    }
}

/// Where the head ends, looked for from `searched` on. A line may end without CR, as
/// `httparse` takes it.
fn end_of_head(buffer: &[u8], searched: usize) -> Option<usize> {
    let rest = &buffer[searched..];
    rest.iter().enumerate().find_map(|(at, byte)| {
        if *byte != b'\n' {
            return None;
        }
        let after = &rest[at + 1..];
        let length = if after.starts_with(b"\n") {
            1
        } else if after.starts_with(b"\r\n") {
            2
        } else {
            return None;
        };
        Some(searched + at + 1 + length)
    })
}
