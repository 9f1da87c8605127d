//! The content of a response, and where its bytes come from.

use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};
use seedbed_synthetic::Keystream;
use tokio::task::spawn_blocking;

use crate::{
    blocks::{Block, Blocks, Stretch},
    multipart::Segment,
    range::ByteRange,
    root::OpenFile,
};

/// How much synthetic content is made at a time, in bytes.
const SYNTHETIC: u64 = 64 << 10;

/// Most that is read at a time of a file of which no block is kept, in bytes.
const READ: u64 = 256 << 10;

/// Up to so many bytes are copied out of the kernel's page cache and leave in one system call
/// with the header section, which is quicker than a call more. No block is made for them.
const SMALL: u64 = 16 << 10;

/// The content of a response.
#[derive(Debug)]
pub(crate) enum Content {
    /// None, where the status allows none (204, 304): there is no Content-Length either.
    Absent,
    /// Bytes that are there.
    Bytes(Bytes),
    /// Segments of something larger.
    Segments(Source, VecDeque<Segment>),
}

/// What ranges are taken from.
#[derive(Debug)]
pub(crate) enum Source {
    File { file: Arc<OpenFile>, blocks: Arc<Blocks> },
    Synthetic(Keystream),
}

impl Content {
    /// How many bytes it is, if it is to have a Content-Length.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Segments(_, segments) => Some(segments.iter().map(Segment::len).sum()),
        }
    }
}

/// The beginning of a range, at least a byte, ready to be sent.
#[derive(Debug)]
pub(crate) enum Chunk {
    Bytes(Bytes),
    Stretch(Stretch),
}

impl Source {
    /// The beginning of `range`, if it can be had without waiting.
    ///
    /// # Errors
    /// As for [`Source::load`].
    pub(crate) fn at_hand(&self, range: ByteRange) -> io::Result<Option<Chunk>> {
        match self {
            Self::File { file, .. } if range.len() <= SMALL => {
                Ok(read_at_hand(file, range)?.map(Chunk::Bytes))
            }
            Self::File { file, blocks } => Ok(blocks.get(file.version, range).map(Chunk::Stretch)),
            Self::Synthetic(_) => Ok(None),
        }
    }

    /// The beginning of `range`.
    ///
    /// # Errors
    /// The file cannot be read or is no longer what it was when it was opened.
    pub(crate) async fn load(&self, range: ByteRange) -> io::Result<Chunk> {
        match self {
            Self::File { file, blocks } => {
                let _permit = blocks.reads.acquire().await.map_err(io::Error::other)?;
                // Somebody else may have been before us.
                if let Some(chunk) = self.at_hand(range)? {
                    return Ok(chunk);
                }
                let (file, blocks) = (Arc::clone(file), Arc::clone(blocks));
                spawn_blocking(move || read(&file, &blocks, range)).await?
            }
            Self::Synthetic(keystream) => {
                let (now, _) = range.split_at(SYNTHETIC);
                let mut buffer = vec![0; size(now.len())];
                keystream.fill(now.first(), &mut buffer);
                Ok(Chunk::Bytes(buffer.into()))
            }
        }
    }

    /// Whether what comes next still belongs to what was sent before.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => check(file),
            Self::Synthetic(_) => Ok(()),
        }
    }
}

/// Reads `range` if the kernel has all of it in memory.
fn read_at_hand(file: &OpenFile, range: ByteRange) -> io::Result<Option<Bytes>> {
    let mut buffer = vec![0; size(range.len())];
    let slices = &mut [IoSliceMut::new(&mut buffer)];
    let read = preadv2(&file.file, slices, range.first(), ReadWriteFlags::NOWAIT);
    // Not every file system can tell, and what is missing has to be waited for.
    if read != Ok(buffer.len()) {
        return Ok(None);
    }
    check(file)?;
    Ok(Some(buffer.into()))
}

/// Makes a block if the file is worth keeping, otherwise reads what was asked for. This blocks.
fn read(file: &OpenFile, blocks: &Blocks, range: ByteRange) -> io::Result<Chunk> {
    if range.len() > SMALL && file.version.is_settled(SystemTime::now()) {
        // Where there is no room for a block, there may be for a buffer.
        let length = file.version.fingerprint.length();
        if let Ok(block) = Block::copy(&file.file, length, range.first()) {
            check(file)?;
            let block = Arc::new(block);
            blocks.put(file.version, range.first(), Arc::clone(&block));
            if let Some(stretch) = Stretch::new(block, range) {
                return Ok(Chunk::Stretch(stretch));
            }
        }
    }
    let (now, _) = range.split_at(READ);
    let mut buffer = vec![0; size(now.len())];
    file.file.read_exact_at(&mut buffer, now.first())?;
    check(file)?;
    Ok(Chunk::Bytes(buffer.into()))
}

/// Asked after each read: what was written before it shows, what comes later was not read.
fn check(file: &OpenFile) -> io::Result<()> {
    if file.version.fingerprint.still_holds(&file.file.metadata()?) {
        Ok(())
    } else {
        Err(io::Error::other(format!("{:?} changed while it was sent", file.path.as_path())))
    }
}

fn size(length: u64) -> usize {
    usize::try_from(length).expect("what is read at a time fits into memory")
}
