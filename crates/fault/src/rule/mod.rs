//! A rule: what it matches, which fault it causes, when and how often.
//!
//! ```json
//! {"on":{"piece":3},"fault":{"type":"corrupt","bytes":2},"after":0,"times":3,
//!  "probability":0.5,"seed":7,"for":"10s","between":["1s","5s"]}
//! ```
//!
//! Parsing is strict: a field, a type or a value that is not known is refused, and the error names
//! the place and the nearest right name.

use serde::Serialize;

use crate::{faults::FaultSet, units::Span, words::Server};

mod error;
mod list;
pub mod near;
mod on;
mod parse;
mod value;

pub use error::RuleError;
pub use list::{AnyRule, LoadError, load, parse_json, parse_toml, rules_of};
pub use on::{KEYS, KeyInfo, On};
pub use value::{
    AddressPattern, Glob, InvalidAddress, InvalidGlob, InvalidMethod, InvalidPeerPrefix, Method,
    OneOrMany, PeerPrefix, Pieces, RangePattern,
};

/// A rule of one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule<F> {
    /// What it matches.
    pub on: On,
    /// What happens.
    pub fault: F,
    /// How many matches pass before the rule acts.
    pub after: u64,
    /// How often the rule acts; `None` for every time.
    pub times: Option<u64>,
    /// The chance that it acts on a match, from 0 to 1.
    pub probability: f64,
    /// What the draws derive from. The same seed and the same matches give the same draws.
    pub seed: u64,
    /// How long the rule is in force after it was added.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
    /// The two instants after the last reset between which the rule is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<(Span, Span)>,
    /// Whether the rule is in force at all.
    pub enabled: bool,
    /// The preset that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
}

impl<F: FaultSet> Rule<F> {
    /// The server that it is for.
    pub const SERVER: Server = F::SERVER;

    /// A rule that causes a fault each time that anything matches.
    #[must_use]
    pub fn new(fault: F) -> Self {
        Self {
            on: On::default(),
            fault,
            after: 0,
            times: None,
            probability: 1.0,
            seed: 0,
            lasting: None,
            between: None,
            enabled: true,
            preset: None,
        }
    }
}
