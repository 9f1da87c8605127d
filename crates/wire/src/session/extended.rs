//! Messages of the extension protocol (BEP 10) that the wire reads and rewrites: the extended
//! handshakes of both sides, and requests for metadata (BEP 9).

use std::collections::BTreeMap;

use seedbed_metainfo::bencode::{self, Dict};

use super::requests::REQQ;

/// Longest extended handshake of a peer. Those of real clients are below 300 bytes.
pub(crate) const LONGEST_HANDSHAKE: usize = 8 << 10;

/// Longest request for metadata. Those of real clients are below 60 bytes.
pub(crate) const LONGEST_METADATA_REQUEST: usize = 256;

/// Length of a metadata piece (BEP 9).
const METADATA_PIECE: u64 = 16 << 10;

/// Keys that say where else the peer can be reached: an engine might dial whatever they name.
const ADDRESS_KEYS: [&[u8]; 3] = [b"p", b"ipv4", b"ipv6"];

const PEER_EXCHANGE: &[u8] = b"ut_pex";

/// What an extended handshake says that matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// The ids under which its sender takes messages.
    ids: Vec<u8>,
    /// The id of those about metadata.
    pub(crate) metadata: Option<u8>,
    /// How many pieces the metadata has.
    pub(crate) metadata_pieces: u64,
}

impl Extensions {
    /// Whether the sender takes messages with this id.
    pub(crate) fn takes(&self, id: u8) -> bool {
        self.ids.contains(&id)
    }

    fn of(dict: &Dict<'_>) -> Self {
        let names = dict.get("m").and_then(|m| m.dict());
        let id = |name: &str| {
            let id = names?.get(name)?.unsigned()?;
            u8::try_from(id).ok().filter(|id| *id != 0)
        };
        let ids = names.into_iter().flat_map(Dict::iter);
        let ids = ids.filter(|(name, _)| *name != PEER_EXCHANGE);
        let size = dict.get("metadata_size").and_then(bencode::Value::unsigned).unwrap_or(0);
        Self {
            ids: ids.filter_map(|(name, _)| id(std::str::from_utf8(name).ok()?)).collect(),
            metadata: id("ut_metadata"),
            metadata_pieces: size.div_ceil(METADATA_PIECE),
        }
    }
}

/// The engine's extended handshake as the peer gets it: without peer exchange (BEP 11), whose
/// messages do not pass, and with `reqq`. `None` if `body` is no dictionary.
pub(crate) fn of_engine(body: &[u8]) -> Option<(Vec<u8>, Extensions)> {
    let value = bencode::decode(body).ok()?;
    let dict = value.dict()?;
    let theirs = dict.get("reqq").and_then(bencode::Value::unsigned);
    let reqq = theirs.unwrap_or(u64::MAX).min(REQQ as u64);
    let mut entries = without_peer_exchange(dict);
    entries.insert(b"reqq", format!("i{reqq}e").into_bytes());
    Some((frame(0, &encode(&entries)), Extensions::of(dict)))
}

/// A peer's extended handshake as the engine gets it: without peer exchange, and without addresses
/// that the engine might dial. `None` if `body` is no dictionary.
pub(crate) fn of_peer(body: &[u8]) -> Option<(Vec<u8>, Extensions)> {
    let value = bencode::decode(body).ok()?;
    let dict = value.dict()?;
    let mut entries = without_peer_exchange(dict);
    entries.retain(|key, _| !ADDRESS_KEYS.contains(key));
    Some((frame(0, &encode(&entries)), Extensions::of(dict)))
}

/// The piece that a message about metadata asks for, if it asks for one.
pub(crate) fn requested_metadata(body: &[u8]) -> Option<u64> {
    let value = bencode::decode(body).ok()?;
    let field = |name| value.dict()?.get(name)?.unsigned();
    (field("msg_type")? == 0).then(|| field("piece")).flatten()
}

/// The frame that asks for a piece of the metadata.
pub(crate) fn metadata_request(id: u8, piece: u64) -> Vec<u8> {
    frame(id, format!("d8:msg_typei0e5:piecei{piece}ee").as_bytes())
}

/// The frame that refuses a piece of the metadata.
pub(crate) fn metadata_reject(id: u8, piece: u64) -> Vec<u8> {
    frame(id, format!("d8:msg_typei2e5:piecei{piece}ee").as_bytes())
}

fn without_peer_exchange<'a>(dict: &Dict<'a>) -> BTreeMap<&'a [u8], Vec<u8>> {
    let mut entries: BTreeMap<_, _> = dict.iter().map(|(key, raw)| (key, raw.to_vec())).collect();
    if let Some(names) = dict.get("m").and_then(|m| m.dict()) {
        let names = names.iter().filter(|(name, _)| *name != PEER_EXCHANGE);
        let names = names.map(|(name, raw)| (name, raw.to_vec())).collect();
        entries.insert(b"m", encode(&names));
    }
    entries
}

fn encode(entries: &BTreeMap<&[u8], Vec<u8>>) -> Vec<u8> {
    let mut bytes = vec![b'd'];
    for (key, raw) in entries {
        bytes.extend(format!("{}:", key.len()).into_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(raw);
    }
    bytes.push(b'e');
    bytes
}

fn frame(id: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 2).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &[20, id], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bep_10_the_engines_handshake_advertises_reqq_and_no_peer_exchange() {
        let (frame, extensions) =
            of_engine(b"d1:md11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei16385e1:v2:xye")
                .unwrap();
        let wanted = b"d1:md11:ut_metadatai3ee13:metadata_sizei16385e4:reqqi1024e1:v2:xye";
        assert_eq!(frame[6..].escape_ascii().to_string(), wanted.escape_ascii().to_string());
        assert_eq!(frame[..6], [0, 0, 0, 2 + u8::try_from(wanted.len()).unwrap(), 20, 0]);
        assert_eq!((extensions.metadata, extensions.metadata_pieces), (Some(3), 2));
        assert!(extensions.takes(3) && !extensions.takes(1));
    }

    #[test]
    fn bep_10_a_lower_reqq_of_the_engine_stays_and_a_higher_one_does_not() {
        for (theirs, ours) in [(250, 250), (5000, 1024)] {
            let (frame, _) = of_engine(format!("d4:reqqi{theirs}ee").as_bytes()).unwrap();
            assert_eq!(frame[6..].escape_ascii().to_string(), format!("d4:reqqi{ours}ee"));
        }
    }

    #[test]
    fn a_peers_handshake_names_nobody_whom_the_engine_could_dial() {
        let (frame, extensions) = of_peer(
            b"d4:ipv44:abcd4:ipv616:0123456789abcdef1:md11:ut_metadatai7e6:ut_pexi2ee1:pi80e1:v1:xe",
        )
        .unwrap();
        assert_eq!(frame[6..].escape_ascii().to_string(), "d1:md11:ut_metadatai7ee1:v1:xe");
        assert_eq!(extensions.metadata, Some(7));
        assert_eq!(of_peer(b"le"), None);
    }

    #[test]
    fn bep_9_only_a_request_names_a_piece() {
        assert_eq!(requested_metadata(b"d8:msg_typei0e5:piecei7ee"), Some(7));
        for other in [&b"d8:msg_typei1e5:piecei7ee"[..], b"d8:msg_typei0ee", b"", b"d5:piecei-1ee"]
        {
            assert_eq!(requested_metadata(other), None);
        }
        assert_eq!(&metadata_request(3, 7)[4..], b"\x14\x03d8:msg_typei0e5:piecei7ee");
        assert_eq!(&metadata_reject(3, 7)[4..], b"\x14\x03d8:msg_typei2e5:piecei7ee");
    }
}
