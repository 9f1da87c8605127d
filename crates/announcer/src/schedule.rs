//! When one torrent is announced to one tracker, and with which event.
//!
//! A state machine without sockets and without a clock: its caller announces what
//! [`Schedule::next`] says and reports how that went.

use std::time::{Duration, Instant};

use crate::request::Event;

/// How soon a failed announce is sent again; doubled with each failure in a row.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Longest pause between two attempts while the tracker's interval is not known.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What the interval of a tracker may be: no busy loop, no overflow of the clock.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// How long an attempt may take: a tracker that is silent for an interval is not worth more of
/// it, since by the second one the torrent is to be listed again.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    max_interval: Option<Duration>,
    due: Instant,
    interval: Option<Duration>,
    /// The tracker has accepted the last announce.
    listed: bool,
    /// The tracker may list the torrent: an answer that got lost says nothing about the request.
    known: bool,
    /// Failures since the last success.
    failures: u32,
}

/// The announce to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) at: Instant,
    pub(crate) event: Option<Event>,
    pub(crate) timeout: Duration,
}

impl Schedule {
    /// The first announce is due at once; `max_interval` caps what the tracker asks for.
    pub(crate) const fn new(now: Instant, max_interval: Option<Duration>) -> Self {
        Self { max_interval, due: now, interval: None, listed: false, known: false, failures: 0 }
    }

    /// `started` until it is accepted, then regular announces; `started` again after a failure,
    /// since the tracker may have been restarted. A seeder has everything from the start and so
    /// never sends `completed` (BEP 3).
    pub(crate) fn next(&self) -> Next {
        Next {
            at: self.due,
            event: (!self.listed).then_some(Event::Started),
            timeout: self.patience().clamp(TIMEOUTS.0, TIMEOUTS.1),
        }
    }

    /// The tracker has accepted the announce and asked for these intervals.
    pub(crate) fn on_success(
        &mut self,
        now: Instant,
        interval: Duration,
        min_interval: Option<Duration>,
    ) {
        let wanted = self.max_interval.map_or(interval, |max| interval.min(max));
        let interval = wanted.max(min_interval.unwrap_or_default());
        let interval = interval.clamp(INTERVALS.0, INTERVALS.1);
        (self.listed, self.known, self.failures) = (true, true, 0);
        self.interval = Some(interval);
        self.due = now + interval;
    }

    /// The announce failed: try again soon, then less often, but never less than once an interval.
    pub(crate) fn on_failure(&mut self, now: Instant) {
        let delay = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures));
        self.due = now + delay.min(self.patience());
        self.known = true;
        self.listed = false;
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether the end has to be announced with `stopped`.
    pub(crate) const fn owes_stopped(&self) -> bool {
        self.known
    }

    fn patience(&self) -> Duration {
        self.interval.unwrap_or(LONGEST_RETRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Fails `times` times in a row, each time as soon as the announce is due; gives the pauses.
    fn pauses(schedule: &mut Schedule, times: usize) -> Vec<u128> {
        let mut pauses = Vec::new();
        for _ in 0..times {
            let now = schedule.next().at;
            schedule.on_failure(now);
            pauses.push((schedule.next().at - now).as_millis());
        }
        pauses
    }

    #[test]
    fn the_first_announce_is_started_and_due_at_once() {
        let now = Instant::now();
        let schedule = Schedule::new(now, None);
        assert_eq!(
            schedule.next(),
            Next { at: now, event: Some(Event::Started), timeout: seconds(5) }
        );
    }

    #[test]
    fn started_is_repeated_until_it_is_accepted() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None);
        schedule.on_failure(now);
        assert_eq!(schedule.next().event, Some(Event::Started));
        schedule.on_success(now, seconds(1800), None);
        assert_eq!(schedule.next().event, None);
        assert_eq!(schedule.next().at, now + seconds(1800));
    }

    #[test]
    fn a_failure_is_retried_within_a_second_and_then_less_often() {
        let mut schedule = Schedule::new(Instant::now(), None);
        assert_eq!(pauses(&mut schedule, 7), [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pauses(&mut schedule, 100).last(), Some(&5000));
    }

    #[test]
    fn retries_are_never_further_apart_than_the_last_known_interval() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None);
        schedule.on_success(now, seconds(3), None);
        assert_eq!(pauses(&mut schedule, 6), [250, 500, 1000, 2000, 3000, 3000]);
    }

    #[test]
    fn a_failure_after_a_success_leads_to_started_and_starts_the_back_off_anew() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None);
        pauses(&mut schedule, 5);
        schedule.on_success(now, seconds(30), None);
        schedule.on_failure(now + seconds(30));
        assert_eq!(schedule.next().event, Some(Event::Started));
        assert_eq!(schedule.next().at, now + seconds(30) + FIRST_RETRY);
    }

    #[test]
    fn the_interval_is_the_trackers_unless_capped_but_min_interval_is_kept() {
        let day = 86_400;
        for (interval, min, max, expected) in [
            (600, None, None, 600),
            (600, None, Some(5), 5),
            (600, Some(60), Some(5), 60),
            (600, Some(900), None, 900),
            (2, None, Some(5), 2),
            (0, None, None, 1),
            (600, None, Some(0), 1),
            (u64::MAX, Some(u64::MAX), None, day),
        ] {
            let now = Instant::now();
            let mut schedule = Schedule::new(now, max.map(seconds));
            schedule.on_success(now, seconds(interval), min.map(seconds));
            assert_eq!(schedule.next().at, now + seconds(expected), "{interval} {min:?} {max:?}");
        }
    }

    #[test]
    fn an_attempt_may_take_an_interval_within_bounds() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None);
        for (interval, timeout) in [(1, 2), (3, 3), (600, 5)] {
            schedule.on_success(now, seconds(interval), None);
            assert_eq!(schedule.next().timeout, seconds(timeout));
        }
    }

    #[test]
    fn stopped_is_owed_once_the_tracker_may_have_heard_of_the_torrent() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None);
        assert!(!schedule.owes_stopped());
        let mut failed = schedule.clone();
        failed.on_failure(now);
        assert!(failed.owes_stopped(), "the answer may have got lost, and not the request");
        schedule.on_success(now, seconds(1), None);
        assert!(schedule.owes_stopped());
    }
}
