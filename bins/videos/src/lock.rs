//! The lock file: what came out of the catalog, where it was last recorded.

use std::{
    collections::BTreeMap, fs::Permissions, io, io::Write as _, os::unix::fs::PermissionsExt as _,
    path::Path,
};

use seedbed_metainfo::{DiskContent, File, Infohash, Metainfo, Options, ScanError};
use serde::{Deserialize, Serialize, de};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{ConfigError, Video, config_file, recipe};

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
    /// Hash of the file; of a folder, that of the list which `sha256sum` prints of its files.
    pub sha256: Sha256,
    /// Length of the file, or of all files of the folder, in bytes.
    pub length: u64,
    /// Infohash of the file or folder alone, with its name and nothing else given.
    pub infohash: Infohash,
    /// Fingerprint of the catalog entry and the recipe.
    pub recipe: String,
    /// Who made it.
    pub encoder: String,
    /// The settings of the encoders.
    pub flags: String,
    /// Hashes of what is in the file, see the module `layers`; in a folder, by file.
    pub layers: BTreeMap<String, Sha256>,
    /// Hashes of the HLS segments, by variant: of the list that `sha256sum` prints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hls: BTreeMap<String, Sha256>,
}

/// A SHA-256, printed as 64 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256(pub(crate) [u8; 32]);

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

/// The hashes of what an entry made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Hash of the file or folder.
    pub sha256: Sha256,
    /// Length in bytes.
    pub length: u64,
    /// Infohash of the file or folder alone.
    pub infohash: Infohash,
    /// Hashes of the HLS segments that are there, by variant.
    pub hls: BTreeMap<String, Sha256>,
}

impl Hashes {
    /// Hashes the file or folder of a video, and its segments, in the directory `out`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(video: &Video, out: &Path) -> Result<Self, seedbed_metainfo::Error> {
        let metainfo = describe(&out.join(video.root()))?;
        let hls = Self::hls_of(video, out)?;
        let sha256 = match metainfo.files() {
            [file] if metainfo.is_single_file() => Sha256(file.sha256),
            _ => list_hash(&metainfo),
        };
        let (length, infohash) = (metainfo.length(), metainfo.infohash());
        Ok(Self { sha256, length, infohash, hls })
    }

    /// Hashes the segments of a video alone.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn hls_of(
        video: &Video,
        out: &Path,
    ) -> Result<BTreeMap<String, Sha256>, seedbed_metainfo::Error> {
        let mut hls = BTreeMap::new();
        for variant in ["fmp4", "ts"].into_iter().filter(|_| video.segment_seconds.is_some()) {
            let directory = out.join(video.hls_root()).join(variant);
            if !directory.exists() {
                continue;
            }
            match describe(&directory) {
                Ok(metainfo) => hls.insert(variant.to_owned(), list_hash(&metainfo)),
                // As good as none.
                Err(seedbed_metainfo::Error::Scan(ScanError::Empty(_))) => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(hls)
    }

    /// Whether these are the hashes of what was made.
    #[must_use]
    pub fn are_of(&self, made: &Made) -> bool {
        self.sha256 == made.sha256 && self.hls == made.hls
    }

    /// The record of a video that has these hashes.
    #[must_use]
    pub fn made(self, video: &Video, encoder: String, layers: BTreeMap<String, Sha256>) -> Made {
        let Self { sha256, length, infohash, hls } = self;
        let (recipe, flags) = (video.fingerprint(), recipe::flags(video));
        Made { sha256, length, infohash, recipe, encoder, flags, layers, hls }
    }
}

/// The names of the layers that are not the same.
#[must_use]
pub(crate) fn drifted(a: &Made, b: &Made) -> Vec<String> {
    let differs = |name: &&String| a.layers.get(*name) != b.layers.get(*name);
    let names = a.layers.keys().chain(b.layers.keys().filter(|name| !a.layers.contains_key(*name)));
    names.filter(differs).cloned().collect()
}

fn describe(path: &Path) -> Result<Metainfo, seedbed_metainfo::Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let content = DiskContent::scan(path, folder.unwrap_or(Path::new(".")))?;
    Metainfo::build(&content, &Options::default())
}

/// The hash of the list that `sha256sum` prints of all files.
fn list_hash(metainfo: &Metainfo) -> Sha256 {
    let line = |file: &File| format!("{}  {}\n", hex::encode(file.sha256), file.path);
    let list = metainfo.files().iter().map(line).collect::<String>();
    Sha256(Hasher::digest(list).into())
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
    use crate::catalog::Catalog;

    fn made() -> (Video, Hashes, Made) {
        let directory = tempfile::tempdir().unwrap();
        let text = include_str!("../../../videos/catalog.toml");
        let mut video = Catalog::parse(text).unwrap().videos.swap_remove(0);
        video.segment_seconds = None;
        std::fs::write(directory.path().join(video.root()), b"content").unwrap();
        let hashes = Hashes::of(&video, directory.path()).unwrap();
        let layers = BTreeMap::from([("container".to_owned(), hashes.sha256)]);
        let made = hashes.clone().made(&video, "ffmpeg 5, x264 1".into(), layers);
        (video, hashes, made)
    }

    fn lock() -> Lock {
        Lock { version: Version, video: BTreeMap::from([("a.b".into(), made().2)]) }
    }

    #[test]
    fn the_hashes_are_those_of_the_file() {
        let (_, hashes, made) = made();
        assert_eq!(hashes.sha256.to_string(), seedbed_testkit::sha256(b"content"));
        assert_eq!(hashes.length, 7);
        assert!(hashes.are_of(&made));
    }

    #[test]
    fn the_hash_of_a_folder_is_that_of_the_list_of_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let (mut video, ..) = made();
        video.episodes = Some(1.try_into().unwrap());
        let folder = directory.path().join(video.root());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("b"), b"content").unwrap();
        std::fs::write(folder.join("a"), b"content").unwrap();
        let hash = seedbed_testkit::sha256(b"content");
        let list = seedbed_testkit::sha256(format!("{hash}  a\n{hash}  b\n").as_bytes());
        assert_eq!(Hashes::of(&video, directory.path()).unwrap().sha256.to_string(), list);
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
