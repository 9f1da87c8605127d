//! The metainfo (BEP 3): the info dictionary, its infohash, and the .torrent file around it.

use std::{io, path::Path};

use librqbit_bencode::{ByteBuf, bencode_serialize_to_writer, raw_value::RawValue};
use serde::Serialize;
use sha1::{Digest as _, Sha1};

use crate::{
    Content, ContentFile, DiskContent, Infohash, MagnetLink, PieceLength, ScanError,
    content::total_length, hashing,
};

/// What the info dictionary holds beyond the content.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Chosen by the length of the content where none is given.
    pub piece_length: Option<PieceLength>,
    /// Namespace, written as `source`: another one gives other infohashes for the same content.
    pub source: Option<String>,
    /// Peers come from the trackers alone (BEP 27).
    pub private: bool,
}

/// A torrent's description, complete.
#[derive(Clone, Debug)]
pub struct Metainfo {
    info: Vec<u8>,
    infohash: Infohash,
    name: String,
    single_file: bool,
    length: u64,
    piece_length: PieceLength,
    piece_count: usize,
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

/// Why there is no metainfo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path is no content.
    #[error(transparent)]
    Scan(#[from] ScanError),
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

/// The dictionary that is hashed. The serializer writes the keys in their order (BEP 3).
#[derive(Serialize)]
struct Info<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<InfoFile<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    name: &'a str,
    #[serde(rename = "piece length")]
    piece_length: u32,
    pieces: ByteBuf<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct InfoFile<'a> {
    length: u64,
    path: &'a [String],
}

#[derive(Serialize)]
struct Torrent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    announce: Option<&'a str>,
    /// One tier each (BEP 12).
    #[serde(rename = "announce-list", skip_serializing_if = "Vec::is_empty")]
    announce_list: Vec<&'a [String]>,
    info: RawValue<&'a [u8]>,
    /// Web seeds (BEP 19).
    #[serde(rename = "url-list", skip_serializing_if = "<[String]>::is_empty")]
    url_list: &'a [String],
}

impl Metainfo {
    /// Hashes `content` and describes it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn build(content: &dyn Content, options: &Options) -> Result<Self, Error> {
        let length = total_length(content);
        let piece_length = options.piece_length.unwrap_or_else(|| PieceLength::for_length(length));
        let hashes = hashing::hash(content, piece_length.bytes()).map_err(|(index, source)| {
            Error::Hash {
                content: content.name().to_owned(),
                file: content.files()[index].display_path(),
                source,
            }
        })?;
        let single = content.is_single_file();
        let info = bencode(&Info {
            files: (!single).then(|| content.files().iter().map(InfoFile::of).collect()),
            length: single.then_some(length),
            name: content.name(),
            piece_length: piece_length.bytes(),
            pieces: ByteBuf::from(hashes.pieces.as_flattened()),
            private: options.private.then_some(1),
            source: options.source.as_deref(),
        });
        Ok(Self {
            infohash: Infohash::new(Sha1::digest(&info).into()),
            info,
            name: content.name().to_owned(),
            single_file: single,
            length,
            piece_length,
            piece_count: hashes.pieces.len(),
            files: content
                .files()
                .iter()
                .zip(hashes.files)
                .map(|(file, sha256)| File {
                    path: file.display_path(),
                    length: file.length,
                    sha256,
                })
                .collect(),
        })
    }

    /// Describes the single file at `path` with nothing but defaults.
    ///
    /// # Errors
    /// It cannot be read, or is empty.
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

    /// Whether it describes one file and no folder.
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

    /// How many pieces there are.
    #[must_use]
    pub fn piece_count(&self) -> usize {
        self.piece_count
    }

    /// The files, in the order of their bytes.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The .torrent file, with one tier for each tracker (BEP 12) and web seeds (BEP 19).
    #[must_use]
    pub fn to_torrent(&self, trackers: &[String], web_seeds: &[String]) -> Vec<u8> {
        bencode(&Torrent {
            announce: trackers.first().map(String::as_str),
            announce_list: trackers.chunks(1).collect(),
            info: RawValue(&self.info),
            url_list: web_seeds,
        })
    }

    /// The magnet link (BEP 9).
    #[must_use]
    pub fn magnet_link(&self, trackers: &[String], web_seeds: &[String]) -> MagnetLink {
        MagnetLink {
            infohash: self.infohash,
            name: self.name.clone(),
            length: self.length,
            trackers: trackers.to_vec(),
            web_seeds: web_seeds.to_vec(),
        }
    }
}

impl<'a> InfoFile<'a> {
    fn of(file: &'a ContentFile) -> Self {
        Self { length: file.length, path: &file.path }
    }
}

fn bencode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bencode_serialize_to_writer(value, &mut bytes)
        .expect("strings, integers, lists and dictionaries can be bencoded, and memory written");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in memory.
    struct Memory {
        single_file: bool,
        files: Vec<ContentFile>,
        bytes: Vec<Vec<u8>>,
    }

    impl Memory {
        fn file(bytes: Vec<u8>) -> Self {
            let path = vec!["f.bin".to_owned()];
            let file = ContentFile { path, length: bytes.len() as u64 };
            Self { single_file: true, files: vec![file], bytes: vec![bytes] }
        }

        fn folder(lengths: &[usize]) -> Self {
            let file = |(index, &length): (usize, &usize)| ContentFile {
                path: vec!["d".to_owned(), index.to_string()],
                length: length as u64,
            };
            Self {
                single_file: false,
                files: lengths.iter().enumerate().map(file).collect(),
                bytes: lengths.iter().map(|&length| pattern(length)).collect(),
            }
        }
    }

    impl Content for Memory {
        fn name(&self) -> &str {
            if self.single_file { "f.bin" } else { "folder" }
        }

        fn is_single_file(&self) -> bool {
            self.single_file
        }

        fn files(&self) -> &[ContentFile] {
            &self.files
        }

        fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            let bytes = self.bytes[file].get(offset..offset + buffer.len());
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
    }

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
            source: None,
        };
        let metainfo = Metainfo::build(&Memory::file(pattern(40_000)), &options).unwrap();
        assert_eq!(metainfo.piece_count(), 2);
        assert!(info_of(&metainfo).ends_with("7:privatei1ee"));
    }

    #[test]
    fn the_torrent_file_holds_the_very_bytes_that_were_hashed() {
        let metainfo = build(&Memory::file(b"abc".to_vec()));
        let trackers = ["http://t/announce".to_owned(), "udp://t:1".to_owned()];
        let torrent = metainfo.to_torrent(&trackers, &["http://w/f.bin".to_owned()]);
        let expected = format!(
            "d8:announce17:http://t/announce\
             13:announce-listll17:http://t/announceel9:udp://t:1ee\
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
