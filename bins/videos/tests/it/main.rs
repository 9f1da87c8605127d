//! The real binary and the real ffmpeg, on a catalog of tiny videos.

#![expect(clippy::unwrap_used, reason = "a test panics where it cannot go on")]

mod bed;
mod failure;
mod generate;
mod lock;
