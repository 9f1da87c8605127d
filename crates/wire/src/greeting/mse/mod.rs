//! Message Stream Encryption, also called Protocol Encryption. Clients such as Vuze, libtorrent and
//! aria2 negotiate it before the handshake, so that a stream looks like noise. It obfuscates, and
//! gives no security.
//!
//! Both sides exchange Diffie-Hellman keys, prove that they know the infohash, and agree on the
//! stream that follows: RC4, or plain after all. Specified in the Vuze wiki, "Message Stream
//! Encryption"; the names in comments are its own.
//!
//! [`Incoming`] and [`Outgoing`] are the two sides as state machines without sockets; [`drive`]
//! runs one over a transport.

mod cipher;
mod incoming;
mod key;
mod outgoing;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::Encryption;
use cipher::{Cipher, Decrypter};
pub(crate) use incoming::Incoming;
pub(crate) use outgoing::Outgoing;
pub(crate) use stream::{Reader, Writer, drive};

/// Most bytes of noise in each of the four places that the specification has for it.
const LONGEST_PAD: usize = 512;

/// VC: the zeros that each side sends once its RC4 stream has started.
const VERIFICATION: [u8; 8] = [0; 8];

/// The stream that follows the negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Method {
    Plaintext = 1,
    Rc4 = 2,
}

/// Methods as the bits of `crypto_provide` and `crypto_select`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Methods(u32);

impl Methods {
    const fn of(encryption: Encryption) -> Self {
        Self(match encryption {
            Encryption::Plaintext => 0,
            Encryption::Rc4 => Method::Rc4 as u32,
            Encryption::Both => Method::Plaintext as u32 | Method::Rc4 as u32,
        })
    }

    /// The method to choose of several. Like libtorrent by default, it prefers plaintext, and takes RC4
    /// only if nothing else is offered.
    fn preferred(self) -> Option<Method> {
        [Method::Plaintext, Method::Rc4].into_iter().find(|&method| self.0 & method as u32 != 0)
    }

    const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("plaintext"),
            2 => f.write_str("RC4"),
            3 => f.write_str("plaintext or RC4"),
            bits => write!(f, "the unknown methods {bits:#x}"),
        }
    }
}

/// The negotiation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MseError {
    /// The other side lacks the key, or speaks another protocol.
    #[error("wanted {0} of Message Stream Encryption within {LONGEST_PAD} bytes, got none")]
    NoSync(&'static str),
    /// The infohash whose hash came is not one of ours.
    #[error("wanted an encrypted stream for a torrent that is served, got one for another")]
    NotServed,
    /// The decrypted stream does not start with zeros.
    #[error("wanted eight zeros (VC), got {0:02x?}")]
    NotVerified([u8; 8]),
    /// A pad's length is more than there may be.
    #[error("wanted a pad of at most {LONGEST_PAD} bytes, got one of {0}")]
    PadTooLong(usize),
    /// There is no method that both sides allow.
    #[error("wanted {wanted} inside Message Stream Encryption, got {got}")]
    NoMethod {
        /// What is allowed here.
        wanted: Methods,
        /// What the other side offers, or chose.
        got: Methods,
    },
}

/// The outcome of a negotiation.
pub(crate) struct Established {
    /// Decrypts the incoming stream; `None` if it is plain.
    reader: Option<Cipher>,
    /// Encrypts the outgoing stream; `None` if it is plain.
    writer: Option<Cipher>,
    /// Bytes of the stream that were read already, decrypted.
    ahead: Vec<u8>,
}

impl Established {
    /// The stream that follows a negotiation.
    fn new(method: Method, theirs: Decrypter, ours: Cipher, used: usize) -> Self {
        match method {
            Method::Plaintext => {
                Self { reader: None, writer: None, ahead: theirs.into_plain(used) }
            }
            Method::Rc4 => {
                let (reader, ahead) = theirs.into_decrypted(used);
                Self { reader: Some(reader), writer: Some(ours), ahead }
            }
        }
    }
}

/// A pad of a random length.
fn pad(rng: &mut fastrand::Rng) -> Vec<u8> {
    let length = rng.usize(..=LONGEST_PAD);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// A pad with its length before it.
fn counted_pad(rng: &mut fastrand::Rng) -> Vec<u8> {
    let pad = pad(rng);
    let length = u16::try_from(pad.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], &pad].concat()
}

/// Returns where `mark` ends in `bytes` if it starts within the longest pad, and `None` if it may
/// still come.
fn find(bytes: &[u8], mark: &[u8], what: &'static str) -> Result<Option<usize>, MseError> {
    let window = &bytes[..bytes.len().min(LONGEST_PAD + mark.len())];
    match window.windows(mark.len()).position(|bytes| bytes == mark) {
        Some(at) => Ok(Some(at + mark.len())),
        None if window.len() < LONGEST_PAD + mark.len() => Ok(None),
        None => Err(MseError::NoSync(what)),
    }
}
