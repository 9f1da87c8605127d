//! Rules, firings, journal and control API, each from the outside of the crate.

mod control;
mod journal;
mod matcher;
mod reference;
mod rule;
