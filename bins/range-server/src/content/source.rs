//! Where the bytes of files and of synthetic content come from.

use std::{
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use rustix::io::{ReadWriteFlags, preadv2};
use seedbed_http::{Chunk, Source};
use seedbed_synthetic::Keystream;
use tokio::task::spawn_blocking;

use super::{
    blocks::{Block, BlockSlice, Blocks},
    root::OpenFile,
};

/// How much synthetic content is made at a time, in bytes.
const SYNTHETIC: u64 = 64 << 10;

/// Most that is read at a time of a file of which no block is kept, in bytes.
const READ: u64 = 256 << 10;

/// Up to so many bytes are copied out of the kernel's page cache and leave in one system call
/// with the header section, which is quicker than a call more. No block is made for them.
const SMALL: u64 = 16 << 10;

/// The bytes of an open file.
pub(crate) struct FileSource {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) blocks: Arc<Blocks>,
    /// Counts the bytes that are sent.
    pub(crate) sent: Counter,
}

impl Source for FileSource {
    fn try_read(&self, range: Range<u64>) -> io::Result<Option<Chunk>> {
        if length(&range) <= SMALL {
            return Ok(read_if_cached(&self.file, range)?.map(Chunk::Bytes));
        }
        Ok(self.blocks.get(self.file.version, range).map(BlockSlice::into_chunk))
    }

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Chunk>> {
        Box::pin(async move {
            let _permit = self.blocks.reads.acquire().await.map_err(io::Error::other)?;
            // Another response may have read it in the meantime.
            if let Some(chunk) = self.try_read(range.clone())? {
                return Ok(chunk);
            }
            let (file, blocks) = (Arc::clone(&self.file), Arc::clone(&self.blocks));
            spawn_blocking(move || read(&file, &blocks, range)).await?
        })
    }

    fn verify(&self) -> io::Result<()> {
        verify(&self.file)
    }

    fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }
}

/// Content that needs no disk.
pub(crate) struct SyntheticSource {
    pub(crate) keystream: Keystream,
    /// Counts the bytes that are sent.
    pub(crate) sent: Counter,
}

impl Source for SyntheticSource {
    fn try_read(&self, _: Range<u64>) -> io::Result<Option<Chunk>> {
        // It is made only for a client that takes it.
        Ok(None)
    }

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Chunk>> {
        let mut buffer = vec![0; size(length(&range).min(SYNTHETIC))];
        self.keystream.fill(range.start, &mut buffer);
        Box::pin(std::future::ready(Ok(Chunk::Bytes(buffer.into()))))
    }

    fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }
}

/// Reads `range` if the kernel has all of it in memory.
fn read_if_cached(file: &OpenFile, range: Range<u64>) -> io::Result<Option<Bytes>> {
    let mut buffer = vec![0; size(length(&range))];
    let slices = &mut [IoSliceMut::new(&mut buffer)];
    let read = preadv2(&file.file, slices, range.start, ReadWriteFlags::NOWAIT);
    // Not every file system can tell, and what is missing has to be waited for.
    if read != Ok(buffer.len()) {
        return Ok(None);
    }
    verify(file)?;
    Ok(Some(buffer.into()))
}

/// Makes a block if the file has settled, otherwise reads what was asked for. This blocks.
fn read(file: &OpenFile, blocks: &Blocks, range: Range<u64>) -> io::Result<Chunk> {
    if length(&range) > SMALL && file.version.is_settled(SystemTime::now()) {
        // Where there is no room for a block, there may be for a buffer.
        let complete = file.version.fingerprint.length();
        if let Ok(block) = Block::copy(&file.file, complete, range.start) {
            verify(file)?;
            let block = Arc::new(block);
            blocks.put(file.version, range.start, Arc::clone(&block));
            if let Some(slice) = BlockSlice::new(block, range.clone()) {
                return Ok(slice.into_chunk());
            }
        }
    }
    let mut buffer = vec![0; size(length(&range).min(READ))];
    file.file.read_exact_at(&mut buffer, range.start)?;
    verify(file)?;
    Ok(Chunk::Bytes(buffer.into()))
}

/// Checks that a file is what it was when it was opened. Called after each read: a write before the
/// read shows, and a later one was not read.
fn verify(file: &OpenFile) -> io::Result<()> {
    if file.version.fingerprint.still_holds(&file.file.metadata()?) {
        Ok(())
    } else {
        Err(io::Error::other(format!("{:?} changed while it was sent", file.path.as_path())))
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

fn size(length: u64) -> usize {
    usize::try_from(length).expect("what is read at a time fits into memory")
}
