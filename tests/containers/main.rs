//! The images and the compose file, on a real engine. `make images` has built what they run.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod action;
mod client;
mod compose_files;
mod drop_in;
mod images;
mod lifetime;
mod multi_stage;
mod network;
mod stack;
mod swarm;
