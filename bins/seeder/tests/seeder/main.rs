//! The seeder through its binary: what it says, what it does when told, and what peers get.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod change;
mod clients;
mod common;
mod content_changes;
mod flags;
mod inventory;
mod openapi;
mod pause;
mod peer;
mod peers;
mod several;
