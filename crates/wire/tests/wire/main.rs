//! The whole wire on loopback, between peers and an engine that the tests play themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod bounds;
mod connections;
mod encryption;
mod limits;
mod policies;
mod utp;
