//! How many file descriptors connections may use, so that the engine and the other servers of the
//! process always find one.

use std::{
    fs,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use seedbed_service::descriptors::raise_limit;

/// Descriptors that a connection takes: the peer's socket, ours to the engine, and the engine's.
pub(crate) const PER_CONNECTION: usize = 3;

/// The descriptors that all connections of some wires may use together.
#[derive(Debug)]
pub struct Descriptors {
    capacity: usize,
    used: AtomicUsize,
}

impl Descriptors {
    /// A budget of `capacity` descriptors.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, used: AtomicUsize::new(0) }
    }

    /// The budget of this process: its limit, raised as far as it goes, without those that are open at the first
    /// call, and without a quarter that stays free for content and other servers.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        static PROCESS: LazyLock<Arc<Descriptors>> = LazyLock::new(|| {
            let limit = raise_limit();
            let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
            Arc::new(Descriptors::new(limit.saturating_sub(open).saturating_sub(reserve(limit))))
        });
        Arc::clone(&PROCESS)
    }

    /// Takes the descriptors of a connection; false if there are too few.
    pub(crate) fn take(&self) -> bool {
        let more = |used| Some(used + PER_CONNECTION).filter(|used| *used <= self.capacity);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// Takes the descriptors of a connection in place of another, which is being closed.
    pub(crate) fn take_over(&self) {
        self.used.fetch_add(PER_CONNECTION, Ordering::AcqRel);
    }

    /// Gives the descriptors of a connection back.
    pub(crate) fn give_back(&self) {
        self.used.fetch_sub(PER_CONNECTION, Ordering::AcqRel);
    }
}

fn reserve(limit: usize) -> usize {
    (limit / 4).clamp(16, 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_three_descriptors_and_gives_them_back() {
        let descriptors = Descriptors::new(7);
        assert!(descriptors.take() && descriptors.take() && !descriptors.take());
        descriptors.give_back();
        assert!(descriptors.take());
    }

    #[test]
    fn a_quarter_of_the_limit_stays_free() {
        assert_eq!([64, 1024, usize::MAX].map(reserve), [16, 256, 1024]);
    }
}
