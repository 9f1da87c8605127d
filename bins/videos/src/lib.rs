//! Test videos from a catalog, byte for byte the same each time.
//!
//! [`mod@generate`] takes what is missing or changed of the [`catalog`] through `making`: [`encoder`]
//! drives ffmpeg with the arguments of `recipe`, which pins everything that could vary; the packets
//! become an MP4, filled up to its exact size ([`padding`]), or go into a Matroska file of our own
//! (`mux`); `probe` looks at the result, `hls` cuts it, and only then does it get its name. What came
//! out is recorded in the [`lock`]; a run with nothing to do is recognised by the [`state`] in the
//! output directory and starts no ffmpeg at all.

pub mod catalog;
pub mod clean;
pub mod cli;
mod commands;
mod config_file;
mod ebml;
pub mod encoder;
pub mod generate;
mod hls;
mod layers;
pub mod list;
pub mod lock;
mod making;
mod matroska;
mod mismatch;
mod mp4;
mod mux;
mod opus;
pub mod padding;
pub mod probe;
mod process;
mod progress;
mod recipe;
pub mod state;
pub mod subtitles;
pub mod tone;
mod values;
pub mod verify;
mod video;

pub use commands::{generate, run};
pub use config_file::ConfigError;
pub use making::MakeError;
pub use mismatch::Mismatch;
pub use mux::MuxError;
pub use process::ProcessError;
pub use values::{Language, Name, Side, Whole};
pub use video::{
    Audio, AudioCodec, Container, Media, PATCH_MARGIN, Pattern, Picture, PictureCodec, Preset,
    Video,
};
