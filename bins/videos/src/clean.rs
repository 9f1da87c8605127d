//! `clean`: removes what `generate` made, and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use seedbed_service::{Shutdown, startup};

use crate::{
    Video,
    generate::{self, hold, sweep},
    progress::Progress,
    state::{self, State},
};

/// Removes the files of `videos` and what belongs to them, and says so on stdout.
///
/// # Errors
/// A file cannot be removed.
pub fn run(
    videos: &[Video],
    whole_catalog: bool,
    out: &Path,
    shutdown: &Shutdown,
) -> Result<(), generate::Error> {
    if !out.exists() {
        return Ok(());
    }
    let out_error = |error| generate::Error::Out(out.to_owned(), error);
    let _held_to_the_end = hold(out, &Progress::default(), shutdown)?;
    sweep(out).map_err(out_error)?;
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
        remove(&state::path(out)).map_err(out_error)?;
        // Where segments of another catalog are left, it stays.
        let _not_empty = fs::remove_dir(out.join(".hls"));
    } else {
        state.write(out).map_err(out_error)?;
    }
    Ok(())
}

/// Removes a file or folder, and says whether there was one.
fn remove(path: &PathBuf) -> io::Result<bool> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
