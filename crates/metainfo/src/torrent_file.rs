//! Parses .torrent files from untrusted sources (BEP 3).

use sha1::{Digest as _, Sha1};

use crate::{
    ContentFile, Infohash,
    bencode::{self, Dict, Value},
    content::is_file_name,
};

/// The content of a .torrent file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorrentFile {
    /// SHA-1 of the bytes of the info dictionary.
    pub infohash: Infohash,
    /// The name of the file or folder: a single component of a path, and not `..`.
    pub name: String,
    /// Whether it describes a single file instead of a folder.
    pub is_single_file: bool,
    /// The files in the order of their bytes, pad files (BEP 47) included. No path leaves the folder.
    /// The path of a single file is its name.
    pub files: Vec<ContentFile>,
    /// Length of all files in bytes, without pad files.
    pub length: u64,
    /// How many bytes each piece hash covers.
    pub piece_length: u64,
    /// The number of pieces, which matches the files.
    pub piece_count: u64,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// The namespace.
    pub source: Option<String>,
    /// Announce URLs: tiers (BEP 12), or a single one.
    pub tiers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
}

/// Bytes that are no .torrent file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTorrentFile {
    /// They are not bencoded.
    #[error("wanted a .torrent file")]
    Malformed(#[from] bencode::Malformed),
    /// They have no info dictionary.
    #[error("wanted a .torrent file, got one without an info dictionary")]
    NoInfo,
    /// It has pieces of BEP 52 only.
    #[error("wanted a torrent of version 1, got one of version 2 (BEP 52) alone")]
    Version2,
    /// A field is missing or invalid.
    #[error("wanted the info dictionary's {field} to be {wanted}")]
    Field {
        /// Its key.
        field: &'static str,
        /// The valid values.
        wanted: &'static str,
    },
}

impl TorrentFile {
    /// Parses a .torrent file.
    ///
    /// # Errors
    /// The bytes are no .torrent file, or a field is missing or invalid.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTorrentFile> {
        let value = bencode::decode(bytes)?;
        let torrent = value.dict().ok_or(InvalidTorrentFile::NoInfo)?;
        let (Some(info), Some(raw)) =
            (torrent.get("info").and_then(Value::dict), torrent.raw("info"))
        else {
            return Err(InvalidTorrentFile::NoInfo);
        };
        if info.get("pieces").is_none() && info.get("file tree").is_some() {
            return Err(InvalidTorrentFile::Version2);
        }
        let name = info.get("name").and_then(component);
        let name = name.ok_or(invalid("name", "the name of a file, in UTF-8"))?;
        let is_single_file = info.get("files").is_none();
        let files = if is_single_file {
            let length = info.get("length").and_then(Value::unsigned);
            let length = length.ok_or(invalid("length", "a number of bytes"))?;
            vec![ContentFile::new(vec![name.clone()], length)]
        } else {
            let files = info.get("files").and_then(Value::list);
            files.and_then(|files| files.iter().map(file).collect::<Option<Vec<_>>>()).ok_or(
                invalid("files", "a list of files with a length and a path below the folder"),
            )?
        };
        let sum = |total: u64, file: &ContentFile| total.checked_add(file.length);
        let in_pieces = files.iter().try_fold(0, sum).filter(|&length| length > 0);
        let in_pieces = in_pieces.ok_or(invalid("length", "more than nothing, in 64 bits"))?;
        let piece_length = info.get("piece length").and_then(Value::unsigned);
        let piece_length =
            piece_length.filter(|&length| length > 0).ok_or(invalid("piece length", "positive"))?;
        let piece_count = in_pieces.div_ceil(piece_length);
        let pieces = info.get("pieces").and_then(Value::bytes);
        let whole = |pieces: &&[u8]| Some(pieces.len() as u64) == piece_count.checked_mul(20);
        pieces.filter(whole).ok_or(invalid("pieces", "20 bytes for each piece of the files"))?;
        Ok(Self {
            infohash: Infohash::new(Sha1::digest(raw).into()),
            name,
            is_single_file,
            length: files.iter().filter(|file| !file.is_pad).map(|file| file.length).sum(),
            files,
            piece_length,
            piece_count,
            private: info.get("private").and_then(Value::integer) == Some(1),
            source: info.get("source").and_then(Value::text).map(str::to_owned),
            tiers: tiers(torrent),
            web_seeds: torrent.get("url-list").map(texts).unwrap_or_default(),
        })
    }
}

const fn invalid(field: &'static str, wanted: &'static str) -> InvalidTorrentFile {
    InvalidTorrentFile::Field { field, wanted }
}

fn file(value: &Value<'_>) -> Option<ContentFile> {
    let file = value.dict()?;
    let path: Vec<_> = file.get("path")?.list()?.iter().map(component).collect::<Option<_>>()?;
    let is_pad = file.get("attr").and_then(Value::bytes).is_some_and(|attr| attr.contains(&b'p'));
    let length = file.get("length")?.unsigned()?;
    (!path.is_empty()).then_some(ContentFile { path, length, is_pad })
}

fn component(value: &Value<'_>) -> Option<String> {
    value.text().filter(|name| is_file_name(name)).map(str::to_owned)
}

/// With an `announce-list`, `announce` is not looked at (BEP 12).
fn tiers(torrent: &Dict<'_>) -> Vec<Vec<String>> {
    let mut tiers: Vec<_> = match torrent.get("announce-list").and_then(Value::list) {
        Some(tiers) => tiers.iter().map(texts).collect(),
        None => torrent.get("announce").map(texts).into_iter().collect(),
    };
    tiers.retain(|tier| !tier.is_empty());
    tiers
}

/// The texts of a list, or of one alone. What is none is left out, and so is the empty one.
fn texts(value: &Value<'_>) -> Vec<String> {
    let values = value.list().unwrap_or(std::slice::from_ref(value));
    let texts = values.iter().filter_map(Value::text).filter(|text| !text.is_empty());
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Metainfo, Options,
        memory::{Memory, pattern},
    };

    fn error(torrent: &str) -> String {
        TorrentFile::parse(torrent.as_bytes()).unwrap_err().to_string()
    }

    /// A .torrent file with this info dictionary, less its `d` and `e`.
    fn with_info(info: &str) -> String {
        format!("d4:infod{info}ee")
    }

    #[test]
    fn what_was_built_is_what_is_read() {
        let options = Options {
            source: Some("run-7".into()),
            private: true,
            pads: true,
            ..Options::default()
        };
        let metainfo = Metainfo::build(&Memory::folder(&[1, 0, 20_000]), &options).unwrap();
        let tiers = vec![vec!["http://a/announce".to_owned()], vec!["udp://b:1".to_owned()]];
        let torrent = metainfo.to_torrent(&tiers, &["http://w/".to_owned()]);
        let torrent = TorrentFile::parse(&torrent).unwrap();
        assert_eq!(torrent.infohash, metainfo.infohash());
        assert_eq!((torrent.name.as_str(), torrent.is_single_file), ("folder", false));
        assert_eq!(
            (torrent.length, torrent.piece_length, torrent.piece_count),
            (20_001, 16_384, 3)
        );
        assert_eq!((torrent.private, torrent.source.as_deref()), (true, Some("run-7")));
        assert_eq!((torrent.tiers, torrent.web_seeds), (tiers, vec!["http://w/".to_owned()]));
        let files: Vec<_> =
            torrent.files.iter().map(|file| (file.display_path(), file.is_pad)).collect();
        let pad = (".pad/16383".to_owned(), true);
        let [a, b, c] = ["d/0", "d/1", "d/2"].map(|path| (path.to_owned(), false));
        assert_eq!(files, [a, b, pad, c]);

        let metainfo = Metainfo::build(&Memory::file(pattern(3)), &Options::default()).unwrap();
        let torrent = TorrentFile::parse(&metainfo.to_torrent(&[], &[])).unwrap();
        assert_eq!(torrent.infohash, metainfo.infohash());
        assert_eq!((torrent.name.as_str(), torrent.is_single_file), ("f.bin", true));
        assert_eq!(torrent.files, [ContentFile::new(vec!["f.bin".into()], 3)]);
        assert_eq!((torrent.private, torrent.source), (false, None));
        assert!(torrent.tiers.is_empty() && torrent.web_seeds.is_empty());
    }

    #[test]
    fn one_tracker_and_one_web_seed_may_stand_without_a_list() {
        let info = "6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa";
        let torrent = format!("d8:announce5:udp:x4:infod{info}e8:url-list6:http:we");
        let torrent = TorrentFile::parse(torrent.as_bytes()).unwrap();
        assert_eq!(torrent.tiers, [["udp:x"]]);
        assert_eq!(torrent.web_seeds, ["http:w"]);
    }

    #[test]
    fn a_field_that_cannot_be_is_named() {
        let pieces = "12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa";
        let one = |length: &str, name: &str| with_info(&format!("{length}4:name{name}{pieces}"));
        let many =
            |path: &str| with_info(&format!("5:filesld6:lengthi1e4:path{path}ee4:name1:a{pieces}"));
        assert!(TorrentFile::parse(one("6:lengthi1e", "1:a").as_bytes()).is_ok());
        assert!(TorrentFile::parse(many("l1:a2:..e").as_bytes()).is_err());
        assert!(TorrentFile::parse(many("l1:a1:be").as_bytes()).is_ok());
        for (torrent, field) in [
            (one("6:lengthi1e", "0:"), "name"),
            (one("6:lengthi1e", "2:.."), "name"),
            (one("6:lengthi1e", "3:a/b"), "name"),
            (one("6:lengthi1e", "i1e"), "name"),
            (one("", "1:a"), "length"),
            (one("6:lengthi-1e", "1:a"), "length"),
            (one("6:lengthi0e", "1:a"), "length"),
            (one("6:lengthi16385e", "1:a"), "pieces"),
            (one("6:lengthi9223372036854775807e", "1:a"), "pieces"),
            (many("le"), "files"),
            (many("1:a"), "files"),
            (many("l0:e"), "files"),
            (many("l1:/e"), "files"),
            (with_info("5:filesi1e4:name1:a"), "files"),
            (with_info("6:lengthi1e4:name1:a12:piece lengthi0e6:pieces0:"), "piece length"),
            (with_info("6:lengthi1e4:name1:a12:piece lengthi16384e"), "pieces"),
        ] {
            let error = error(&torrent);
            assert!(
                error.starts_with(&format!("wanted the info dictionary's {field} to")),
                "{error}"
            );
        }
        let long = "d6:lengthi9223372036854775807e4:pathl1:aee".repeat(3);
        let overflow = error(&with_info(&format!("5:filesl{long}e4:name1:a{pieces}")));
        assert!(overflow.contains("length"), "{overflow}");
    }

    #[test]
    fn what_is_no_torrent_of_version_1_is_refused() {
        assert_eq!(error("<html>"), "wanted a .torrent file");
        for torrent in ["i1e", "de", "d4:infoi1ee"] {
            assert_eq!(
                error(torrent),
                "wanted a .torrent file, got one without an info dictionary"
            );
        }
        assert!(error(&with_info("9:file treede4:name1:a")).contains("version 2"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _either = TorrentFile::parse(&bytes);
        }

        #[test]
        fn nothing_like_a_torrent_panics(
            info in "(6:length|5:files|4:path|4:name|6:pieces|12:piece length|[dlei:0-9]|i1e|1:a){0,40}"
        ) {
            let _either = TorrentFile::parse(with_info(&info).as_bytes());
        }

        #[test]
        fn a_torrent_with_a_byte_changed_does_not_panic(at: prop::sample::Index, byte: u8) {
            let metainfo = Metainfo::build(&Memory::folder(&[1, 5]), &Options::default()).unwrap();
            let mut torrent = metainfo.to_torrent(&[vec!["udp://t:1".into()]], &["w".into()]);
            let at = at.index(torrent.len());
            torrent[at] = byte;
            let _either = TorrentFile::parse(&torrent);
        }
    }
}
