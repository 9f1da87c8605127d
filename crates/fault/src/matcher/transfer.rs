//! A transfer that lasts: rules that are added or withdrawn meanwhile act on it.

use std::time::Duration;

use super::{Faults, Firing, Firings, RuleId, handle::changed_within};
use crate::{faults::FaultSet, subject::Subject};

/// The rules that act on something that lasts: a response, a peer connection.
///
/// A rule counts a transfer once, however often the transfer is looked at.
#[derive(Debug)]
pub struct Transfer<F> {
    faults: Faults<F>,
    firings: Firings<F>,
    asked: Vec<RuleId>,
    generation: u64,
    /// The instant at which the schedule of a rule changes something.
    next_change: Option<Duration>,
}

impl<F: FaultSet> Transfer<F> {
    pub(super) fn begin(faults: Faults<F>, now: Duration, subject: &Subject<'_>) -> Self {
        let mut transfer = Self {
            generation: 0,
            firings: Firings::default(),
            asked: Vec::new(),
            next_change: None,
            faults,
        };
        transfer.ask(now, subject, false);
        transfer
    }

    /// The rules that act now, in the order in which they began to.
    #[must_use]
    pub const fn firings(&self) -> &Firings<F> {
        &self.firings
    }

    /// Whether [`Transfer::refresh`] may change something: the rules have changed, or the time of
    /// one has come.
    #[must_use]
    pub fn is_stale(&self, now: Duration) -> bool {
        self.generation != self.faults.generation()
            || self.next_change.is_some_and(|instant| instant <= now)
    }

    /// Drops firings whose rule was removed or whose time ended, and asks new rules that act on
    /// transfers in progress. Returns whether the firings changed.
    pub fn refresh(&mut self, now: Duration, subject: &Subject<'_>) -> bool {
        if !self.is_stale(now) {
            return false;
        }
        let before = self.firings.len();
        self.firings.0.retain(|firing| firing.is_in_force(now));
        let withdrawn = self.firings.len() < before;
        self.ask(now, subject, true) || withdrawn
    }

    /// Waits until [`Transfer::refresh`] may change something.
    pub async fn changed(&self) {
        let mut changes = self.faults.changes();
        loop {
            let now = self.faults.now();
            if self.is_stale(now) {
                return;
            }
            let end = self.next_change.map(|end| end.saturating_sub(now));
            if !changed_within(&mut changes, end).await {
                return std::future::pending().await;
            }
        }
    }

    fn ask(&mut self, now: Duration, subject: &Subject<'_>, in_progress: bool) -> bool {
        // Before the question: a change in between is seen the next time.
        self.generation = self.faults.generation();
        self.next_change = None;
        // Rules whose time has not come arm the handle, too.
        if !self.faults.is_armed(subject.points) {
            self.note_ends(now);
            return false;
        }
        let (asked, names) = (&mut self.asked, self.faults.names());
        let (new, next_change): (Vec<Firing<F>>, _) = self.faults.ask(|rules| {
            let new = rules.decide_once(now, subject, names, asked, in_progress);
            (new, rules.next_change(now))
        });
        self.next_change = next_change;
        self.note_ends(now);
        let changed = !new.is_empty();
        self.firings.0.extend(new);
        changed
    }

    /// A rule that fired for the last time is not asked any more, but its time may end.
    fn note_ends(&mut self, now: Duration) {
        let ends = self.firings.iter().filter_map(|firing| firing.ends(now));
        self.next_change = ends.chain(self.next_change).min();
    }
}
