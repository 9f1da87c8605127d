//! From a peer's first byte to its handshake: which stream it speaks, and who it is.
//!
//! This room knows streams of bytes and the list of infohashes that are served. It knows nothing
//! of frames, sessions or the engine.

pub mod handshake;
pub(crate) mod mse;

use std::io;

use seedbed_metainfo::Infohash;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::Encryption;
use handshake::{Handshake, NotBitTorrent, PROTOCOL};
use mse::{Incoming, MseError, Outgoing, Reader, Writer, drive};

/// Why there was no handshake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetingError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    NotBitTorrent(#[from] NotBitTorrent),
    #[error(transparent)]
    Mse(#[from] MseError),
    #[error("wanted an encrypted stream (encryption is rc4), got a plaintext handshake")]
    Plaintext,
    #[error("wanted a plaintext handshake (encryption is plaintext), got an encrypted one")]
    Encrypted,
}

impl GreetingError {
    /// Whether the peer was refused because of how encryption is configured.
    pub(crate) const fn is_of_encryption(&self) -> bool {
        matches!(self, Self::Plaintext | Self::Encrypted | Self::Mse(MseError::NoMethod { .. }))
    }
}

/// Finds out which stream an incoming peer speaks, and negotiates its encryption.
pub(crate) async fn incoming<R, W>(
    mut reader: R,
    mut writer: W,
    encryption: Encryption,
    rng: fastrand::Rng,
    served: impl Fn() -> Vec<Infohash>,
) -> Result<(Reader<R>, Writer<W>), GreetingError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut first = [0; PROTOCOL.len()];
    reader.read_exact(&mut first).await?;
    if first == *PROTOCOL {
        return match encryption {
            Encryption::Rc4 => Err(GreetingError::Plaintext),
            Encryption::Plaintext | Encryption::Both => {
                Ok((Reader::plain(reader, first.to_vec()), Writer::plain(writer)))
            }
        };
    }
    // A key is not all letters, but for one in 10^8.
    if first.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n')) {
        return Err(NotBitTorrent(first).into());
    }
    if encryption == Encryption::Plaintext {
        return Err(GreetingError::Encrypted);
    }
    let mut side = Incoming::new(encryption, rng);
    let advance = |bytes: &[u8], send: &mut Vec<u8>| side.advance(bytes, &served, send);
    let established = drive(&mut reader, &mut writer, &first, advance).await?;
    Ok(established.wrap(reader, writer))
}

/// Sends `hello` to a peer that the wire dialled, after negotiating encryption if it is wanted.
pub(crate) async fn outgoing<R, W>(
    mut reader: R,
    mut writer: W,
    encryption: Option<(Encryption, fastrand::Rng)>,
    hello: Handshake,
) -> Result<(Reader<R>, Writer<W>), GreetingError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some((encryption, rng)) = encryption else {
        send(&mut writer, &hello).await?;
        return Ok((Reader::plain(reader, Vec::new()), Writer::plain(writer)));
    };
    let mut side = Outgoing::new(encryption, hello.infohash, hello.to_bytes().to_vec(), rng);
    let advance = |bytes: &[u8], send: &mut Vec<u8>| side.advance(bytes, send);
    let established = drive(&mut reader, &mut writer, &[], advance).await?;
    Ok(established.wrap(reader, writer))
}

/// Reads a handshake.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Handshake, GreetingError> {
    let mut bytes = [0; handshake::LENGTH];
    let (protocol, rest) = bytes.split_at_mut(PROTOCOL.len());
    from.read_exact(protocol).await?;
    // Another protocol's client may never send as much as a handshake is long.
    if protocol == PROTOCOL {
        from.read_exact(rest).await?;
    }
    Ok(Handshake::parse(&bytes)?)
}

/// Sends a handshake.
pub(crate) async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    handshake: &Handshake,
) -> Result<(), GreetingError> {
    to.write_all(&handshake.to_bytes()).await?;
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[0xc3; 96];
    const HANDSHAKE: &[u8] = PROTOCOL;
    const HTTP: &[u8] = b"GET /announce HTTP/1.1\r\n\r\n";

    async fn refusal(first: &[u8], encryption: Encryption) -> Option<GreetingError> {
        let (mut writer, rng) = (tokio::io::sink(), fastrand::Rng::with_seed(1));
        incoming(first, &mut writer, encryption, rng, Vec::new).await.err()
    }

    #[tokio::test]
    async fn a_peer_of_the_wrong_kind_is_refused_with_what_was_wanted_and_what_came() {
        use Encryption::{Both, Plaintext, Rc4};
        for (first, encryption, reason) in [
            (
                HANDSHAKE,
                Rc4,
                "wanted an encrypted stream (encryption is rc4), got a plaintext handshake",
            ),
            (
                KEY,
                Plaintext,
                "wanted a plaintext handshake (encryption is plaintext), got an encrypted one",
            ),
        ] {
            let refusal = refusal(first, encryption).await.unwrap();
            assert!(refusal.is_of_encryption());
            assert_eq!(refusal.to_string(), reason);
        }
        for encryption in [Plaintext, Rc4, Both] {
            let refusal = refusal(HTTP, encryption).await.unwrap();
            assert!(matches!(refusal, GreetingError::NotBitTorrent(_)), "{refusal}");
        }
        for encryption in [Plaintext, Both] {
            assert!(refusal(HANDSHAKE, encryption).await.is_none());
        }
        for encryption in [Rc4, Both] {
            // It is taken for a negotiation, which goes on.
            let refusal = refusal(KEY, encryption).await.unwrap();
            assert!(matches!(refusal, GreetingError::Io(_)), "{refusal}");
        }
    }
}
