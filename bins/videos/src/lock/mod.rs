//! The lock file, the hashes in it, and the state of an output directory.
//!
//! This module holds everything that is recorded of a finished video, and compares files with it. It
//! makes no video and prints nothing. It depends on the catalog, ffmpeg and the containers.

mod hashes;
mod layers;
mod lock_file;
mod state;

pub(crate) use hashes::{Hashes, Sha256};
pub(crate) use layers::layers;
pub(crate) use lock_file::{Lock, LockMode, Record, changed_layers};
pub(crate) use state::{PREFIX, Snapshot, State, Status};
