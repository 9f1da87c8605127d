//! ffmpeg: encodes streams by the recipe, copies them into MP4 files, and probes files.
//!
//! This module holds everything that starts ffmpeg or ffprobe, their arguments, and the samples that
//! ffmpeg encodes. It knows nothing of how bytes are laid out in a file, nor of the lock file. It
//! depends on the catalog alone.

mod encoder;
mod mismatch;
mod probe;
mod process;
pub(crate) mod recipe;
pub(crate) mod tone;

pub(crate) use encoder::{EncodeError, EncoderVersions, Ffmpeg};
pub(crate) use mismatch::{Mismatch, describe};
pub(crate) use probe::{Packet, ProbeError, Report};
pub(crate) use process::ProcessError;
