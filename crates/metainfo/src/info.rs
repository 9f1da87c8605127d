//! The dictionaries of a metainfo as they are bencoded. The serializer writes keys in their order
//! (BEP 3).

use librqbit_bencode::{ByteBuf, bencode_serialize_to_writer, raw_value::RawValue};
use serde::Serialize;

use crate::{Content, ContentFile, Options, PieceLength};

/// The info dictionary, whose hash is the infohash.
#[derive(Serialize)]
pub(crate) struct Info<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<InfoFile<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    name: &'a str,
    #[serde(rename = "piece length")]
    piece_length: u32,
    pieces: ByteBuf<'a>,
    /// BEP 27.
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct InfoFile<'a> {
    /// `p` for a pad file (BEP 47).
    #[serde(skip_serializing_if = "Option::is_none")]
    attr: Option<&'a str>,
    length: u64,
    path: &'a [String],
}

/// The dictionary of a .torrent file, which contains the info dictionary.
#[derive(Serialize)]
pub(crate) struct TorrentDictionary<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) announce: Option<&'a str>,
    /// Tiers (BEP 12).
    #[serde(rename = "announce-list", skip_serializing_if = "Vec::is_empty")]
    pub(crate) announce_list: Vec<&'a [String]>,
    pub(crate) info: RawValue<&'a [u8]>,
    /// Web seeds (BEP 19).
    #[serde(rename = "url-list", skip_serializing_if = "Vec::is_empty")]
    pub(crate) url_list: Vec<String>,
}

impl<'a> Info<'a> {
    pub(crate) fn new(
        content: &'a dyn Content,
        piece_length: PieceLength,
        pieces: &'a [[u8; 20]],
        options: &'a Options,
    ) -> Self {
        let single = content.is_single_file().then(|| &content.files()[0]);
        Self {
            files: single.is_none().then(|| content.files().iter().map(InfoFile::of).collect()),
            length: single.map(|file| file.length),
            name: content.name(),
            piece_length: piece_length.bytes(),
            pieces: ByteBuf::from(pieces.as_flattened()),
            private: options.private.then_some(1),
            source: options.source.as_deref(),
        }
    }
}

impl<'a> InfoFile<'a> {
    fn of(file: &'a ContentFile) -> Self {
        Self { attr: file.is_pad.then_some("p"), length: file.length, path: &file.path }
    }
}

pub(crate) fn bencode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bencode_serialize_to_writer(value, &mut bytes)
        .expect("strings, integers, lists and dictionaries can be bencoded, and memory written");
    bytes
}
