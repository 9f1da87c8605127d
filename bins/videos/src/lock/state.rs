//! The state of an output directory, by which a run with nothing to do need not read the videos.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Record, lock_file::write_atomically};
use crate::catalog::Video;

/// Prefix of the names of files in an output directory that are not videos.
pub(crate) const PREFIX: &str = ".seedbed-videos.";

/// The state of an output directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    video: BTreeMap<String, Entry>,
}

/// The files of a video when they were last hashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    snapshot: Snapshot,
    record: Record,
}

/// Length and modification time, in nanoseconds, of each file of a video. Taking it reads no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Snapshot(BTreeMap<String, (u64, i64)>);

impl Snapshot {
    /// Takes a snapshot of the files of a video in the directory `out`, including its segments.
    /// Returns `None` if the file or folder does not exist.
    ///
    /// # Errors
    /// The metadata of a file cannot be read.
    pub(crate) fn take(video: &Video, out: &Path) -> io::Result<Option<Self>> {
        let mut snapshot = Self::default();
        let root = video.root();
        snapshot.add(out, root.clone())?;
        if snapshot.0.is_empty() {
            return Ok(None);
        }
        if video.segment_seconds.is_some() {
            snapshot.add(out, video.hls_root())?;
        }
        Ok(Some(snapshot))
    }

    /// Adds the file, or all files of the folder, at `path` below `out`.
    fn add(&mut self, out: &Path, path: String) -> io::Result<()> {
        let metadata = match fs::metadata(out.join(&path)) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            for entry in fs::read_dir(out.join(&path))? {
                let name = entry?.file_name();
                self.add(out, format!("{path}/{}", name.to_string_lossy()))?;
            }
        } else {
            let modified_ns = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
            self.0.insert(path, (metadata.len(), modified_ns));
        }
        Ok(())
    }

    /// Total length without the segments.
    fn length(&self) -> u64 {
        let files = self.0.iter().filter(|(path, _)| !path.starts_with('.'));
        files.map(|(_, (length, _))| length).sum()
    }
}

/// How the files of a video compare to its entry in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// They are as they were when they were hashed.
    UpToDate(Record),
    /// They were modified. They are right if their hashes match one of these records.
    Modified(Vec<Record>),
    /// They must be generated: the catalog or the recipe changed, or their length is wrong.
    Stale,
    /// They do not exist.
    Missing,
}

impl State {
    /// Reads the state of an output directory. A file that is missing or invalid is an empty state,
    /// because the state only saves work.
    #[must_use]
    pub(crate) fn read(out: &Path) -> Self {
        let text = fs::read_to_string(Self::path(out)).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    /// Path of the file that holds the state of an output directory.
    pub(crate) fn path(out: &Path) -> PathBuf {
        out.join(format!("{PREFIX}toml"))
    }

    /// Writes the state of an output directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, out: &Path) -> io::Result<()> {
        write_atomically(&Self::path(out), &toml::to_string(self).map_err(io::Error::other)?)
    }

    /// Remembers what the files of a video are.
    pub(crate) fn record(&mut self, video: &Video, snapshot: Snapshot, record: Record) {
        let entry = Entry { snapshot, record };
        self.video.insert(video.name.to_string(), entry);
    }

    /// Forgets a video.
    pub(crate) fn forget(&mut self, video: &Video) {
        self.video.remove(video.name.as_str());
    }

    /// Compares files with the entry `video`.
    ///
    /// `locked` is the record in the lock file. With `strict`, only its hash is right.
    #[must_use]
    pub(crate) fn status(
        &self,
        video: &Video,
        snapshot: Option<Snapshot>,
        locked: Option<&Record>,
        strict: bool,
    ) -> Status {
        let Some(snapshot) = snapshot else { return Status::Missing };
        let recipe = video.fingerprint();
        let possible = |record: &Record| {
            record.recipe == recipe
                && record.length == snapshot.length()
                && (!strict || locked.is_some_and(|locked| locked.sha256 == record.sha256))
        };
        let entry = self.video.get(video.name.as_str()).filter(|entry| possible(&entry.record));
        if let Some(entry) = entry
            && entry.snapshot == snapshot
        {
            return Status::UpToDate(entry.record.clone());
        }
        let candidates = entry.map(|entry| &entry.record).into_iter().chain(locked);
        let candidates = candidates.filter(|record| possible(record)).cloned().collect::<Vec<_>>();
        if candidates.is_empty() { Status::Stale } else { Status::Modified(candidates) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::stock, lock::Hashes};

    fn snapshot(length: u64, modified_ns: i64) -> Snapshot {
        Snapshot(BTreeMap::from([(video().root(), (length, modified_ns))]))
    }

    fn video() -> Video {
        let mut video = stock().videos.swap_remove(0);
        video.segment_seconds = None;
        video
    }

    fn record(content: &str) -> Record {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(video().root()), content).unwrap();
        let hashes = Hashes::of(&video(), directory.path()).unwrap();
        hashes.into_record(&video(), "an encoder".into(), BTreeMap::new())
    }

    fn state() -> State {
        let mut state = State::default();
        state.record(&video(), snapshot(4, 100), record("this"));
        state
    }

    #[test]
    fn a_file_with_the_recorded_snapshot_is_up_to_date() {
        let status = state().status(&video(), Some(snapshot(4, 100)), None, false);
        assert_eq!(status, Status::UpToDate(record("this")));
    }

    #[test]
    fn a_file_with_another_modification_time_is_hashed() {
        let snapshot = snapshot(4, 101);
        let status = state().status(&video(), Some(snapshot), None, false);
        assert_eq!(status, Status::Modified(vec![record("this")]));
    }

    #[test]
    fn a_file_of_another_length_is_generated() {
        let snapshot = snapshot(5, 100);
        assert_eq!(state().status(&video(), Some(snapshot), None, false), Status::Stale);
    }

    #[test]
    fn a_file_of_another_entry_is_generated() {
        let mut changed = video();
        changed.seconds = 29.try_into().unwrap();
        assert_eq!(state().status(&changed, Some(snapshot(4, 100)), None, false), Status::Stale);
    }

    #[test]
    fn a_file_that_does_not_exist_is_missing() {
        assert_eq!(state().status(&video(), None, None, false), Status::Missing);
    }

    #[test]
    fn a_file_without_state_may_match_the_lock_file() {
        let status =
            State::default().status(&video(), Some(snapshot(4, 100)), Some(&record("lock")), false);
        assert_eq!(status, Status::Modified(vec![record("lock")]));
        assert_eq!(
            State::default().status(&video(), Some(snapshot(4, 100)), None, false),
            Status::Stale
        );
    }

    #[test]
    fn in_strict_mode_only_the_hash_of_the_lock_file_is_right() {
        let of = |locked: &str| {
            state().status(&video(), Some(snapshot(4, 100)), Some(&record(locked)), true)
        };
        assert_eq!(of("this"), Status::UpToDate(record("this")));
        assert_eq!(of("that"), Status::Modified(vec![record("that")]));
        assert_eq!(of("other"), Status::Stale);
    }

    #[test]
    fn a_snapshot_has_every_file_of_a_folder() {
        let directory = tempfile::tempdir().unwrap();
        let mut video = video();
        video.episodes = Some(2.try_into().unwrap());
        assert_eq!(Snapshot::take(&video, directory.path()).unwrap(), None);
        let folder = directory.path().join(video.root());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "12").unwrap();
        let before = Snapshot::take(&video, directory.path()).unwrap().unwrap();
        fs::write(folder.join("b"), "345").unwrap();
        let after = Snapshot::take(&video, directory.path()).unwrap().unwrap();
        assert_ne!(before, after);
        assert_eq!((before.length(), after.length()), (2, 5));
    }

    #[test]
    fn an_invalid_state_file_is_an_empty_state() {
        let directory = tempfile::tempdir().unwrap();
        state().write(directory.path()).unwrap();
        assert_eq!(State::read(directory.path()).video.len(), 1);
        fs::write(State::path(directory.path()), "video = 7").unwrap();
        assert!(State::read(directory.path()).video.is_empty());
    }
}
