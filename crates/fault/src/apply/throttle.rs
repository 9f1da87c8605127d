//! A limit of bytes a second, as a token bucket with the time as a parameter.

use std::time::Duration;

use crate::units::{Rate, Size};

/// A limit of bytes a second.
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: u64,
    burst: u64,
    /// Bytes that may be sent at once at `updated`.
    tokens: u64,
    updated: Duration,
}

impl Throttle {
    /// A limit that lets `burst` bytes through at once after a pause. It begins with an empty
    /// bucket, so that a short transfer is slow from its start.
    #[must_use]
    pub fn new(rate: Rate, burst: Size, now: Duration) -> Self {
        let burst = burst.0.max(1);
        Self { rate: rate.bytes_per_second(), burst, tokens: 0, updated: now }
    }

    /// How many of `wanted` bytes may be sent now; they count as sent.
    pub fn take(&mut self, now: Duration, wanted: u64) -> u64 {
        self.refill(now);
        let taken = wanted.min(self.tokens);
        self.tokens -= taken;
        taken
    }

    /// How long until `wanted` bytes, or a burst if that is less, may be sent.
    pub fn wait(&mut self, now: Duration, wanted: u64) -> Duration {
        self.refill(now);
        let missing = wanted.min(self.burst).saturating_sub(self.tokens);
        let micros = (u128::from(missing) * 1_000_000).div_ceil(u128::from(self.rate));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
            .saturating_sub(now.saturating_sub(self.updated))
    }

    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.updated).as_micros();
        let new = elapsed * u128::from(self.rate) / 1_000_000;
        if new == 0 {
            return;
        }
        let new = u64::try_from(new).unwrap_or(u64::MAX);
        if self.tokens.saturating_add(new) >= self.burst {
            self.tokens = self.burst;
            self.updated = now;
        } else {
            self.tokens += new;
            // What is left of a byte stays with the clock.
            let spent = (u128::from(new) * 1_000_000).div_ceil(u128::from(self.rate));
            self.updated += Duration::from_micros(u64::try_from(spent).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_rate_is_kept_to_the_byte_however_it_is_asked(
            rate in 1_u64..10_000_000,
            burst in 1_u64..100_000,
            wanted in prop::collection::vec(1_u64..50_000, 1..100),
        ) {
            let mut throttle = Throttle::new(Rate::new(rate), Size(burst), Duration::ZERO);
            let (mut now, mut sent) = (Duration::ZERO, 0_u64);
            for wanted in wanted {
                now += throttle.wait(now, wanted);
                let taken = throttle.take(now, wanted);
                prop_assert_eq!(taken, wanted.min(burst));
                sent += taken;
            }
            let allowed = u128::from(rate) * now.as_micros() / 1_000_000;
            prop_assert!(u128::from(sent) <= allowed + 1);
            // And not slower than that by more than what rounding up to a microsecond costs.
            prop_assert!(u128::from(sent) + u128::from(burst) + u128::from(rate) / 5_000 >= allowed);
        }
    }

    #[test]
    fn a_pause_saves_up_one_burst() {
        let mut throttle = Throttle::new(Rate::new(1000), Size(500), Duration::ZERO);
        assert_eq!(throttle.take(Duration::ZERO, 10), 0);
        assert_eq!(throttle.take(Duration::from_secs(100), 10_000), 500);
        assert_eq!(throttle.wait(Duration::from_secs(100), 100), Duration::from_millis(100));
    }
}
