//! Rules as the control API describes them.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    faults::{Fault, FaultSet},
    matcher::{ActiveRule, RuleId},
    rule::On,
    units::Span,
    words::Server,
};

/// A rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub struct RuleBody {
    /// The server that it is for. In a bed it is required if several servers have the type.
    #[schema(required = false)]
    pub server: Server,
    /// What it matches; by default everything.
    #[schema(required = false)]
    pub on: On,
    /// What happens.
    pub fault: Fault,
    /// How many matches pass before it fires; by default 0.
    #[schema(required = false)]
    pub after: u64,
    /// How often it fires; by default every time.
    #[schema(minimum = 1)]
    pub times: Option<u64>,
    /// The chance that it fires on a match; by default 1.
    #[schema(required = false, minimum = 0, maximum = 1)]
    pub probability: f64,
    /// What the random draws derive from; by default 0.
    #[schema(required = false)]
    pub seed: u64,
    /// How long it is in force after it was added; by default until it is removed.
    #[serde(rename = "for")]
    pub lasting: Option<Span>,
    /// The two instants since the last reset between which it is in force; by default always.
    pub between: Option<(Span, Span)>,
    /// Whether it is enabled; by default true.
    #[schema(required = false)]
    pub enabled: bool,
    /// The preset that it belongs to.
    pub preset: Option<String>,
}

/// A rule that was added.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AddedRule)]
pub struct RuleView {
    /// Its number, which no other rule gets.
    pub id: RuleId,
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleBody,
    /// How often it matched.
    pub matched: u64,
    /// How often it fired.
    pub fired: u64,
    /// Whether it may fire now: it is enabled, within its time, and did not fire as often as it
    /// may.
    pub active: bool,
}

impl RuleView {
    pub(super) fn new<F: FaultSet>(active: &ActiveRule<F>, now: Duration) -> Self {
        let rule = active.rule().clone();
        let (matched, fired) = active.counts();
        Self {
            id: active.id(),
            rule: RuleBody {
                server: F::SERVER,
                on: rule.on,
                fault: rule.fault.into_any(),
                after: rule.after,
                times: rule.times,
                probability: rule.probability,
                seed: rule.seed,
                lasting: rule.lasting,
                between: rule.between,
                enabled: active.enabled(),
                preset: rule.preset,
            },
            matched,
            fired,
            active: active.is_in_force(now) && !active.is_spent(),
        }
    }
}
