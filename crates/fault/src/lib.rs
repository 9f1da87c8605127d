//! Failure on demand, for every server of a bed: rules, the journal, and the API that controls
//! both.
//!
//! - [`rule`] parses a rule out of JSON or TOML, strictly; [`faults`] has the types of each server.
//! - [`matcher`] decides which rules fire for a [`Subject`]: a request, a connection, a message, a
//!   block. Time is a parameter, and random draws derive from a rule's seed and its own counter.
//! - [`journal`] remembers what happened, in order, for all servers of a bed.
//! - [`control`] is the HTTP API under `/control`.
//! - [`presets`] are lists of rules with a name.
//! - [`apply`] computes effects without sockets or clock: delays, rates, changed bytes.
//!
//! Nothing here opens a socket. A server asks its [`Faults`] at the points where faults act, puts
//! the answer into effect, and writes to its [`Journal`].

pub mod apply;
pub mod control;
pub mod faults;
pub mod journal;
pub mod matcher;
pub mod presets;
pub mod reference;
pub mod rule;
pub mod subject;
pub mod units;
pub mod words;

pub use faults::{Fault, FaultSet, RangeFault, SeederFault, TrackerFault};
pub use journal::Journal;
pub use matcher::{Faults, Firing, Firings, Transfer};
pub use rule::{AnyRule, Rule, RuleError};
pub use subject::{Point, Points, Subject};
pub use words::{AnnounceEvent, Direction, Message, Server, Source, Transport};
