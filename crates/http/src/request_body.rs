//! Reads the content of a request (RFC 9112 sections 6 and 7), whole and within its limit.

use std::io;

use axum::http::StatusCode;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::head::{Framing, Refusal};

/// Longest line of a chunk's size with its extensions, in bytes.
const LINE: usize = 4 << 10;

/// Most bytes of trailers, which are read and dropped.
const TRAILERS: usize = 16 << 10;

/// Why there is no content.
pub(crate) enum Error {
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

/// The answer to more than `limit` bytes of content.
fn too_large(limit: u64) -> Refusal {
    let message = format!("wanted at most {limit} bytes of content");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Refuses content of which the head alone says that it is too large.
pub(crate) fn check(framing: Framing, limit: u64) -> Result<(), Refusal> {
    match framing {
        Framing::Length(length) if length > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

/// Reads the content, of which `input` has the beginning. What follows the content stays in
/// `input`.
pub(crate) async fn read(
    framing: Framing,
    limit: u64,
    input: &mut Vec<u8>,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Bytes, Error> {
    check(framing, limit)?;
    match framing {
        Framing::None => Ok(Bytes::new()),
        Framing::Length(length) => {
            let length = usize::try_from(length).map_err(|_| too_large(limit))?;
            fill(input, stream, length).await?;
            let rest = input.split_off(length);
            Ok(std::mem::replace(input, rest).into())
        }
        Framing::Chunked => chunked(limit, input, stream).await,
    }
}

/// RFC 9112 section 7.1.
async fn chunked(
    limit: u64,
    input: &mut Vec<u8>,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Bytes, Error> {
    let mut content = Vec::new();
    let mut input = Consumer { input, done: 0, stream };
    loop {
        let line = input.line().await?;
        let size = match httparse::parse_chunk_size(line) {
            // Without a digit it would be 0.
            Ok(httparse::Status::Complete((_, size))) if line[0].is_ascii_hexdigit() => size,
            _ => return Err(Refusal::bad_request("wanted the size of a chunk").into()),
        };
        if size > limit.saturating_sub(content.len() as u64) {
            return Err(too_large(limit).into());
        }
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).map_err(|_| too_large(limit))?;
        match input.take(size + 2).await?.split_at(size) {
            (chunk, b"\r\n") => content.extend_from_slice(chunk),
            _ => return Err(Refusal::bad_request("wanted the end of a chunk").into()),
        }
    }
    let mut trailers = 0;
    loop {
        let length = input.line().await?.len();
        if length == 2 {
            input.drop_done();
            return Ok(content.into());
        }
        trailers += length;
        if trailers > TRAILERS {
            return Err(Refusal::head_too_large(TRAILERS).into());
        }
    }
}

/// Takes bytes off the beginning of a buffer, and moves the rest only to read more.
struct Consumer<'a, S> {
    input: &'a mut Vec<u8>,
    done: usize,
    stream: &'a mut S,
}

impl<S: AsyncRead + Unpin> Consumer<'_, S> {
    /// A line with its end.
    async fn line(&mut self) -> Result<&[u8], Error> {
        let mut searched = 0;
        loop {
            let rest = &self.input[self.done..];
            if let Some(end) = memchr::memchr(b'\n', &rest[searched..]) {
                let line = self.take(searched + end + 1).await?;
                if line.ends_with(b"\r\n") {
                    return Ok(line);
                }
                return Err(Refusal::bad_request("wanted CRLF in chunked content").into());
            }
            searched = rest.len();
            if searched > LINE {
                let message = "wanted a shorter line in chunked content";
                return Err(Refusal::bad_request(message).into());
            }
            self.fill(searched + 1).await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<&[u8]> {
        self.fill(length).await?;
        self.done += length;
        Ok(&self.input[self.done - length..self.done])
    }

    async fn fill(&mut self, length: usize) -> io::Result<()> {
        if self.input.len() - self.done < length {
            self.drop_done();
            fill(self.input, self.stream, length).await?;
        }
        Ok(())
    }

    fn drop_done(&mut self) {
        self.input.drain(..std::mem::take(&mut self.done));
    }
}

/// Reads until `input` holds this many bytes.
async fn fill(
    input: &mut Vec<u8>,
    stream: &mut (impl AsyncRead + Unpin),
    length: usize,
) -> io::Result<()> {
    while input.len() < length {
        input.reserve((length - input.len()).clamp(4 << 10, 64 << 10));
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
