//! Hashes of the files that an entry of the catalog made.

use std::{collections::BTreeMap, path::Path};

use seedbed_metainfo::{DiskContent, File, Infohash, Metainfo, Options, ScanError};
use serde::{Deserialize, Serialize, de};
use sha2::{Digest as _, Sha256 as Hasher};

use super::Record;
use crate::{catalog::Video, ffmpeg::recipe};

/// A SHA-256, displayed as 64 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sha256(pub(crate) [u8; 32]);

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

/// Hashes of the files of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// Hash of the file; of a folder, the hash of the list that `sha256sum` prints of its files.
    pub(crate) sha256: Sha256,
    /// Length of the file, or of all files of the folder, in bytes.
    pub(crate) length: u64,
    /// Infohash of the file or folder, with its name and no other options.
    pub(crate) infohash: Infohash,
    /// Hashes of the HLS segments that exist, by variant.
    pub(crate) hls: BTreeMap<String, Sha256>,
}

impl Hashes {
    /// Hashes the file or folder of a video in the directory `out`, and its segments.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn of(video: &Video, out: &Path) -> Result<Self, seedbed_metainfo::Error> {
        let metainfo = metainfo(&out.join(video.root()))?;
        let hls = Self::hls_of(video, out)?;
        let sha256 = match metainfo.files() {
            [file] if metainfo.is_single_file() => Sha256(file.sha256),
            _ => list_hash(&metainfo),
        };
        let (length, infohash) = (metainfo.length(), metainfo.infohash());
        Ok(Self { sha256, length, infohash, hls })
    }

    /// Hashes the segments of a video only.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn hls_of(
        video: &Video,
        out: &Path,
    ) -> Result<BTreeMap<String, Sha256>, seedbed_metainfo::Error> {
        let mut hls = BTreeMap::new();
        for variant in ["fmp4", "ts"].into_iter().filter(|_| video.segment_seconds.is_some()) {
            let directory = out.join(video.hls_root()).join(variant);
            if !directory.exists() {
                continue;
            }
            match metainfo(&directory) {
                Ok(metainfo) => hls.insert(variant.to_owned(), list_hash(&metainfo)),
                // An empty directory counts as none.
                Err(seedbed_metainfo::Error::Scan(ScanError::Empty(_))) => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(hls)
    }

    /// Whether a record has the hashes of the same files.
    #[must_use]
    pub(crate) fn match_record(&self, record: &Record) -> bool {
        self.sha256 == record.sha256 && self.hls == record.hls
    }

    /// Returns the record of a video with these hashes.
    #[must_use]
    pub(crate) fn into_record(
        self,
        video: &Video,
        encoder: String,
        layers: BTreeMap<String, Sha256>,
    ) -> Record {
        let Self { sha256, length, infohash, hls } = self;
        let (recipe, flags) = (video.fingerprint(), recipe::flags(video));
        Record { sha256, length, infohash, recipe, encoder, flags, layers, hls }
    }
}

fn metainfo(path: &Path) -> Result<Metainfo, seedbed_metainfo::Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let content = DiskContent::scan(path, folder.unwrap_or(Path::new(".")))?;
    Metainfo::build(&content, &Options::default())
}

/// Hashes the list that `sha256sum` prints of all files.
fn list_hash(metainfo: &Metainfo) -> Sha256 {
    let line = |file: &File| format!("{}  {}\n", hex::encode(file.sha256), file.path);
    let list = metainfo.files().iter().map(line).collect::<String>();
    Sha256(Hasher::digest(list).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::stock;

    fn record() -> (Video, Hashes, Record) {
        let directory = tempfile::tempdir().unwrap();
        let mut video = stock().videos.swap_remove(0);
        video.segment_seconds = None;
        std::fs::write(directory.path().join(video.root()), b"content").unwrap();
        let hashes = Hashes::of(&video, directory.path()).unwrap();
        let layers = BTreeMap::from([("container".to_owned(), hashes.sha256)]);
        let record = hashes.clone().into_record(&video, "ffmpeg 5, x264 1".into(), layers);
        (video, hashes, record)
    }

    #[test]
    fn a_file_is_hashed_as_a_whole() {
        let (_, hashes, record) = record();
        assert_eq!(hashes.sha256.to_string(), seedbed_testkit::sha256(b"content"));
        assert_eq!(hashes.length, 7);
        assert!(hashes.match_record(&record));
    }

    #[test]
    fn the_hash_of_a_folder_is_the_hash_of_its_list_of_files() {
        let directory = tempfile::tempdir().unwrap();
        let (mut video, ..) = record();
        video.episodes = Some(1.try_into().unwrap());
        let folder = directory.path().join(video.root());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("b"), b"content").unwrap();
        std::fs::write(folder.join("a"), b"content").unwrap();
        let hash = seedbed_testkit::sha256(b"content");
        let list = seedbed_testkit::sha256(format!("{hash}  a\n{hash}  b\n").as_bytes());
        assert_eq!(Hashes::of(&video, directory.path()).unwrap().sha256.to_string(), list);
    }
}
