//! Content of a response that is neither bytes nor a stream.
//!
//! A service that answers with parts of something larger, such as a file, leaves the body of its
//! response empty and puts a [`Content`] into the response's extensions. It passes every layer
//! untouched, and the writer asks its [`Source`] for bytes only when the client takes them.

use std::{
    collections::VecDeque,
    fmt, io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Pieces of text and of a source, in the order in which they are sent.
#[derive(Clone)]
pub struct Content {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) pieces: VecDeque<Piece>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// A range of the source.
    Range(Range<u64>),
}

/// Something with positions to read from.
pub trait Source: Send + Sync {
    /// Returns the beginning of `range`, at least a byte, or `None` if that would block.
    ///
    /// # Errors
    /// As for [`Source::read`].
    fn try_read(&self, range: Range<u64>) -> io::Result<Option<Chunk>>;

    /// Returns the beginning of `range`, at least a byte.
    ///
    /// # Errors
    /// The source cannot be read, or is no longer what it was. The connection closes.
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Chunk>>;

    /// Checks that what comes next still belongs to what was sent before.
    ///
    /// # Errors
    /// It does not. The connection closes.
    fn verify(&self) -> io::Result<()> {
        Ok(())
    }

    /// Notes that this many bytes of the source were sent.
    fn sent(&self, _bytes: u64) {}
}

/// Bytes of a source, ready to be sent.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file that cannot change any more.
    File(FileSlice),
}

/// A part of a file, at least a byte, that the kernel sends without copying it.
///
/// The pages of the file are queued on the socket as they are: the file must not change afterwards.
#[derive(Clone)]
pub struct FileSlice {
    file: Arc<dyn AsFd + Send + Sync>,
    offset: u64,
    length: u64,
}

impl Content {
    /// The given pieces, with ranges of `source`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { source, pieces: pieces.into_iter().collect() }
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }
}

impl Piece {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
        }
    }
}

impl FileSlice {
    /// `length` bytes of `file` from `offset` on.
    #[must_use]
    pub fn new(file: Arc<dyn AsFd + Send + Sync>, offset: u64, length: u64) -> Self {
        Self { file, offset, length }
    }

    /// Where it begins in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The same, but no longer than `length`.
    pub(crate) fn limited(mut self, length: u64) -> Self {
        self.length = self.length.min(length);
        self
    }

    /// Reads the slice into memory, for a transport that cannot send it from the file.
    pub(crate) fn to_bytes(&self) -> io::Result<Bytes> {
        let length = usize::try_from(self.length).map_err(io::Error::other)?;
        let mut buffer = vec![0; length];
        let mut read = 0;
        while read < length {
            match rustix::io::pread(&*self.file, &mut buffer[read..], self.offset + read as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read += more,
            }
        }
        Ok(buffer.into())
    }
}

impl AsFd for FileSlice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for FileSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, length, .. } = self;
        f.debug_struct("FileSlice").field("offset", offset).field("length", length).finish()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("pieces", &self.pieces).finish_non_exhaustive()
    }
}
