//! The schedule of one torrent at one tier of trackers (BEP 12): when to announce it, to which tracker,
//! and with which event.
//!
//! A state machine without sockets and without a clock: its caller sends the announce that
//! [`Schedule::next`] returns and reports the outcome.

use std::time::{Duration, Instant};

use crate::request::Event;

/// Pause before a tier that failed is tried again; it doubles with each failure in a row.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Longest pause between two attempts while the tracker's interval is unknown.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// Least and greatest interval, whatever a tracker asks for: no busy loop, no overflow of the clock.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// Least and greatest time for an attempt. In between it is the tracker's interval: after a second
/// one the torrent must be listed again.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    max_interval: Option<Duration>,
    due: Instant,
    interval: Option<Duration>,
    /// The tier's trackers in the order in which they are tried.
    order: Vec<Tracker>,
    /// Which of them is next.
    position: usize,
    /// Failures of the whole tier since the last success.
    failures: u32,
    completion: Completion,
}

/// Whether the download of a torrent has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Completion {
    /// It has not, or there is none.
    None,
    /// No tracker of the tier has accepted `completed` yet.
    Owed,
    /// One has.
    Announced,
}

#[derive(Clone, Copy, Debug)]
struct Tracker {
    /// Its index in the configuration.
    index: usize,
    /// Whether it accepted the last announce.
    listed: bool,
    /// Whether it may list the torrent: the response may be lost after the request arrived.
    known: bool,
}

/// The announce to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) at: Instant,
    pub(crate) tracker: usize,
    pub(crate) event: Option<Event>,
    pub(crate) timeout: Duration,
}

impl Schedule {
    /// Creates the schedule of a tier of at least one tracker. The first announce is due at once;
    /// `max_interval` caps the interval that the tracker asks for.
    pub(crate) fn new(now: Instant, max_interval: Option<Duration>, trackers: usize) -> Self {
        let tracker = |index| Tracker { index, listed: false, known: false };
        Self {
            max_interval,
            due: now,
            interval: None,
            order: (0..trackers).map(tracker).collect(),
            position: 0,
            failures: 0,
            completion: Completion::None,
        }
    }

    /// Reports that the download is complete: `completed` is due at once.
    pub(crate) fn complete(&mut self, now: Instant) {
        if !self.is_complete() {
            self.completion = Completion::Owed;
            self.due = now;
        }
    }

    /// Whether [`Schedule::complete`] was called.
    pub(crate) fn is_complete(&self) -> bool {
        self.completion != Completion::None
    }

    /// `started` until it is accepted, then regular announces; `started` again after a failure,
    /// since the tracker may have been restarted. `completed` follows once the download is complete;
    /// a peer that only seeds never sends it (BEP 3).
    pub(crate) fn next(&self) -> Next {
        let Tracker { index, listed, .. } = self.order[self.position];
        Next {
            at: self.due,
            tracker: index,
            event: match self.completion {
                _ if !listed => Some(Event::Started),
                Completion::Owed => Some(Event::Completed),
                Completion::None | Completion::Announced => None,
            },
            timeout: self.retry_limit().clamp(TIMEOUTS.0, TIMEOUTS.1),
        }
    }

    /// Reports that the tracker accepted the announce and asked for these intervals. The tracker is
    /// the first to be tried from now on (BEP 12).
    pub(crate) fn on_success(
        &mut self,
        now: Instant,
        event: Option<Event>,
        interval: Duration,
        min_interval: Option<Duration>,
    ) {
        let wanted = self.max_interval.map_or(interval, |max| interval.min(max));
        let interval = wanted.max(min_interval.unwrap_or_default());
        let interval = interval.clamp(INTERVALS.0, INTERVALS.1);
        self.order[..=self.position].rotate_right(1);
        self.order[0] = Tracker { listed: true, known: true, ..self.order[0] };
        (self.position, self.failures) = (0, 0);
        self.interval = Some(interval);
        self.due = now + interval;
        match (event, self.completion) {
            (Some(Event::Completed), _) => self.completion = Completion::Announced,
            // `started` was accepted; `completed` follows at once.
            (_, Completion::Owed) => self.due = now,
            _ => {}
        }
    }

    /// Reports that the announce failed. The next tracker of the tier is due at once. After the last
    /// one the tier has failed, and the method returns `true`; the tier is tried again soon, then less
    /// often, but at least once an interval.
    pub(crate) fn on_failure(&mut self, now: Instant) -> bool {
        let tracker = &mut self.order[self.position];
        (tracker.listed, tracker.known) = (false, true);
        self.position = (self.position + 1) % self.order.len();
        let tier_failed = self.position == 0;
        self.due = now;
        if tier_failed {
            let delay = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures));
            self.due += delay.min(self.retry_limit());
            self.failures = self.failures.saturating_add(1);
        }
        tier_failed
    }

    /// The trackers that must receive `stopped`.
    pub(crate) fn owed_stopped(&self) -> impl Iterator<Item = usize> {
        self.order.iter().filter(|tracker| tracker.known).map(|tracker| tracker.index)
    }

    fn retry_limit(&self) -> Duration {
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
        let schedule = Schedule::new(now, None, 1);
        assert_eq!(
            schedule.next(),
            Next { at: now, tracker: 0, event: Some(Event::Started), timeout: seconds(5) }
        );
    }

    #[test]
    fn started_is_repeated_until_it_is_accepted() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 1);
        schedule.on_failure(now);
        assert_eq!(schedule.next().event, Some(Event::Started));
        schedule.on_success(now, None, seconds(1800), None);
        assert_eq!(schedule.next().event, None);
        assert_eq!(schedule.next().at, now + seconds(1800));
    }

    #[test]
    fn a_failure_is_retried_within_a_second_and_then_less_often() {
        let mut schedule = Schedule::new(Instant::now(), None, 1);
        assert_eq!(pauses(&mut schedule, 7), [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pauses(&mut schedule, 100).last(), Some(&5000));
    }

    #[test]
    fn retries_are_never_further_apart_than_the_last_known_interval() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 1);
        schedule.on_success(now, None, seconds(3), None);
        assert_eq!(pauses(&mut schedule, 6), [250, 500, 1000, 2000, 3000, 3000]);
    }

    #[test]
    fn a_failure_after_a_success_leads_to_started_and_starts_the_back_off_anew() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 1);
        pauses(&mut schedule, 5);
        schedule.on_success(now, None, seconds(30), None);
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
            let mut schedule = Schedule::new(now, max.map(seconds), 1);
            schedule.on_success(now, None, seconds(interval), min.map(seconds));
            assert_eq!(schedule.next().at, now + seconds(expected), "{interval} {min:?} {max:?}");
        }
    }

    #[test]
    fn an_attempt_may_take_an_interval_within_bounds() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 1);
        for (interval, timeout) in [(1, 2), (3, 3), (600, 5)] {
            schedule.on_success(now, None, seconds(interval), None);
            assert_eq!(schedule.next().timeout, seconds(timeout));
        }
    }

    #[test]
    fn stopped_is_owed_once_the_tracker_may_have_heard_of_the_torrent() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 1);
        assert_eq!(schedule.owed_stopped().count(), 0);
        let mut failed = schedule.clone();
        failed.on_failure(now);
        assert_eq!(failed.owed_stopped().count(), 1, "the answer may be lost, and not the request");
        schedule.on_success(now, None, seconds(1), None);
        assert_eq!(schedule.owed_stopped().count(), 1);
    }

    #[test]
    fn bep_12_a_failure_leads_to_the_next_tracker_of_the_tier_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 3);
        for (tracker, tier_failed) in [(0, false), (1, false), (2, true)] {
            assert_eq!((schedule.next().tracker, schedule.next().at), (tracker, now));
            assert_eq!(schedule.on_failure(now), tier_failed);
        }
        assert_eq!((schedule.next().tracker, schedule.next().at), (0, now + FIRST_RETRY));
    }

    #[test]
    fn bep_12_the_tracker_that_worked_is_moved_to_the_front_of_its_tier() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 3);
        schedule.on_failure(now);
        schedule.on_failure(now);
        schedule.on_success(now, None, seconds(1), None);
        let mut tried = Vec::new();
        for _ in 0..3 {
            tried.push(schedule.next().tracker);
            schedule.on_failure(now);
        }
        assert_eq!(tried, [2, 0, 1]);
    }

    #[test]
    fn each_tracker_of_a_tier_hears_started_first_and_is_owed_stopped() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, 3);
        schedule.on_success(now, None, seconds(1), None);
        assert_eq!((schedule.next().tracker, schedule.next().event), (0, None));
        schedule.on_failure(now);
        assert_eq!((schedule.next().tracker, schedule.next().event), (1, Some(Event::Started)));
        schedule.on_success(now, None, seconds(1), None);
        assert_eq!((schedule.next().tracker, schedule.next().event), (1, None));
        assert_eq!(schedule.owed_stopped().collect::<Vec<_>>(), [1, 0]);
    }
}
