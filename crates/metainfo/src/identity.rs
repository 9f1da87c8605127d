//! How a file system tells one state of a file from another: device, inode, length and times.
//!
//! Every write moves the time at which the inode changed (`ctime`), and no program can set that
//! time back. It only moves in ticks of the kernel's clock, though: of two writes within one tick
//! the second leaves no trace. [`Identity::is_settled`] tells whether that can still happen.

use std::{
    fs, io,
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, Statx, StatxFlags, makedev, statx};

/// The identities of all files of a content. Two that are equal stand for the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<FileIdentity>,
}

/// The identity of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) length: u64,
    /// Seconds and nanoseconds.
    pub(crate) modified: [i64; 2],
    pub(crate) changed: [i64; 2],
}

impl Identity {
    /// Examines the files at `paths`, all of them at or below `root`.
    pub(crate) fn of(
        root: &Path,
        paths: impl IntoIterator<Item = PathBuf>,
    ) -> io::Result<Identity> {
        let files = paths.into_iter().map(|path| FileIdentity::at(&path)).collect::<Result<_, _>>();
        Ok(Self { root: fs::canonicalize(root)?, files: files? })
    }

    /// Whether at `now` all files have been left alone for `time`. A modification time counts too:
    /// a file system may have no other.
    pub(crate) fn is_settled(&self, now: SystemTime, time: Duration) -> bool {
        let newest = self.files.iter().flat_map(|file| [file.modified, file.changed]).max();
        newest.is_none_or(|newest| since_epoch(newest).saturating_add(time) < since_1970(now))
    }
}

impl FileIdentity {
    /// Examines the file at `path`.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: [metadata.mtime(), metadata.mtime_nsec()],
            changed: [metadata.ctime(), metadata.ctime_nsec()],
        })
    }

    /// Examines an open file.
    pub(crate) fn of_open(file: impl AsFd) -> io::Result<Self> {
        Self::examine(file, AtFlags::EMPTY_PATH)
    }

    /// As [`Self::of_open`], but without asking a remote file system, which might not answer.
    pub(crate) fn of_open_cached(file: impl AsFd) -> io::Result<Self> {
        Self::examine(file, AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC)
    }

    fn examine(file: impl AsFd, flags: AtFlags) -> io::Result<Self> {
        let Statx { stx_dev_major, stx_dev_minor, stx_ino, stx_size, stx_mtime, stx_ctime, .. } =
            statx(file, c"", flags, StatxFlags::BASIC_STATS)?;
        Ok(Self {
            device: makedev(stx_dev_major, stx_dev_minor),
            inode: stx_ino,
            length: stx_size,
            modified: [stx_mtime.tv_sec, stx_mtime.tv_nsec.into()],
            changed: [stx_ctime.tv_sec, stx_ctime.tv_nsec.into()],
        })
    }

    /// How `self` differs from the state `before` of the file in the same place; `None` if it does
    /// not.
    pub(crate) fn difference(&self, before: &Self) -> Option<&'static str> {
        if (self.device, self.inode) != (before.device, before.inode) {
            Some("another file has taken its place")
        } else if self.length != before.length {
            Some("its length is another")
        } else if self.modified != before.modified {
            Some("it was written to")
        } else if self.changed != before.changed {
            Some("it was written to, renamed, linked or removed")
        } else {
            None
        }
    }

    /// How long until a later change is certain to leave another `ctime`, if a clock's tick takes
    /// at most `tick`. A `ctime` in the future is as certain: no later write leaves the same.
    pub(crate) fn until_certain(&self, now: SystemTime, tick: Duration) -> Duration {
        let (changed, now) = (since_epoch(self.changed), since_1970(now));
        if changed > now { Duration::ZERO } else { (changed + tick).saturating_sub(now) }
    }
}

/// A file's time as a duration since 1970; earlier ones count as 1970.
fn since_epoch([seconds, nanoseconds]: [i64; 2]) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    seconds + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}

fn since_1970(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
