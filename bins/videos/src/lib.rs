//! Test videos from a catalog, byte for byte the same on every machine.
//!
//! Rooms, each of which uses only those before it:
//!
//! * `catalog` parses the catalog into entries.
//! * `ffmpeg` encodes streams by a recipe that pins everything that could vary, and probes files.
//! * `containers` puts packets into MP4, Matroska and HLS files.
//! * `lock` records hashes of the results, so that a run with nothing to do starts no ffmpeg.
//! * [`cli`] parses the command line.
//! * `commands` generates, verifies, lists and removes videos.

mod catalog;
pub mod cli;
mod commands;
mod containers;
mod ffmpeg;
mod lock;

pub use commands::{generate, run};
