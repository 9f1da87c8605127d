//! A rule that was added: its schedule and its counters.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use seedbed_metainfo::Infohash;

use super::Draws;
use crate::{
    faults::{FaultSet, Gate},
    rule::Rule,
    subject::{Point, Subject},
};

/// The number of a rule. A number is never given twice while a process runs.
pub type RuleId = u64;

/// A rule that was added, with its counters.
#[derive(Debug)]
pub struct ActiveRule<F> {
    id: RuleId,
    rule: Rule<F>,
    point: Point,
    in_progress: bool,
    /// When it was added, since the last reset.
    added: Duration,
    enabled: AtomicBool,
    withdrawn: AtomicBool,
    counters: Mutex<Counters>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    matched: u64,
    fired: u64,
    /// Start of the current window of a quota, and the matches in it.
    window: Option<(Duration, u64)>,
}

/// The result of asking a rule about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The rule does not match.
    Unmatched,
    /// It matched, and the rule did not fire.
    Passed,
    /// The rule fired at its match of this number.
    Fired(u64),
}

impl<F: FaultSet> ActiveRule<F> {
    /// # Panics
    /// A fault is missing in the list of its own server, which a test rules out.
    pub(super) fn new(id: RuleId, rule: Rule<F>, added: Duration) -> Self {
        let info = F::info(rule.fault.type_name());
        Self {
            id,
            point: info.map_or(Point::Request, |info| info.point),
            in_progress: info.is_some_and(|info| info.in_progress),
            added,
            enabled: AtomicBool::new(rule.enabled),
            withdrawn: AtomicBool::new(false),
            counters: Mutex::default(),
            rule,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> RuleId {
        self.id
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> &Rule<F> {
        &self.rule
    }

    /// The moment at which it is asked.
    #[must_use]
    pub const fn point(&self) -> Point {
        self.point
    }

    /// Whether it acts on transfers that began before it was added.
    #[must_use]
    pub const fn in_progress(&self) -> bool {
        self.in_progress
    }

    /// Whether it is enabled.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    pub(super) fn enable(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Release);
    }

    pub(super) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    /// How often it matched and how often it fired.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let counters = self.counters();
        (counters.matched, counters.fired)
    }

    /// Whether it fired as often as it may.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.rule.times.is_some_and(|times| self.counters().fired >= times)
    }

    /// Whether it is enabled, not withdrawn, and within its time.
    #[must_use]
    pub fn is_in_force(&self, now: Duration) -> bool {
        self.enabled()
            && !self.withdrawn.load(Ordering::Acquire)
            && self.rule.between.is_none_or(|(start, end)| (start.0..end.0).contains(&now))
            && self.rule.lasting.is_none_or(|lasting| now < self.added + lasting.0)
    }

    /// The next instant since the last reset at which it comes into force or ceases to be.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let (start, end) =
            self.rule.between.map_or((None, None), |(start, end)| (Some(start.0), Some(end.0)));
        let expiry = self.rule.lasting.map(|lasting| self.added + lasting.0);
        [start, end, expiry].into_iter().flatten().filter(|&instant| instant > now).min()
    }

    pub(super) fn consider<N: AsRef<str>>(
        &self,
        now: Duration,
        subject: &Subject<'_>,
        name_of: impl Fn(&Infohash) -> Option<N>,
    ) -> Outcome {
        let concerns = subject.points.contains(self.point)
            && self.is_in_force(now)
            && self.rule.on.matches(subject, name_of);
        if !concerns {
            return Outcome::Unmatched;
        }
        let mut counters = self.counters();
        let open = match self.rule.fault.gate() {
            Gate::Open => true,
            Gate::Sent(at) => subject.sent >= at.within(subject.size.max(subject.sent)),
            Gate::Age(age) => now >= self.added + age,
            Gate::Quota { requests, per } => counters.exceed(requests, per, now),
        };
        let is_spent = self.rule.times.is_some_and(|times| counters.fired >= times);
        if !open || is_spent {
            return Outcome::Unmatched;
        }
        let count = counters.matched;
        counters.matched += 1;
        let fires = count >= self.rule.after
            && (self.rule.probability >= 1.0
                || Draws::new(self.rule.seed, count).unit() < self.rule.probability);
        if !fires {
            return Outcome::Passed;
        }
        counters.fired += 1;
        Outcome::Fired(count)
    }

    fn counters(&self) -> std::sync::MutexGuard<'_, Counters> {
        // Every state of the counters is a valid one.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    /// Counts a match in its window, and tells whether it is one too many.
    fn exceed(&mut self, requests: u64, per: Duration, now: Duration) -> bool {
        let (start, used) = match self.window {
            Some((start, used)) if now.saturating_sub(start) < per => (start, used),
            _ => (now, 0),
        };
        self.window = Some((start, used + 1));
        used >= requests
    }
}
