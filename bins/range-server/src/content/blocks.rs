//! Blocks of files that are kept in memory: the quickest way to send a file that may change.
//!
//! `sendfile` and a mapping queue the pages of the file itself on a socket: written to in place,
//! they change on their way to the receiver, after every check. A block is a copy in a
//! file of its own that lies in memory and is sealed: nobody can write to it any more, and so
//! `sendfile` may send its pages without copying them again. It is known by the version of the
//! file that it was made of.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create, sendfile};
use seedbed_http::{Chunk, FileSlice};
use tokio::sync::Semaphore;

use super::fingerprint::Fingerprint;

/// Length of a block in bytes: smaller ones cost more system calls, larger ones more memory for
/// what was not asked for.
pub const BLOCK: u64 = 1 << 20;

/// How many blocks are kept at most.
const CAPACITY: usize = 128;

/// How many reads may be under way at once: each takes a thread and the memory of a block.
const READS: usize = 16;

/// A file is kept only if it has not changed for so long. Timestamps are no finer than the
/// kernel's timer before Linux 6.13: a write within the tick of the one before it would not show.
const SETTLED: Duration = Duration::from_secs(2);

/// One version of one file: what its device and its [`Fingerprint`] say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The device that it lies on.
    pub device: u64,
    /// The rest.
    pub fingerprint: Fingerprint,
}

impl Version {
    /// Whether it may be kept, as of `now`.
    #[must_use]
    pub fn is_settled(&self, now: SystemTime) -> bool {
        now.checked_sub(SETTLED).is_some_and(|latest| self.fingerprint.changed_before(latest))
    }
}

/// Bytes that can never change, in a file that has no name.
#[derive(Debug)]
pub struct Block {
    file: OwnedFd,
    length: u64,
}

impl Block {
    /// Copies the block of `file` in which `offset` lies. This blocks.
    ///
    /// # Errors
    /// The file cannot be read, or there is no room for another in memory or among the open files.
    pub fn copy(file: &File, length: u64, offset: u64) -> io::Result<Self> {
        let copy = memfd_create("block", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut position = offset / BLOCK * BLOCK;
        let end = length.min(position + BLOCK);
        let length = end - position;
        while position < end {
            let rest = usize::try_from(end - position).expect("a block fits into memory");
            if sendfile(&copy, file, Some(&mut position), rest)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&copy, seals)?;
        Ok(Self { file: copy, length })
    }
}

/// A part of a block, at least a byte.
#[derive(Clone, Debug)]
pub struct BlockSlice {
    block: Arc<Block>,
    /// Where it begins in the block.
    pub offset: u64,
    /// How many bytes it is.
    pub length: u64,
}

impl BlockSlice {
    /// The part of `range` that lies in `block`, which is the block in which `range` begins.
    #[must_use]
    pub fn new(block: Arc<Block>, range: Range<u64>) -> Option<Self> {
        let offset = range.start % BLOCK;
        let length = range.end.checked_sub(range.start)?.min(block.length.checked_sub(offset)?);
        (length > 0).then_some(Self { block, offset, length })
    }

    /// The same, ready to be sent.
    #[must_use]
    pub fn into_chunk(self) -> Chunk {
        Chunk::File(FileSlice::new(self.block, self.offset, self.length))
    }
}

impl AsFd for Block {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The blocks that were asked for most recently, more or less: eviction gives a block that was used
/// since the last round a second chance.
#[derive(Debug)]
pub struct Blocks {
    inner: Mutex<Inner>,
    capacity: usize,
    /// Permits to read from disk.
    pub(crate) reads: Semaphore,
}

#[derive(Debug, Default)]
struct Inner {
    blocks: HashMap<(Version, u64), Entry>,
    order: VecDeque<(Version, u64)>,
}

#[derive(Debug)]
struct Entry {
    block: Arc<Block>,
    used: bool,
}

impl Blocks {
    /// None yet, and never more than `most`: each is an open file of the process.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let capacity = most.min(CAPACITY);
        Self { inner: Mutex::default(), capacity, reads: Semaphore::new(READS) }
    }

    /// The beginning of `range`, as far as it lies in one block, if that is here.
    #[must_use]
    pub fn get(&self, version: Version, range: Range<u64>) -> Option<BlockSlice> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.blocks.get_mut(&(version, range.start / BLOCK))?;
        entry.used = true;
        BlockSlice::new(Arc::clone(&entry.block), range)
    }

    /// Keeps the block in which `offset` lies.
    pub fn put(&self, version: Version, offset: u64, block: Arc<Block>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { blocks, order } = &mut *inner;
        let key = (version, offset / BLOCK);
        if blocks.insert(key, Entry { block, used: false }).is_none() {
            order.push_back(key);
        }
        while blocks.len() > self.capacity
            && let Some(oldest) = order.pop_front()
        {
            match blocks.get_mut(&oldest) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    order.push_back(oldest);
                }
                _ => {
                    blocks.remove(&oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, time::UNIX_EPOCH};

    use super::*;

    /// A file of a block and ten bytes, and its version as if it lay on `device`.
    fn file(device: u64) -> (File, Version) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; usize::try_from(BLOCK).unwrap()]).unwrap();
        file.write_all(b"0123456789").unwrap();
        let fingerprint = Fingerprint::of(&file.metadata().unwrap());
        (file, Version { device, fingerprint })
    }

    fn range(first: u64, last: u64) -> Range<u64> {
        first..last + 1
    }

    fn bytes(slice: &BlockSlice) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(slice.length).unwrap()];
        let read = rustix::io::pread(&*slice.block, &mut bytes, slice.offset).unwrap();
        assert_eq!(read, bytes.len());
        bytes
    }

    #[test]
    fn a_block_is_found_from_any_offset_in_it() {
        let ((file, version), blocks) = (file(1), Blocks::new(CAPACITY));
        let end = BLOCK + 10;
        let block = Block::copy(&file, end, BLOCK + 3).unwrap();
        blocks.put(version, BLOCK + 3, Arc::new(block));
        let get = |first, last| blocks.get(version, range(first, last)).map(|part| bytes(&part));
        assert_eq!(get(BLOCK, end - 1).as_deref(), Some(&b"0123456789"[..]));
        assert_eq!(get(BLOCK + 9, end - 1).as_deref(), Some(&b"9"[..]));
        assert_eq!(get(BLOCK + 2, BLOCK + 3).as_deref(), Some(&b"23"[..]));
        assert_eq!(get(end, end), None);
        assert_eq!(get(BLOCK - 1, end - 1), None);
        let other = Version { device: 2, ..version };
        assert!(blocks.get(other, range(BLOCK, end - 1)).is_none());
    }

    #[test]
    fn nobody_can_write_to_a_block() {
        let (file, _) = file(1);
        let block = Block::copy(&file, BLOCK + 10, 0).unwrap();
        assert!(rustix::io::pwrite(&block.file, b"y", 0).is_err());
        assert!(rustix::fs::ftruncate(&block.file, 0).is_err());
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_makes_no_block() {
        let (file, _) = file(1);
        assert!(Block::copy(&file, BLOCK + 11, BLOCK).is_err());
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for_and_those_in_use_stay() {
        let ((file, version), blocks) = (file(1), Blocks::new(CAPACITY));
        let block = Arc::new(Block::copy(&file, BLOCK + 10, BLOCK).unwrap());
        let at = |n: u64| range(n * BLOCK + 1, n * BLOCK + 1);
        for n in 0..CAPACITY as u64 * 2 {
            blocks.put(version, n * BLOCK, Arc::clone(&block));
            assert!(blocks.get(version, at(0)).is_some(), "the block in use is gone at {n}");
        }
        let kept = (0..CAPACITY as u64 * 2).filter(|n| blocks.get(version, at(*n)).is_some());
        assert_eq!(kept.count(), CAPACITY);
    }

    #[test]
    fn a_file_that_may_still_change_unseen_is_not_kept() {
        let (_, version) = file(1);
        assert!(!version.is_settled(UNIX_EPOCH));
        assert!(version.is_settled(SystemTime::now() + SETTLED * 2));
    }
}
