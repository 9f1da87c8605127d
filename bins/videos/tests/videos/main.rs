//! Runs the binary and ffmpeg on catalogs of tiny videos.

#![expect(clippy::unwrap_used, reason = "a test panics if it cannot continue")]

mod browser;
mod determinism;
mod failure;
mod folder;
mod generate;
mod hls;
mod kill;
mod lock;
mod rooms;
mod workspace;
