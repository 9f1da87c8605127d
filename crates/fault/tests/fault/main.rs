//! Rules, firings, journal and control API, each from the outside of the crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod control;
mod journal;
mod matcher;
mod reference;
mod rule;
