//! Bandwidth limits that many connections share.

use std::{
    io,
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{sleep_until, timeout},
};

use crate::session::pace::{self, Bucket};

/// A limit that any number of connections share.
///
/// Each connection reserves a small share of the coming time, waits for it, sends, and only then
/// reserves the next. Connections that want to send thus take turns.
#[derive(Debug)]
pub struct Limiter {
    rate: NonZeroU64,
    bucket: Mutex<Bucket>,
}

impl Limiter {
    /// A limiter to `rate` bytes a second.
    #[must_use]
    pub const fn new(rate: NonZeroU64) -> Self {
        Self { rate, bucket: Mutex::new(Bucket::new()) }
    }

    /// How many bytes to reserve at most.
    fn share(&self) -> usize {
        pace::share(self.rate)
    }

    fn reserve(&self, now: Instant, bytes: usize) -> Instant {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.reserve(self.rate, now, bytes)
    }
}

/// Most bytes that are handed over in one write.
const WRITE: usize = 128 << 10;

/// Writes all of `bytes`, as fast as every one of `limits` allows.
///
/// # Errors
/// Writing failed, or nothing was taken within `write_timeout` ([`io::ErrorKind::TimedOut`]).
pub(crate) async fn write_all<'a>(
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    limits: impl Iterator<Item = &'a Limiter> + Clone,
    write_timeout: Duration,
) -> io::Result<()> {
    let share = limits.clone().map(Limiter::share).min().unwrap_or(WRITE);
    for share in bytes.chunks(share) {
        for limit in limits.clone() {
            let now = tokio::time::Instant::now();
            let start = limit.reserve(now.into_std(), share.len()).into();
            if start > now {
                sleep_until(start).await;
            }
        }
        let mut rest = share;
        while !rest.is_empty() {
            let written = timeout(write_timeout, to.write(rest)).await;
            match written.map_err(|_| io::ErrorKind::TimedOut)?? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => rest = &rest[written..],
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    fn limiter(rate: u64) -> Limiter {
        Limiter::new(NonZeroU64::new(rate).unwrap())
    }

    #[test]
    fn who_is_late_catches_up_and_who_was_idle_does_not() {
        let (limiter, start) = (limiter(1000), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(limiter.reserve(start, 30), start);
        assert_eq!(limiter.reserve(start, 10), after(30));
        assert_eq!(limiter.reserve(after(55), 10), after(40), "15 ms late");
        assert_eq!(limiter.reserve(after(1000), 10), after(980), "idle");
        assert_eq!(limiter.reserve(after(1000), 10), after(990));
    }

    /// How much of an endless stream each of `writers` gets through `limiters` in ten seconds.
    async fn sent_in_ten_seconds(writers: usize, limiters: &'static [Limiter]) -> Vec<usize> {
        let tasks = (0..writers).map(|_| {
            tokio::spawn(async {
                let (mut to, mut from) = tokio::io::duplex(1 << 20);
                let writing = async {
                    loop {
                        write_all(&mut to, &[7; 100_000], limiters.iter(), LONG).await.unwrap();
                    }
                };
                let mut came = 0;
                let reading = async {
                    let mut buffer = vec![0; 1 << 16];
                    loop {
                        came += from.read(&mut buffer).await.unwrap();
                    }
                };
                let both = async {
                    tokio::select! { () = writing => {}, () = reading => {} }
                };
                assert!(timeout(Duration::from_secs(10), both).await.is_err());
                came
            })
        });
        let mut sent = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            sent.push(task.await.unwrap());
        }
        sent
    }

    fn leaked(rates: &[u64]) -> &'static [Limiter] {
        rates.iter().copied().map(limiter).collect::<Vec<_>>().leak()
    }

    fn within_percent(sent: usize, wanted: u64, percent: u64) -> bool {
        (sent as u64).abs_diff(wanted) * 100 <= wanted * percent
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_from_far_below_a_block_to_far_above() {
        for rate in [100, 5_000, 16_383, 1_000_000, 80_000_000] {
            let sent = sent_in_ten_seconds(1, leaked(&[rate])).await;
            assert!(within_percent(sent[0], rate * 10, 3), "{rate} a second: {sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_of_several_limits_is_kept() {
        let sent = sent_in_ten_seconds(1, leaked(&[50_000, 20_000, 900_000])).await;
        assert!(within_percent(sent[0], 200_000, 3), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_share_a_limit_get_equal_shares() {
        let sent = sent_in_ten_seconds(10, leaked(&[1_000_000])).await;
        assert!(within_percent(sent.iter().sum(), 10_000_000, 3), "{sent:?}");
        assert!(sent.iter().all(|&sent| within_percent(sent, 1_000_000, 5)), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let (mut to, mut from) = tokio::io::duplex(1 << 20);
        let bytes: Vec<_> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
        write_all(&mut to, &bytes, std::iter::empty(), LONG).await.unwrap();
        let mut came = vec![0; bytes.len()];
        from.read_exact(&mut came).await.unwrap();
        assert!(came == bytes);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_or_reordered() {
        let (limiter, bytes) = (limiter(64_000), (0..=255).cycle().take(70_001));
        let bytes: Vec<u8> = bytes.collect();
        let (mut to, mut from) = tokio::io::duplex(100);
        let mut came = Vec::new();
        let writing = async {
            write_all(&mut to, &bytes, std::iter::once(&limiter), LONG).await.unwrap();
            drop(to);
        };
        let ((), read) = tokio::join!(writing, from.read_to_end(&mut came));
        read.unwrap();
        assert!(came == bytes);
    }
}
