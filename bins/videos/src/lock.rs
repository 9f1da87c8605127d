//! The lock file: what came out of the catalog, where it was last recorded.

use std::{
    collections::BTreeMap, fs::Permissions, io, io::Write as _, os::unix::fs::PermissionsExt as _,
    path::Path,
};

use seedbed_metainfo::{Infohash, Metainfo};
use serde::{Deserialize, Serialize, de};

use crate::{ConfigError, catalog::Video, config_file};

const HEADER: &str = "\
# What `seedbed-videos generate` made of the catalog. Written by it: `--update-lock` renews it.
";

/// The lock file, by name of the video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of the form of this file.
    version: Version,
    /// What is known of each video.
    #[serde(default)]
    pub video: BTreeMap<String, Made>,
}

/// Version 1 of the lock file's form.
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

/// What came out of a catalog entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Hash of the file.
    pub sha256: Sha256,
    /// Length of the file in bytes.
    pub length: u64,
    /// Infohash of the file alone, with its name and nothing else given.
    pub infohash: Infohash,
    /// Fingerprint of the catalog entry and the recipe.
    pub recipe: String,
    /// Who made it.
    pub encoder: String,
}

/// A SHA-256, printed as 64 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256([u8; 32]);

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| {
            de::Error::custom(format!("wanted a SHA-256 of 64 hex digits, got {text:?}"))
        })?;
        Ok(Self(bytes))
    }
}

/// The hashes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Hash of the file.
    pub sha256: Sha256,
    /// Length of the file in bytes.
    pub length: u64,
    /// Infohash of the file alone.
    pub infohash: Infohash,
}

impl Hashes {
    /// Hashes a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, seedbed_metainfo::Error> {
        let metainfo = Metainfo::of_file(path)?;
        let [file] = metainfo.files() else { unreachable!("one file is one file") };
        Ok(Self {
            sha256: Sha256(file.sha256),
            length: metainfo.length(),
            infohash: metainfo.infohash(),
        })
    }

    /// The record of a video that has these hashes.
    #[must_use]
    pub fn made(self, video: &Video, encoder: String) -> Made {
        let Self { sha256, length, infohash } = self;
        Made { sha256, length, infohash, recipe: video.fingerprint(), encoder }
    }
}

impl Lock {
    /// Reads a lock file; one that is not there is empty.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match config_file::read(path) {
            Ok(text) => config_file::parse(&text),
            Err(ConfigError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { version: Version, video: BTreeMap::new() })
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the lock file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        write_atomically(path, &format!("{HEADER}\n{text}"))
    }
}

/// Writes a file under a temporary name in its directory, and renames it.
pub(crate) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".seedbed-videos.")
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

    fn hashes() -> Hashes {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mp4");
        std::fs::write(&path, b"content").unwrap();
        Hashes::of_file(&path).unwrap()
    }

    fn lock() -> Lock {
        let Hashes { sha256, length, infohash } = hashes();
        let made = Made {
            sha256,
            length,
            infohash,
            recipe: "r".into(),
            encoder: "ffmpeg 5, x264 1".into(),
        };
        Lock { version: Version, video: BTreeMap::from([("a.b".into(), made)]) }
    }

    #[test]
    fn the_hashes_are_those_of_the_file() {
        let hashes = hashes();
        assert_eq!(hashes.sha256.to_string(), seedbed_testkit::sha256(b"content"));
        assert_eq!(hashes.length, 7);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock.toml");
        assert!(Lock::read(&path).unwrap().video.is_empty());
        lock().write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let text = toml::to_string(&lock()).unwrap();
        let error = |wrong: &str| config_file::parse::<Lock>(wrong).unwrap_err().to_string();
        let message = error(&text.replace("version = 1", "version = 2"));
        assert_eq!(message, "line 1: version: wanted 1, got 2");
        let message = error(&text.replace("sha256 = \"ed", "sha256 = \"xx"));
        assert!(
            message.starts_with("line 4: sha256: wanted a SHA-256 of 64 hex digits"),
            "{message}"
        );
    }
}
