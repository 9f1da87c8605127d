//! The peer id: 20 bytes by which a peer names itself (BEP 3, Azureus style of BEP 20).

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// What the peer ids of this project begin with: Azureus style, two letters that no client list
/// has, and version 0.1.0.0.
pub const SEEDBED_PREFIX: [u8; 8] = *b"-SE0100-";

/// The 20 bytes by which a peer names itself. Printed as 40 hex digits in lower case, since they
/// need not be text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; 20]);

impl PeerId {
    /// Creates a peer id of raw bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// A peer id in Azureus style: `prefix` (such as `-SE0100-`), then twelve characters that are
    /// a function of `seed` and `index`.
    #[must_use]
    pub fn derived(prefix: [u8; 8], seed: u64, index: u64) -> Self {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut hash = Sha256::new();
        hash.update(b"seedbed:peer-id:");
        hash.update(seed.to_be_bytes());
        hash.update(index.to_be_bytes());
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&prefix);
        for (byte, random) in bytes[8..].iter_mut().zip(hash.finalize()) {
            *byte = ALPHABET[usize::from(random) % ALPHABET.len()];
        }
        Self(bytes)
    }

    /// The raw bytes, as in a handshake or an announce.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl From<[u8; 20]> for PeerId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_peer_id_is_a_function_of_seed_and_index() {
        let derive = |seed, index| PeerId::derived(*b"-SE0100-", seed, index);
        assert_eq!(derive(7, 0), derive(7, 0));
        assert_ne!(derive(7, 0), derive(7, 1));
        assert_ne!(derive(7, 0), derive(8, 0));
        assert!(derive(7, 0).as_bytes().starts_with(b"-SE0100-"));
        assert!(derive(7, 0).as_bytes()[8..].iter().all(u8::is_ascii_alphanumeric));
    }
}
