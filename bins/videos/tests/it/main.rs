//! The real binary and the real ffmpeg, on a catalog of tiny videos.

#![expect(clippy::unwrap_used, reason = "a test panics where it cannot go on")]

mod bed;
mod browser;
mod determinism;
mod failure;
mod folder;
mod generate;
mod hls;
mod kill;
mod lock;
