//! How far hashing has come, and how it is ended early.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between whoever hashes and whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    hashed: AtomicU64,
    interrupted: AtomicBool,
}

impl Progress {
    /// Bytes of content hashed so far; all of them at once where their hashes were remembered. Pad
    /// files count.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// Ends the hashing soon: it fails with [`Error::Interrupted`](crate::Error::Interrupted).
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
