//! The metainfo (BEP 3): the info dictionary, its infohash, and the .torrent file around it.

use std::{io, path::Path, sync::Arc};

use librqbit_bencode::raw_value::RawValue;
use percent_encoding::utf8_percent_encode;
use sha1::{Digest as _, Sha1};

use crate::{
    Content, ContentFile, DiskContent, HashCache, Infohash, MagnetLink, Padded, PieceLength,
    Progress, ScanError,
    content::total_length,
    hashing::{self, Failure, Hashes},
    info::{Info, TorrentDictionary, bencode},
    magnet_link::UNRESERVED,
};

/// The settings of an info dictionary.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The piece length; `None` chooses one by the length of the content.
    pub piece_length: Option<PieceLength>,
    /// Namespace, written as `source`: another one gives other infohashes for the same content.
    pub source: Option<String>,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// Whether to align each file to a piece, with pad files in between (BEP 47).
    pub pads: bool,
}

/// The complete description of a torrent.
#[derive(Clone, Debug)]
pub struct Metainfo {
    info: Vec<u8>,
    infohash: Infohash,
    name: String,
    single_file: bool,
    length: u64,
    piece_length: PieceLength,
    piece_count: usize,
    pads: bool,
    private: bool,
    files: Vec<File>,
}

/// One file of a torrent, with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path below the torrent's folder, or the single file's name; `/` between components.
    pub path: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Why metainfo could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path cannot be scanned.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A file could not be examined before it was hashed.
    #[error("failed to examine the files of {content}")]
    Examine {
        /// The content's name.
        content: String,
        /// Why.
        source: io::Error,
    },
    /// [`Progress::interrupt`] was called.
    #[error("failed to hash {0}: interrupted")]
    Interrupted(String),
    /// A file could not be read while it was hashed.
    #[error("failed to hash {file} of {content}")]
    Hash {
        /// The content's name.
        content: String,
        /// The file's path in it.
        file: String,
        /// Why.
        source: io::Error,
    },
}

impl Metainfo {
    /// Pins and hashes `content`, and describes it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn build(content: &dyn Content, options: &Options) -> Result<Self, Error> {
        Self::build_with(content, options, &Progress::default(), None)
    }

    /// As [`Metainfo::build`], with `progress` to watch and to interrupt it, and a `cache` of hashes.
    ///
    /// # Errors
    /// A file cannot be read, or the hashing was interrupted.
    pub fn build_with(
        content: &dyn Content,
        options: &Options,
        progress: &Progress,
        cache: Option<&HashCache>,
    ) -> Result<Self, Error> {
        let length = total_length(content);
        let piece_length = options.piece_length.unwrap_or_else(|| PieceLength::for_length(length));
        let padded;
        let content: &dyn Content = if options.pads {
            padded = Padded::new(content, piece_length);
            &padded
        } else {
            content
        };
        content
            .pin()
            .map_err(|source| Error::Examine { content: content.name().to_owned(), source })?;
        let hash = || hashing::hash(content, piece_length.bytes(), progress);
        let hashes = match cache {
            Some(cache) => cache.hashes(content, piece_length, progress, hash),
            None => hash(),
        };
        let Hashes { pieces, files } = hashes.map_err(|failure| match failure {
            Failure::Interrupted => Error::Interrupted(content.name().to_owned()),
            Failure::Read(index, source) => Error::Hash {
                content: content.name().to_owned(),
                file: content.files()[index].display_path(),
                source,
            },
        })?;
        let info = bencode(&Info::new(content, piece_length, &pieces, options));
        let file = |(file, sha256): (&ContentFile, [u8; 32])| File {
            path: file.display_path(),
            length: file.length,
            sha256,
        };
        let files = content.files().iter().zip(files).filter(|(file, _)| !file.is_pad);
        Ok(Self {
            infohash: Infohash::new(Sha1::digest(&info).into()),
            info,
            name: content.name().to_owned(),
            single_file: content.is_single_file(),
            length,
            piece_length,
            piece_count: pieces.len(),
            pads: options.pads,
            private: options.private,
            files: files.map(file).collect(),
        })
    }

    /// Describes the single file at `path`, with default options.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let content = DiskContent::scan(path, folder.unwrap_or(Path::new(".")))?;
        Self::build(&content, &Options::default())
    }

    /// SHA-1 of the info dictionary.
    #[must_use]
    pub fn infohash(&self) -> Infohash {
        self.infohash
    }

    /// The metainfo's `name`: the file's or the folder's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it describes a single file instead of a folder.
    #[must_use]
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    /// Length of all files, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes each piece hash covers; the last piece may be shorter.
    #[must_use]
    pub fn piece_length(&self) -> PieceLength {
        self.piece_length
    }

    /// The number of pieces.
    #[must_use]
    pub fn piece_count(&self) -> usize {
        self.piece_count
    }

    /// Whether it is private (BEP 27).
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The files, in the order of their bytes.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Adds the pad files of this metainfo to `content`, so that its files are exactly those of the
    /// info dictionary.
    #[must_use]
    pub fn laid_out(&self, content: Arc<dyn Content>) -> Arc<dyn Content> {
        if self.pads { Arc::new(Padded::new(content, self.piece_length)) } else { content }
    }

    /// The .torrent file, with tiers of trackers (BEP 12) and web seeds (BEP 19).
    ///
    /// A web seed is given by the base URL below which the content's file or folder is.
    #[must_use]
    pub fn to_torrent(&self, tiers: &[Vec<String>], web_seeds: &[String]) -> Vec<u8> {
        let tiers = || tiers.iter().filter(|tier| !tier.is_empty());
        bencode(&TorrentDictionary {
            announce: tiers().flatten().next().map(String::as_str),
            announce_list: tiers().map(Vec::as_slice).collect(),
            info: RawValue(&self.info),
            url_list: self.web_seed_urls(web_seeds),
        })
    }

    /// The magnet link (BEP 9). It has no tiers, and lists all trackers in their order.
    #[must_use]
    pub fn magnet_link(&self, tiers: &[Vec<String>], web_seeds: &[String]) -> MagnetLink {
        MagnetLink {
            infohash: self.infohash,
            name: Some(self.name.clone()),
            length: Some(self.length),
            trackers: tiers.concat(),
            web_seeds: self.web_seed_urls(web_seeds),
        }
    }

    /// The URL of a single file, or that to which a client appends a folder's name and a file's
    /// path (BEP 19).
    fn web_seed_urls(&self, bases: &[String]) -> Vec<String> {
        let url = |base: &String| {
            let base = base.trim_end_matches('/');
            let name = if self.single_file { self.name.as_str() } else { "" };
            format!("{base}/{}", utf8_percent_encode(name, UNRESERVED))
        };
        bases.iter().map(url).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Memory, pattern};

    fn build(content: &Memory) -> Metainfo {
        Metainfo::build(content, &Options::default()).unwrap()
    }

    fn info_of(metainfo: &Metainfo) -> String {
        metainfo.info.escape_ascii().to_string()
    }

    #[test]
    fn the_info_dictionary_of_a_single_file_is_canonical_bencode() {
        let metainfo = build(&Memory::file(b"abc".to_vec()));
        let piece = Sha1::digest(b"abc").escape_ascii().to_string();
        assert_eq!(
            info_of(&metainfo),
            format!("d6:lengthi3e4:name5:f.bin12:piece lengthi16384e6:pieces20:{piece}e")
        );
        assert_eq!(metainfo.infohash().as_bytes(), &<[u8; 20]>::from(Sha1::digest(&metainfo.info)));
    }

    #[test]
    fn a_folder_lists_its_files_with_their_paths() {
        let metainfo = build(&Memory::folder(&[1, 0]));
        let start =
            "d5:filesld6:lengthi1e4:pathl1:d1:0eed6:lengthi0e4:pathl1:d1:1eee4:name6:folder";
        assert!(info_of(&metainfo).starts_with(start), "{}", info_of(&metainfo));
    }

    #[test]
    fn there_is_one_hash_for_each_started_piece_and_none_more() {
        const PIECE: usize = 16 << 10;
        for (length, pieces) in
            [(1, 1), (PIECE - 1, 1), (PIECE, 1), (PIECE + 1, 2), (2 * PIECE, 2), (64 * PIECE, 64)]
        {
            assert_eq!(build(&Memory::file(pattern(length))).piece_count(), pieces, "{length}");
        }
    }

    #[test]
    fn pieces_run_across_files_and_an_empty_last_file_adds_none() {
        const PIECE: usize = 16 << 10;
        let metainfo = build(&Memory::folder(&[PIECE - 1, 0, 2, PIECE, 0]));
        let stream: Vec<u8> =
            [PIECE - 1, 2, PIECE].iter().flat_map(|&length| pattern(length)).collect();
        let hashes: Vec<u8> = stream.chunks(PIECE).flat_map(Sha1::digest).collect();
        assert_eq!(metainfo.piece_count(), 3);
        let hashes = format!("6:pieces60:{}e", hashes.escape_ascii());
        assert!(info_of(&metainfo).ends_with(&hashes));
    }

    #[test]
    fn many_pieces_hashed_side_by_side_are_those_hashed_one_by_one() {
        let bytes = pattern(10_000_019);
        let metainfo = build(&Memory::file(bytes.clone()));
        let hashes: Vec<u8> =
            bytes.chunks(metainfo.piece_length().bytes() as usize).flat_map(Sha1::digest).collect();
        assert!(metainfo.info.windows(hashes.len()).any(|window| window == hashes));
        let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
        assert_eq!(metainfo.files()[0].sha256, sha256);
    }

    #[test]
    fn a_namespace_gives_another_infohash_and_always_the_same() {
        let build = |source: Option<&str>| {
            let options = Options { source: source.map(str::to_owned), ..Options::default() };
            Metainfo::build(&Memory::file(b"abc".to_vec()), &options).unwrap().infohash()
        };
        assert_ne!(build(None), build(Some("a")));
        assert_ne!(build(Some("a")), build(Some("b")));
        assert_eq!(build(Some("a")), build(Some("a")));
    }

    #[test]
    fn private_and_piece_length_take_effect() {
        let options = Options {
            piece_length: Some(PieceLength::new(32 << 10).unwrap()),
            private: true,
            ..Options::default()
        };
        let metainfo = Metainfo::build(&Memory::file(pattern(40_000)), &options).unwrap();
        assert_eq!(metainfo.piece_count(), 2);
        assert!(info_of(&metainfo).ends_with("7:privatei1ee"));
    }

    #[test]
    fn the_torrent_file_holds_the_very_bytes_that_were_hashed() {
        let metainfo = build(&Memory::file(b"abc".to_vec()));
        let tiers = [&["http://t/announce", "udp://t:1"][..], &["udp://u:1"]]
            .map(|tier| tier.iter().map(|&url| url.to_owned()).collect());
        let torrent = metainfo.to_torrent(&tiers, &["http://w/".to_owned()]);
        let expected = format!(
            "d8:announce17:http://t/announce\
             13:announce-listll17:http://t/announce9:udp://t:1el9:udp://u:1ee\
             4:info{}8:url-listl14:http://w/f.binee",
            info_of(&metainfo)
        );
        assert_eq!(torrent.escape_ascii().to_string(), expected);
    }

    #[test]
    fn a_file_that_shrank_is_an_error_that_names_it() {
        let mut content = Memory::file(pattern(20_000));
        content.bytes[0].truncate(10_000);
        let error = Metainfo::build(&content, &Options::default()).unwrap_err();
        assert_eq!(error.to_string(), "failed to hash f.bin of f.bin");
    }
}
