//! End-to-end tests: real binaries, real videos and real clients, on free ports.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod attack;
mod bed;
mod clients;
mod documents;
mod fetch;
mod output;
mod restart;
mod tls;
