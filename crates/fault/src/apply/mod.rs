//! Effects of faults without sockets or clock, so that every server has the same.

mod corruption;
mod peers;
mod playlist;
mod seeder;
mod throttle;

use std::time::Duration;

pub use corruption::Corruption;
pub use peers::bogus_peers;
pub use playlist::{InvalidTime, clock_skew, truncate_playlist};
pub use throttle::Throttle;

use crate::{matcher::Draws, units::Span};

/// A delay that varies by `jitter` to either side, evenly, and is never negative.
#[must_use]
pub fn delay(delay: Span, jitter: Span, draws: &mut Draws) -> Duration {
    let micros = |span: Span| u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX / 4);
    let (delay, jitter) = (micros(delay), micros(jitter));
    let varied = delay.saturating_add(draws.below(jitter.saturating_mul(2).saturating_add(1)));
    Duration::from_micros(varied.saturating_sub(jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_stays_within_its_jitter_and_uses_all_of_it() {
        let delays: Vec<_> = (0..1000)
            .map(|count| delay(Span::millis(400), Span::millis(100), &mut Draws::new(7, count)))
            .collect();
        let (low, high) = (Duration::from_millis(300), Duration::from_millis(500));
        assert!(delays.iter().all(|delay| (low..=high).contains(delay)));
        assert!(delays.iter().any(|delay| *delay < Duration::from_millis(310)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_millis(490)));
        let none = delay(Span::millis(400), Span::default(), &mut Draws::new(7, 0));
        assert_eq!(none, Duration::from_millis(400));
    }
}
