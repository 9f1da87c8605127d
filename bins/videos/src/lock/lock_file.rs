//! The lock file: the result of each entry of the catalog, as last recorded.

use std::{
    collections::BTreeMap, fs::Permissions, io, io::Write as _, os::unix::fs::PermissionsExt as _,
    path::Path,
};

use seedbed_metainfo::Infohash;
use serde::{Deserialize, Serialize};

use super::{PREFIX, Sha256};
use crate::catalog::{ConfigError, toml_file};

const HEADER: &str = "\
# The results of `seedbed-videos generate`, which writes this file: `--update-lock` renews it.
";

/// What `generate` does with the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Add the records that are missing, and report videos that differ from theirs.
    AddMissing,
    /// Fail if a video differs from its record.
    Enforce,
    /// Overwrite all records.
    Overwrite,
}

/// The contents of the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// Version of the format.
    version: Version,
    /// The record of each video, by name.
    #[serde(default)]
    pub(crate) video: BTreeMap<String, Record>,
}

/// Version 1 of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
struct Version;

impl TryFrom<i64> for Version {
    type Error = String;

    fn try_from(version: i64) -> Result<Self, String> {
        if version == 1 { Ok(Self) } else { Err(format!("wanted 1, got {version}")) }
    }
}

impl From<Version> for i64 {
    fn from(_: Version) -> Self {
        1
    }
}

/// The result of a catalog entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Hash of the file; of a folder, the hash of the list that `sha256sum` prints of its files.
    pub(crate) sha256: Sha256,
    /// Length of the file, or of all files of the folder, in bytes.
    pub(crate) length: u64,
    /// Infohash of the file or folder, with its name and no other options.
    pub(crate) infohash: Infohash,
    /// Fingerprint of the catalog entry and the recipe.
    pub(crate) recipe: String,
    /// Versions of the encoders.
    pub(crate) encoder: String,
    /// Settings of the encoders.
    pub(crate) flags: String,
    /// Hashes of the layers of the file, or of each file of the folder; see [`super::layers()`].
    pub(crate) layers: BTreeMap<String, Sha256>,
    /// Hashes of the HLS segments, by variant: of the list that `sha256sum` prints of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) hls: BTreeMap<String, Sha256>,
}

/// Names the layers that differ.
#[must_use]
pub(crate) fn changed_layers(a: &Record, b: &Record) -> Vec<String> {
    let differs = |name: &&String| a.layers.get(*name) != b.layers.get(*name);
    let names = a.layers.keys().chain(b.layers.keys().filter(|name| !a.layers.contains_key(*name)));
    names.filter(differs).cloned().collect()
}

impl Lock {
    /// Reads a lock file. One that does not exist is empty.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is invalid.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        match toml_file::read(path) {
            Ok(text) => toml_file::parse(&text),
            Err(ConfigError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { version: Version, video: BTreeMap::new() })
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the lock file atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        write_atomically(path, &format!("{HEADER}\n{text}"))
    }
}

/// Writes a file atomically: under a temporary name in its directory, which is then renamed.
pub(crate) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::stock, lock::Hashes};

    fn record() -> Record {
        let directory = tempfile::tempdir().unwrap();
        let mut video = stock().videos.swap_remove(0);
        video.segment_seconds = None;
        std::fs::write(directory.path().join(video.root()), b"content").unwrap();
        let hashes = Hashes::of(&video, directory.path()).unwrap();
        let layers = BTreeMap::from([("container".to_owned(), hashes.sha256)]);
        hashes.into_record(&video, "ffmpeg 5, x264 1".into(), layers)
    }

    fn lock() -> Lock {
        Lock { version: Version, video: BTreeMap::from([("a.b".into(), record())]) }
    }

    #[test]
    fn a_written_lock_file_reads_back_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock.toml");
        assert!(Lock::read(&path).unwrap().video.is_empty());
        lock().write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        let text = toml::to_string(&lock()).unwrap();
        let error = |wrong: &str| toml_file::parse::<Lock>(wrong).unwrap_err().to_string();
        let message = error(&text.replace("version = 1", "version = 2"));
        assert_eq!(message, "line 1: version: wanted 1, got 2");
        let message = error(&text.replace("sha256 = \"ed", "sha256 = \"xx"));
        assert!(
            message.starts_with("line 4: sha256: wanted a SHA-256 of 64 hex digits"),
            "{message}"
        );
    }
}
