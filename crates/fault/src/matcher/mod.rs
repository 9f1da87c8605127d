//! Decides which rules fire.
//!
//! [`RuleSet`] is the pure part: the time comes in as a parameter, and draws derive from a rule's
//! seed and its own counter, so that what happens to one rule never changes what another does.
//! [`Faults`] is the handle that a server keeps: it is cheap to ask while no rule is in force, and
//! wakes what a rule held when the rule is withdrawn.

mod active;
mod draws;
mod handle;
mod names;
mod rule_set;
mod transfer;

pub use active::{ActiveRule, RuleId};
pub use draws::Draws;
pub use handle::{Faults, MAX_RULES, Shared, TooManyRules};
pub use names::TorrentNames;
pub use rule_set::{Firing, Firings, RuleSet};
pub use transfer::Transfer;
