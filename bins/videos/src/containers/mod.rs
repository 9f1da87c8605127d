//! Containers: the bytes of a file that are around and between its encoded packets.
//!
//! This module reads and pads MP4, writes Matroska, cuts HLS segments, and holds the packets that no
//! encoder makes (subtitles and Opus). It does not encode, and takes no hashes. It depends on the
//! catalog and ffmpeg.

mod ebml;
pub(crate) mod hls;
mod matroska;
pub(crate) mod mp4;
mod mux;
mod opus;
mod padding;
pub(crate) mod subtitles;

pub(crate) use mux::{MuxError, write_matroska};
pub(crate) use padding::{PadError, pad};
