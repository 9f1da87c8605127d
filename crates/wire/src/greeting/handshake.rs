//! The handshake (BEP 3): the 68 bytes with which a connection starts, and the only ones that
//! name the torrent.

use seedbed_metainfo::{Infohash, PeerId};

/// Length of a handshake.
pub const LENGTH: usize = 68;

/// The start of every handshake: the length of the protocol's name, and the name.
pub const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// The reserved bits with only the extension protocol (BEP 10) set.
const EXTENSION_PROTOCOL: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];

/// A parsed handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// One bit for each extension that the sender knows.
    pub reserved: [u8; 8],
    /// The torrent.
    pub infohash: Infohash,
    /// The sender.
    pub peer_id: PeerId,
}

/// The bytes are not a BitTorrent handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a handshake that starts with \"{}\", got \"{}\"", PROTOCOL.escape_ascii(), .0.escape_ascii())]
pub struct NotBitTorrent(pub [u8; PROTOCOL.len()]);

impl Handshake {
    /// A handshake that announces the extension protocol and nothing else.
    #[must_use]
    pub const fn new(infohash: Infohash, peer_id: PeerId) -> Self {
        Self { reserved: EXTENSION_PROTOCOL, infohash, peer_id }
    }

    /// Parses the 68 bytes.
    ///
    /// # Errors
    /// They start with another protocol's name.
    pub fn parse(bytes: &[u8; LENGTH]) -> Result<Self, NotBitTorrent> {
        let protocol = array(bytes, 0);
        if protocol != *PROTOCOL {
            return Err(NotBitTorrent(protocol));
        }
        Ok(Self {
            reserved: array(bytes, 20),
            infohash: Infohash::new(array(bytes, 28)),
            peer_id: PeerId::new(array(bytes, 48)),
        })
    }

    /// The 68 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..20].copy_from_slice(PROTOCOL);
        bytes[20..28].copy_from_slice(&self.reserved);
        bytes[28..48].copy_from_slice(self.infohash.as_bytes());
        bytes[48..].copy_from_slice(self.peer_id.as_bytes());
        bytes
    }

    /// The same without any extension but BEP 10, so that neither side speaks Fast (BEP 6), DHT
    /// ports (BEP 5) or v2 hashes (BEP 52) to the other: the engine takes none of them.
    #[must_use]
    pub fn plain(mut self) -> Self {
        for (bits, known) in self.reserved.iter_mut().zip(EXTENSION_PROTOCOL) {
            *bits &= known;
        }
        self
    }
}

fn array<const N: usize>(bytes: &[u8; LENGTH], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..20].copy_from_slice(PROTOCOL);
        bytes[20..28].copy_from_slice(&[0x80, 0, 0, 0, 0, 0x10, 0, 0x15]);
        bytes[28..48].fill(0xaa);
        bytes[48..].fill(b'p');
        bytes
    }

    #[test]
    fn a_handshake_is_protocol_reserved_infohash_and_peer_id() {
        let handshake = Handshake::parse(&bytes()).unwrap();
        assert_eq!(handshake.infohash, Infohash::new([0xaa; 20]));
        assert_eq!(handshake.peer_id, PeerId::new([b'p'; 20]));
        assert_eq!(handshake.to_bytes(), bytes());
    }

    #[test]
    fn the_extension_protocol_is_the_only_bit_that_goes_on() {
        let handshake = Handshake::parse(&bytes()).unwrap().plain();
        assert_eq!(handshake.reserved, EXTENSION_PROTOCOL);
        let silent = Handshake { reserved: [0; 8], ..handshake };
        assert_eq!(silent.plain(), silent);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_handshake_that_prints_as_it_came_or_are_refused(
            tail in prop::collection::vec(any::<u8>(), LENGTH),
            protocol in any::<bool>(),
        ) {
            let mut bytes = [0; LENGTH];
            bytes.copy_from_slice(&tail);
            if protocol {
                bytes[..PROTOCOL.len()].copy_from_slice(PROTOCOL);
            }
            match Handshake::parse(&bytes) {
                Ok(handshake) => prop_assert_eq!(handshake.to_bytes(), bytes),
                Err(error) => prop_assert_eq!(&error.0, bytes.first_chunk().unwrap()),
            }
        }
    }

    #[test]
    fn another_protocol_is_named_in_the_error() {
        let mut other = bytes();
        other[..20].copy_from_slice(b"GET / HTTP/1.1\r\nHost");
        let error = Handshake::parse(&other).unwrap_err();
        assert!(error.to_string().ends_with("got \"GET / HTTP/1.1\\r\\nHost\""), "{error}");
    }
}
