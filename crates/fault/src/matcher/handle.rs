//! The handle by which a server asks its rules, and the control API changes them.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{ActiveRule, Firing, Firings, RuleId, RuleSet, TorrentNames, Transfer};
use crate::{
    faults::FaultSet,
    rule::Rule,
    subject::{Points, Subject},
};

/// The most rules that a server takes.
pub const MAX_RULES: usize = 1000;

/// There are as many rules as a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_RULES} rules already, which is the most that a server takes")]
pub struct TooManyRules;

/// What the servers of one bed share: the numbers of their rules and the names of torrents.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The last number that was given to a rule.
    ids: Arc<AtomicU64>,
    /// The names of the torrents.
    pub names: TorrentNames,
}

/// The rules of one server. Clones share them.
#[derive(Debug)]
pub struct Faults<F> {
    inner: Arc<Inner<F>>,
}

#[derive(Debug)]
struct Inner<F> {
    /// The points at which a rule may fire, as bits: all that the hot path looks at.
    armed: AtomicU32,
    rules: RwLock<RuleSet<F>>,
    generation: AtomicU64,
    changed: watch::Sender<u64>,
    shared: Shared,
    started: Instant,
    /// Microseconds from `started` to the last reset.
    reset_at: AtomicU64,
}

impl<F> Clone for Faults<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<F: FaultSet> Default for Faults<F> {
    fn default() -> Self {
        Self::new(Shared::default())
    }
}

impl<F: FaultSet> Faults<F> {
    /// No rules. The servers of a bed are given the same `shared`.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        let inner = Inner {
            armed: AtomicU32::new(0),
            rules: RwLock::default(),
            generation: AtomicU64::new(0),
            changed: watch::Sender::new(0),
            shared,
            started: Instant::now(),
            reset_at: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether a rule may fire at one of these points. One atomic load.
    #[must_use]
    pub fn is_armed(&self, points: impl Into<Points>) -> bool {
        Points::from_bits(self.inner.armed.load(Ordering::Acquire)).intersects(points.into())
    }

    /// The time since the last reset.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.at(Instant::now())
    }

    /// The time from the last reset to an instant.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Duration {
        let reset_at = Duration::from_micros(self.inner.reset_at.load(Ordering::Acquire));
        instant.saturating_duration_since(self.inner.started).saturating_sub(reset_at)
    }

    /// The rules that fire now.
    #[must_use]
    pub fn decide(&self, subject: &Subject<'_>) -> Firings<F> {
        if !self.is_armed(subject.points) {
            return Firings::default();
        }
        self.decide_at(self.now(), subject)
    }

    /// The rules that fire at an instant since the last reset.
    #[must_use]
    pub fn decide_at(&self, now: Duration, subject: &Subject<'_>) -> Firings<F> {
        if !self.is_armed(subject.points) {
            return Firings::default();
        }
        self.ask(|rules| rules.decide(now, subject, &self.inner.shared.names))
    }

    /// Begins a transfer: something that lasts, such as a response or a peer connection.
    #[must_use]
    pub fn transfer(&self, subject: &Subject<'_>) -> Transfer<F> {
        Transfer::begin(self.clone(), self.now(), subject)
    }

    pub(super) fn ask<T>(&self, question: impl FnOnce(&RuleSet<F>) -> T) -> T {
        let rules = self.inner.rules.read().unwrap_or_else(PoisonError::into_inner);
        let answer = question(&rules);
        // A rule that fired for the last time need not slow down the hot path any more. Changes of
        // the rules cannot come in between, as they need the lock.
        let armed = rules.points().bits();
        if armed != self.inner.armed.load(Ordering::Acquire) {
            self.inner.armed.store(armed, Ordering::Release);
        }
        answer
    }

    pub(super) fn names(&self) -> &TorrentNames {
        &self.inner.shared.names
    }

    /// Counts the changes of the rules.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// A receiver that is told of each change of the rules.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Waits until the firing is over: its rule is removed or disabled, or the rule's time ends.
    /// A server that holds a connection or a response because of a rule awaits this.
    pub async fn released(&self, firing: &Firing<F>) {
        let mut changes = self.changes();
        loop {
            let now = self.now();
            if !firing.is_in_force(now) {
                return;
            }
            let end = firing.ends(now).map(|end| end.saturating_sub(now));
            if !changed_within(&mut changes, end).await {
                return;
            }
        }
    }

    /// Waits out a latency, or until its rule is withdrawn.
    pub async fn delay(&self, firings: &Firings<F>) {
        for firing in firings {
            let Some((delay, jitter)) = firing.fault().latency() else { continue };
            let delay = crate::apply::delay(delay, jitter, &mut firing.draws());
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.released(firing) => {}
            }
        }
    }

    /// The rules in their order.
    #[must_use]
    pub fn rules(&self) -> Vec<Arc<ActiveRule<F>>> {
        self.inner.rules.read().unwrap_or_else(PoisonError::into_inner).rules().to_vec()
    }

    /// Adds a rule behind the others.
    ///
    /// # Errors
    /// There are too many.
    pub fn add(&self, rule: Rule<F>) -> Result<Arc<ActiveRule<F>>, TooManyRules> {
        self.append(vec![rule]).map(|mut added| added.remove(0))
    }

    /// Adds rules behind the others.
    ///
    /// # Errors
    /// There are too many, and nothing changes.
    pub fn append(&self, rules: Vec<Rule<F>>) -> Result<Vec<Arc<ActiveRule<F>>>, TooManyRules> {
        self.extend(rules, |_| true)
    }

    /// Replaces all rules at once; counters restart.
    ///
    /// # Errors
    /// There are too many, and nothing changes.
    pub fn replace(&self, rules: Vec<Rule<F>>) -> Result<Vec<Arc<ActiveRule<F>>>, TooManyRules> {
        self.extend(rules, |_| false)
    }

    /// Adds the rules of a preset, in place of those that it has.
    ///
    /// # Errors
    /// There are too many, and nothing changes.
    pub fn replace_preset(
        &self,
        name: &str,
        rules: Vec<Rule<F>>,
    ) -> Result<Vec<Arc<ActiveRule<F>>>, TooManyRules> {
        self.extend(rules, |rule| rule.rule().preset.as_deref() != Some(name))
    }

    fn extend(
        &self,
        new: Vec<Rule<F>>,
        keep: impl Fn(&ActiveRule<F>) -> bool,
    ) -> Result<Vec<Arc<ActiveRule<F>>>, TooManyRules> {
        self.change(|rules, now| {
            let kept = rules.rules().iter().filter(|rule| keep(rule)).count();
            if kept + new.len() > MAX_RULES {
                return Err(TooManyRules);
            }
            rules.retain(&keep);
            for rule in new {
                let id = self.inner.shared.ids.fetch_add(1, Ordering::Relaxed) + 1;
                rules.add(id, rule, now);
            }
            Ok(rules.rules()[kept..].to_vec())
        })
    }

    /// Removes a rule. Returns false if there is none.
    pub fn remove(&self, id: RuleId) -> bool {
        !self.retain(|rule| rule.id() != id).is_empty()
    }

    /// Removes the rules for which `keep` returns false, and returns their ids.
    pub fn retain(&self, keep: impl Fn(&ActiveRule<F>) -> bool) -> Vec<RuleId> {
        self.change(|rules, _| rules.retain(keep))
    }

    /// Removes all rules, and returns their ids.
    pub fn clear(&self) -> Vec<RuleId> {
        self.retain(|_| false)
    }

    /// Enables or disables a rule. Returns `None` if there is none.
    pub fn enable(&self, id: RuleId, enabled: bool) -> Option<Arc<ActiveRule<F>>> {
        self.change(|rules, _| {
            let rule = rules.rules().iter().find(|rule| rule.id() == id);
            rule.inspect(|rule| rule.enable(enabled)).cloned()
        })
    }

    /// Removes all rules and restarts the clock.
    pub fn reset(&self) {
        self.change(|rules, _| {
            rules.retain(|_| false);
            let elapsed = self.inner.started.elapsed().as_micros();
            let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
            self.inner.reset_at.store(elapsed, Ordering::Release);
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut RuleSet<F>, Duration) -> T) -> T {
        let mut rules = self.inner.rules.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut rules, self.now());
        self.inner.armed.store(rules.points().bits(), Ordering::Release);
        let generation = self.inner.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.inner.changed.send_replace(generation);
        result
    }
}

/// Waits for a change or for `end` to pass; `false` if there will be no change any more.
pub(super) async fn changed_within(
    changes: &mut watch::Receiver<u64>,
    end: Option<Duration>,
) -> bool {
    let timeout = async {
        match end {
            Some(end) => tokio::time::sleep(end).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = changes.changed() => changed.is_ok(),
        () = timeout => true,
    }
}
