//! End-to-end tests: the real binaries, real videos and real clients, on ports that were free.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod bed;
mod clients;
mod fetch;
mod output;
mod readme;
mod restart;
