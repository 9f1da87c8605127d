//! Carries out a [`Plan`] for one frame or handshake, step by step, without looking at bytes.

use std::time::Instant;

use super::pace::Pace;
use crate::policy::{Action, Close, CloseKind, Occasion, Plan, Wait};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before this time, or before the policy changes where there is none.
    Wait(Option<Instant>),
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send this many bytes of the original.
    Forward(usize),
    /// Leave out this many bytes of the original.
    Skip(usize),
    /// Wait for more of the original.
    NeedInput,
    /// Close the connection.
    Close(CloseKind),
    /// All is done.
    Done,
}

/// One frame or handshake under way.
#[derive(Debug)]
pub(crate) struct Delivery {
    plan: Plan,
    /// Length of the original.
    length: usize,
    /// How much of the original has gone or was left out.
    position: usize,
    stage: Stage,
    /// When the policy was first asked, and how often it was.
    asked: Option<(Instant, u32)>,
    /// The policy's generation when it was asked, or passed over since no rule was in force.
    generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    Body,
    End,
}

impl Delivery {
    /// A delivery without any plan yet: the original passes.
    pub(crate) fn new(length: usize, generation: u64) -> Self {
        Self {
            plan: Plan::default(),
            length,
            position: 0,
            stage: Stage::Start,
            asked: None,
            generation,
        }
    }

    /// A delivery that leaves the original out.
    pub(crate) fn swallow(length: usize, generation: u64) -> Self {
        Self { plan: Plan::drop(), ..Self::new(length, generation) }
    }

    /// Asks the policy for a plan. A plan for something that has begun changes only what is to come.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        generation: u64,
        ask: impl FnOnce(Occasion) -> Plan,
    ) {
        let (since, repeat) = self.asked.unwrap_or((now, 0));
        let plan = ask(Occasion { now, since, repeat, sent: self.position });
        self.asked = Some((since, repeat + 1));
        self.amend(plan, generation);
    }

    /// Goes on without the policy, which is no longer in force.
    pub(crate) fn release(&mut self, generation: u64) {
        self.amend(Plan::default(), generation);
    }

    fn amend(&mut self, plan: Plan, generation: u64) {
        self.generation = generation;
        self.plan = match self.stage {
            Stage::Start => plan,
            Stage::Body | Stage::End => {
                Plan { before: Vec::new(), action: std::mem::take(&mut self.plan.action), ..plan }
            }
        };
    }

    /// Whether the policy has changed since it was asked.
    pub(crate) const fn is_outdated(&self, generation: u64) -> bool {
        self.generation != generation
    }

    /// Whether it must wait, and until when.
    pub(crate) fn waits(&self, now: Instant) -> Option<Option<Instant>> {
        match self.plan.wait {
            Wait::Until(until) if now < until => Some(Some(until)),
            Wait::Hold => Some(None),
            Wait::No | Wait::Until(_) => None,
        }
    }

    /// Whether the original passes.
    pub(crate) fn passes(&self) -> bool {
        self.plan.action == Action::Pass
    }

    /// Leaves the original out, whatever the plan says of it.
    pub(crate) fn leave_out(&mut self) {
        self.plan.action = Action::Drop;
    }

    /// How much of the original has gone or was left out.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    /// Changes `bytes`, which begin at `at` in the original, as the plan wants it; false if it
    /// changes none of them.
    pub(crate) fn patch(&self, at: usize, bytes: &mut Vec<u8>, original: &[u8]) -> bool {
        let mut patched = false;
        for patch in &self.plan.patches {
            let index = patch.at.checked_sub(at).filter(|index| *index < original.len());
            if let Some(index) = index {
                if !patched {
                    bytes.extend_from_slice(original);
                    patched = true;
                }
                bytes[index] ^= patch.xor;
            }
        }
        patched
    }

    /// The next step, where `available` bytes of the original are at hand.
    pub(crate) fn step(&mut self, now: Instant, available: usize, pace: &mut Pace) -> Step {
        if let Some(until) = self.waits(now) {
            return Step::Wait(until);
        }
        let cut = self.plan.close.filter(|close| close.at < self.length);
        if self.stage == Stage::Start {
            self.stage = Stage::Body;
            if !self.plan.before.is_empty() {
                return Step::Send(std::mem::take(&mut self.plan.before));
            }
        }
        if self.stage == Stage::Body {
            if let Some(Close { how, .. }) = cut.filter(|close| close.at <= self.position) {
                return Step::Close(how);
            }
            if let Action::Replace(bytes) = &mut self.plan.action {
                let bytes = std::mem::take(bytes);
                self.plan.action = Action::Drop;
                if !bytes.is_empty() {
                    return Step::Send(bytes);
                }
            }
            let end = cut.map_or(self.length, |close| close.at);
            let bytes = available.min(end - self.position);
            if self.position == self.length {
                self.stage = Stage::End;
                if !self.plan.after.is_empty() {
                    return Step::Send(std::mem::take(&mut self.plan.after));
                }
            } else if bytes == 0 {
                return Step::NeedInput;
            } else if self.plan.action == Action::Pass {
                return self.forward(now, bytes, pace);
            } else {
                self.position += bytes;
                return Step::Skip(bytes);
            }
        }
        self.plan.close.take().map_or(Step::Done, |close| Step::Close(close.how))
    }

    fn forward(&mut self, now: Instant, bytes: usize, pace: &mut Pace) -> Step {
        let bytes = match self.plan.limit {
            None => bytes,
            Some(rate) => match pace.take(now, rate, bytes) {
                Ok(bytes) => bytes,
                Err(free) => return Step::Wait(Some(free)),
            },
        };
        self.position += bytes;
        Step::Forward(bytes)
    }
}
