//! Shared parts of the end-to-end tests: a bed, its inventory, and real clients that download from it.

pub mod bed;
pub mod client;
pub mod containers;
pub mod flags;
