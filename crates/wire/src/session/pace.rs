//! How much may go when, at a number of bytes a second. Time is a parameter.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// How far behind its rate a sender may be and still catch up: as late as timers may be.
const CATCH_UP: Duration = Duration::from_millis(20);

/// Most bytes that are reserved at a time.
const LARGEST_SHARE: u64 = 64 << 10;

/// Shares a second where the rate is lower than that.
const SHARES: u64 = 32;

/// How many bytes to reserve at most.
pub(crate) fn share(rate: NonZeroU64) -> usize {
    let share = (rate.get() / SHARES).clamp(1, LARGEST_SHARE);
    usize::try_from(share).unwrap_or(usize::MAX)
}

/// A token bucket turned round: it holds the time at which all that was reserved has gone.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    free: Option<Instant>,
}

impl Bucket {
    pub(crate) const fn new() -> Self {
        Self { free: None }
    }

    /// Reserves time for `bytes`, a share at most, and returns when they may go.
    pub(crate) fn reserve(&mut self, rate: NonZeroU64, now: Instant, bytes: usize) -> Instant {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let start = self.free.map_or(now, |free| free.max(earliest));
        let nanoseconds = bytes as u64 * 1_000_000_000 / rate;
        self.free = Some(start + Duration::from_nanos(nanoseconds));
        start
    }
}

/// The rate that a policy set for one direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    rate: Option<NonZeroU64>,
    bucket: Bucket,
}

impl Pace {
    /// Returns how many of `wanted` bytes may go now.
    ///
    /// # Errors
    /// None may go before the time in the error.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        rate: NonZeroU64,
        wanted: usize,
    ) -> Result<usize, Instant> {
        if self.rate != Some(rate) {
            *self = Self { rate: Some(rate), bucket: Bucket::new() };
        }
        if let Some(free) = self.bucket.free.filter(|free| *free > now) {
            return Err(free);
        }
        let bytes = share(rate).min(wanted);
        self.bucket.reserve(rate, now, bytes);
        Ok(bytes)
    }
}
