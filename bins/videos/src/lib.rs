//! Test videos from a catalog, byte for byte the same each time.
//!
//! [`generate`] drives ffmpeg with everything that could vary pinned ([`encoder`]), fills the file
//! up to its exact size ([`padding`]), looks at the result ([`probe`]) and only then gives it its
//! name. What came out is recorded in the [`lock`]; a run with nothing to do is recognised by the
//! [`state`] in the output directory and starts no ffmpeg at all.

pub mod catalog;
pub mod cli;
mod config_file;
pub mod encoder;
pub mod generate;
pub mod list;
pub mod lock;
pub mod padding;
pub mod probe;
mod process;
mod progress;
pub mod state;
pub mod tone;
pub mod verify;

pub use config_file::ConfigError;
pub use process::ProcessError;
