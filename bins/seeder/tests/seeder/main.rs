//! Tests of the seeder through its binary: its API, its flags, and what peers download.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod change;
mod clients;
mod common;
mod content_changes;
mod descriptors;
mod flags;
mod guard;
mod inventory;
mod openapi;
mod pause;
mod peer;
mod peers;
mod several;
