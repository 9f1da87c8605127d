//! The hashes and the RC4 streams that derive from the shared secret.

use rc4::{KeyInit as _, Rc4, StreamCipher as _};
use seedbed_metainfo::Infohash;
use sha1::{Digest as _, Sha1};

use super::key;

/// RC4's first output gives its key away and is thrown away.
const DISCARDED: usize = 1024;

/// HASH of the specification.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; 20] {
    parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// What proves that the sender knows both the shared secret and the torrent.
pub(super) fn proof(shared: &[u8; key::LENGTH], infohash: Infohash) -> [u8; 20] {
    let torrent = hash(&[b"req2", infohash.as_bytes()]);
    let secret = hash(&[b"req3", shared]);
    std::array::from_fn(|index| torrent[index] ^ secret[index])
}

/// One direction's RC4 stream.
pub(crate) struct Cipher(Rc4);

impl Cipher {
    /// What the initiator encrypts with.
    pub(super) fn initiators(shared: &[u8; key::LENGTH], infohash: Infohash) -> Self {
        Self::new(b"keyA", shared, infohash)
    }

    /// What the responder encrypts with.
    pub(super) fn responders(shared: &[u8; key::LENGTH], infohash: Infohash) -> Self {
        Self::new(b"keyB", shared, infohash)
    }

    fn new(label: &[u8], shared: &[u8; key::LENGTH], infohash: Infohash) -> Self {
        let key = hash(&[label, shared, infohash.as_bytes()]);
        let mut rc4 = Rc4::new_from_slice(&key).expect("RC4 takes a key of 20 bytes");
        rc4.apply_keystream(&mut [0; DISCARDED]);
        Self(rc4)
    }

    /// Encrypts or decrypts, which is the same.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }

    pub(super) fn applied(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        self.apply(&mut bytes);
        bytes
    }
}

/// The encrypted part of what the other side says, decrypted as far as it was asked for: what
/// comes after the negotiation may be plain.
pub(super) struct Decrypter {
    cipher: Cipher,
    decrypted: Vec<u8>,
    raw: Vec<u8>,
}

impl Decrypter {
    pub(super) const fn new(cipher: Cipher) -> Self {
        Self { cipher, decrypted: Vec::new(), raw: Vec::new() }
    }

    /// Takes bytes as they came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// `N` bytes at a place, once there are so many.
    pub(super) fn field<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        self.reach(at + N).then(|| std::array::from_fn(|index| self.decrypted[at + index]))
    }

    /// A number of two bytes at a place.
    pub(super) fn length(&mut self, at: usize) -> Option<usize> {
        self.field(at).map(|bytes| u16::from_be_bytes(bytes).into())
    }

    /// Decrypts the first `length` bytes; false if more have to come.
    pub(super) fn reach(&mut self, length: usize) -> bool {
        let missing = length.saturating_sub(self.decrypted.len()).min(self.raw.len());
        let bytes = self.raw.drain(..missing).collect();
        self.decrypted.extend(self.cipher.applied(bytes));
        self.decrypted.len() >= length
    }

    /// All bytes from `at` on, of which those that were not asked for are plain.
    pub(super) fn into_plain(mut self, at: usize) -> Vec<u8> {
        self.decrypted.drain(..at);
        self.decrypted.extend(self.raw);
        self.decrypted
    }

    /// All bytes from `at` on, all of them encrypted, and the cipher for the next.
    pub(super) fn into_decrypted(mut self, at: usize) -> (Cipher, Vec<u8>) {
        let ahead = self.cipher.applied(self.raw);
        self.decrypted.drain(..at);
        self.decrypted.extend(ahead);
        (self.cipher, self.decrypted)
    }
}
