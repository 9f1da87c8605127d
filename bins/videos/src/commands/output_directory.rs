//! The output directory: one run at a time, and no leftovers of runs that were killed.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    thread,
    time::Duration,
};

use seedbed_service::Shutdown;

use super::progress::Progress;
use crate::lock::{PREFIX, State};

/// How often a run that waits for another one tries again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// An output directory that cannot be opened for a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The directory cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Shutdown was requested.
    #[error("interrupted")]
    Interrupted,
}

/// Locks an existing output directory for this run, and removes what killed runs left in it. The
/// kernel releases the lock when the process ends, however it ends.
///
/// # Errors
/// The directory cannot be read or written, or `shutdown` is requested during the wait for another
/// run.
pub(crate) fn open(
    out: &Path,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<File, OpenError> {
    let directory = File::open(out)?;
    let mut announced = false;
    loop {
        match directory.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if shutdown.is_cancelled() => {
                return Err(OpenError::Interrupted);
            }
            Err(TryLockError::WouldBlock) => {
                if !announced {
                    progress.line(format_args!("waiting for another run in {}", out.display()));
                    announced = true;
                }
                thread::sleep(RETRY_INTERVAL);
            }
        }
    }
    remove_leftovers(out)?;
    Ok(directory)
}

fn remove_leftovers(out: &Path) -> io::Result<()> {
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.path() != State::path(out) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
