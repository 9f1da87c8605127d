//! The rules that were added, in their order, and the answer to a question.

use std::{sync::Arc, time::Duration};

use super::{ActiveRule, Draws, RuleId, TorrentNames, active::Outcome};
use crate::{
    apply,
    faults::FaultSet,
    journal::FaultRef,
    rule::Rule,
    subject::{Points, Subject},
};

/// Rules in their order.
///
/// Each rule matches, counts and draws on its own: what one does never changes what another does.
/// If two that exclude each other fire at once, such as two HTTP statuses, the first acts.
#[derive(Debug)]
pub struct RuleSet<F> {
    rules: Vec<Arc<ActiveRule<F>>>,
}

impl<F> Default for RuleSet<F> {
    fn default() -> Self {
        Self { rules: Vec::new() }
    }
}

impl<F> Clone for RuleSet<F> {
    fn clone(&self) -> Self {
        Self { rules: self.rules.clone() }
    }
}

impl<F: FaultSet> RuleSet<F> {
    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Arc<ActiveRule<F>>] {
        &self.rules
    }

    /// Adds a rule behind the others, at an instant since the last reset.
    pub fn add(&mut self, id: RuleId, rule: Rule<F>, now: Duration) {
        self.rules.push(Arc::new(ActiveRule::new(id, rule, now)));
    }

    /// Removes the rules for which `keep` returns false, and returns their ids.
    pub fn retain(&mut self, keep: impl Fn(&ActiveRule<F>) -> bool) -> Vec<RuleId> {
        let mut withdrawn = Vec::new();
        self.rules.retain(|rule| {
            let kept = keep(rule);
            if !kept {
                rule.withdraw();
                withdrawn.push(rule.id());
            }
            kept
        });
        withdrawn
    }

    /// The points at which a rule may fire.
    #[must_use]
    pub fn points(&self) -> Points {
        let may_fire = |rule: &&Arc<ActiveRule<F>>| rule.enabled() && !rule.is_spent();
        self.rules.iter().filter(may_fire).fold(Points::NONE, |set, rule| set.and(rule.point()))
    }

    /// The rules that fire, in their order.
    #[must_use]
    pub fn decide(&self, now: Duration, subject: &Subject<'_>, names: &TorrentNames) -> Firings<F> {
        let mut firings = Vec::new();
        for rule in &self.rules {
            if let Outcome::Fired(count) = rule.consider(now, subject, |it| names.get(it)) {
                firings.push(Firing { rule: Arc::clone(rule), count });
            }
        }
        Firings(firings)
    }

    /// As [`RuleSet::decide`], for a transfer: leaves out the rules that it has `asked` before, and
    /// notes those that matched now. With `in_progress`, asks only those that act on transfers in
    /// progress.
    pub(super) fn decide_once(
        &self,
        now: Duration,
        subject: &Subject<'_>,
        names: &TorrentNames,
        asked: &mut Vec<RuleId>,
        in_progress: bool,
    ) -> Vec<Firing<F>> {
        let mut firings = Vec::new();
        for rule in &self.rules {
            if asked.contains(&rule.id()) || (in_progress && !rule.in_progress()) {
                continue;
            }
            match rule.consider(now, subject, |it| names.get(it)) {
                Outcome::Unmatched => {}
                Outcome::Passed => asked.push(rule.id()),
                Outcome::Fired(count) => {
                    asked.push(rule.id());
                    firings.push(Firing { rule: Arc::clone(rule), count });
                }
            }
        }
        firings
    }

    /// The next instant at which a rule comes into force or ceases to be.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        self.rules.iter().filter_map(|rule| rule.next_change(now)).min()
    }
}

/// A rule that fired.
#[derive(Clone, Debug)]
pub struct Firing<F> {
    rule: Arc<ActiveRule<F>>,
    count: u64,
}

impl<F: FaultSet> Firing<F> {
    /// What is to happen.
    #[must_use]
    pub fn fault(&self) -> &F {
        &self.rule.rule().fault
    }

    /// The rule's number.
    #[must_use]
    pub fn id(&self) -> RuleId {
        self.rule.id()
    }

    /// The rule's number and the fault's name, for the journal.
    #[must_use]
    pub fn reference(&self) -> FaultRef {
        FaultRef { id: self.rule.id(), fault: self.fault().type_name() }
    }

    /// Random numbers for the effect: a function of the rule's seed and of its count of matches.
    #[must_use]
    pub fn draws(&self) -> Draws {
        // Set apart from the draw that decided on the firing.
        Draws::new(!self.rule.rule().seed, self.count)
    }

    /// Whether the rule is neither removed nor disabled, and within its time. A rule that has fired
    /// as often as it may still holds the connections that it held.
    #[must_use]
    pub fn is_in_force(&self, now: Duration) -> bool {
        self.rule.is_in_force(now)
    }

    /// The instant since the last reset at which its time is over.
    #[must_use]
    pub fn ends(&self, now: Duration) -> Option<Duration> {
        self.rule.next_change(now)
    }
}

/// The rules that fired at once, in their order.
#[derive(Clone, Debug)]
pub struct Firings<F>(pub(super) Vec<Firing<F>>);

impl<F> Default for Firings<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> std::ops::Deref for Firings<F> {
    type Target = [Firing<F>];

    fn deref(&self) -> &[Firing<F>] {
        &self.0
    }
}

impl<'a, F> IntoIterator for &'a Firings<F> {
    type Item = &'a Firing<F>;
    type IntoIter = std::slice::Iter<'a, Firing<F>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<F: FaultSet> Firings<F> {
    /// The first for which `pick` gives something: the rule that acts if several exclude each
    /// other.
    pub fn pick<'a, T: 'a>(
        &'a self,
        pick: impl Fn(&'a F) -> Option<T>,
    ) -> Option<(&'a Firing<F>, T)> {
        self.0.iter().find_map(|firing| Some((firing, pick(firing.fault())?)))
    }

    /// The delay of all latencies together.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let delay = |firing: &Firing<F>| {
            let (delay, jitter) = firing.fault().latency()?;
            Some(apply::delay(delay, jitter, &mut firing.draws()))
        };
        self.0.iter().filter_map(delay).sum()
    }

    /// Numbers and names, for the journal.
    #[must_use]
    pub fn references(&self) -> Box<[FaultRef]> {
        self.0.iter().map(Firing::reference).collect()
    }
}
