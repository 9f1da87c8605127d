//! The progress of hashing, and its interruption.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The progress of hashing, shared by the hashing threads and their observers.
#[derive(Debug, Default)]
pub struct Progress {
    hashed: AtomicU64,
    interrupted: AtomicBool,
}

impl Progress {
    /// Bytes of content hashed so far, pad files included. Hashes from the cache count all at once.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// Makes hashing fail soon, with [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.hashed.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
