//! `clean`: removes the files that `generate` made, and no others.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use seedbed_service::{Shutdown, startup};

use super::{generate, output_directory, progress::Progress};
use crate::{catalog::Video, lock::State};

/// Removes the files of `videos` with their segments and state, and prints their names on stdout.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn run(
    videos: &[Video],
    whole_catalog: bool,
    out: &Path,
    shutdown: &Shutdown,
) -> Result<(), generate::Error> {
    if !out.exists() {
        return Ok(());
    }
    let out_error = |error| generate::Error::Out(out.to_owned(), error);
    let _locked_for_this_run = output_directory::open(out, &Progress::default(), shutdown)
        .map_err(generate::Error::open(out))?;
    let mut state = State::read(out);
    for video in videos {
        let removed =
            [video.root(), video.hls_root()].map(|path| remove(&out.join(path)).map_err(out_error));
        state.forget(video);
        let [removed, segments] = removed;
        if removed? | segments? {
            startup::line(format_args!("removed {}", video.name));
        }
    }
    if whole_catalog {
        remove(&State::path(out)).map_err(out_error)?;
        // The directory stays if it holds segments of another catalog.
        let _not_empty = fs::remove_dir(out.join(".hls"));
    } else {
        state.write(out).map_err(out_error)?;
    }
    Ok(())
}

/// Removes a file or folder. Returns whether it existed.
fn remove(path: &PathBuf) -> io::Result<bool> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
