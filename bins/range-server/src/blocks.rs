//! Blocks of files that are kept in memory, because sending from memory is the quickest way that is
//! safe when a file changes under it.
//!
//! What `sendfile` or a mapping queues on a socket are the pages of the file itself: written to
//! in place, they change on their way to the receiver, after every check. A block is a copy that
//! never changes, and is known by the version of the file that it was read from.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::validators::Fingerprint;

/// Length of a block in bytes: smaller ones cost more reads, larger ones gain nothing.
pub const BLOCK: u64 = 256 << 10;

/// How many blocks are kept at most.
const CAPACITY: usize = 128 << 20 >> 18;

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

/// The blocks that were asked for most recently, more or less: eviction gives each block that was
/// used since it was last looked at a second chance.
#[derive(Debug)]
pub struct Blocks {
    inner: Mutex<Inner>,
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
    block: Bytes,
    used: bool,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { inner: Mutex::default(), reads: Semaphore::new(READS) }
    }
}

impl Blocks {
    /// The bytes from `offset` to the end of the block that it lies in, if they are here.
    #[must_use]
    pub fn get(&self, version: Version, offset: u64) -> Option<Bytes> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.blocks.get_mut(&(version, offset / BLOCK))?;
        entry.used = true;
        let skip = usize::try_from(offset % BLOCK).expect("a block fits into memory");
        (skip < entry.block.len()).then(|| entry.block.slice(skip..))
    }

    /// Keeps the block in which `offset` lies.
    pub fn put(&self, version: Version, offset: u64, block: Bytes) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { blocks, order } = &mut *inner;
        let key = (version, offset / BLOCK);
        if blocks.insert(key, Entry { block, used: false }).is_none() {
            order.push_back(key);
        }
        while blocks.len() > CAPACITY
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
    use std::time::UNIX_EPOCH;

    use super::*;

    fn version(device: u64) -> Version {
        let metadata = std::fs::metadata(file!().rsplit('/').next().unwrap_or("."))
            .or_else(|_| std::fs::metadata("."))
            .unwrap();
        Version { device, fingerprint: Fingerprint::of(&metadata) }
    }

    #[test]
    fn a_block_is_found_from_any_offset_in_it() {
        let blocks = Blocks::default();
        blocks.put(version(1), BLOCK + 3, Bytes::from_static(b"0123456789"));
        assert_eq!(blocks.get(version(1), BLOCK).as_deref(), Some(&b"0123456789"[..]));
        assert_eq!(blocks.get(version(1), BLOCK + 9).as_deref(), Some(&b"9"[..]));
        assert_eq!(blocks.get(version(1), BLOCK + 10), None);
        assert_eq!(blocks.get(version(1), 0), None);
        assert_eq!(blocks.get(version(2), BLOCK), None);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for_and_those_in_use_stay() {
        let blocks = Blocks::default();
        let one = |n| (version(1), n * BLOCK);
        for n in 0..CAPACITY as u64 * 2 {
            blocks.put(one(n).0, one(n).1, Bytes::from_static(b"x"));
            assert!(blocks.get(version(1), 0).is_some(), "the block in use is gone at {n}");
        }
        let kept = (0..CAPACITY as u64 * 2).filter(|n| blocks.get(one(*n).0, one(*n).1).is_some());
        assert_eq!(kept.count(), CAPACITY);
    }

    #[test]
    fn a_file_that_may_still_change_unseen_is_not_kept() {
        let version = version(1);
        assert!(!version.is_settled(UNIX_EPOCH));
        assert!(version.is_settled(SystemTime::now() + SETTLED * 2));
    }
}
