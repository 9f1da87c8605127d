//! How a wire behaves, and the sockets that it is given.

use std::{
    fmt,
    net::{TcpListener, UdpSocket},
    num::NonZeroU64,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use seedbed_metainfo::PeerId;

use crate::{ConnectionLimits, Descriptors, Limiter, Observer, PassAll, Policy};

/// How a wire behaves.
#[derive(Clone)]
pub struct Config {
    /// Where the engine listens, `HOST:PORT`; resolved at each connection.
    pub upstream: String,
    /// Our peer id, in every handshake with a peer. The wire's random numbers derive from it.
    pub peer_id: PeerId,
    /// How long connecting may take, and each step of the handshakes.
    pub handshake_timeout: Duration,
    /// How long a peer may be silent; above two minutes, the time between keep-alives (BEP 3).
    pub idle_timeout: Duration,
    /// How many connections there may be.
    pub limits: ConnectionLimits,
    /// The file descriptors that connections may use.
    pub descriptors: Arc<Descriptors>,
    /// What becomes of connections, handshakes and frames.
    pub policy: Arc<dyn Policy>,
    /// Who is told what happens.
    pub observer: Option<Arc<dyn Observer>>,
    /// Which streams peers may speak.
    pub encryption: Encryption,
    /// Bytes a second, blocks and all other frames, to each peer.
    pub peer_limit: Option<NonZeroU64>,
    /// Bytes a second to all peers, those of other wires with the same limiter included.
    pub limiter: Option<Arc<Limiter>>,
}

impl Config {
    /// The defaults: five seconds for handshakes, five idle minutes, the default
    /// [`ConnectionLimits`], the descriptors of the process, no policy, plain and encrypted peers,
    /// and no bandwidth limits.
    #[must_use]
    pub fn new(upstream: impl Into<String>, peer_id: PeerId) -> Self {
        Self {
            upstream: upstream.into(),
            peer_id,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(300),
            limits: ConnectionLimits::default(),
            descriptors: Descriptors::of_process(),
            policy: Arc::new(PassAll),
            observer: None,
            encryption: Encryption::default(),
            peer_limit: None,
            limiter: None,
        }
    }
}

/// Which streams peers may speak: `plaintext`, `rc4` or `both`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// BitTorrent as BEP 3 has it; a peer that starts Message Stream Encryption is refused.
    Plaintext,
    /// Message Stream Encryption whose stream is RC4; all else is refused.
    Rc4,
    /// Whichever the peer speaks.
    #[default]
    Both,
}

/// The text is not the name of an [`Encryption`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted plaintext, rc4 or both, got {0:?}")]
pub struct InvalidEncryption(String);

impl Encryption {
    const ALL: [Self; 3] = [Self::Plaintext, Self::Rc4, Self::Both];

    const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Rc4 => "rc4",
            Self::Both => "both",
        }
    }
}

impl FromStr for Encryption {
    type Err = InvalidEncryption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|encryption| encryption.name() == text);
        named.ok_or_else(|| InvalidEncryption(text.to_owned()))
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The sockets of a wire, bound and non-blocking.
#[derive(Debug)]
pub struct Listeners {
    /// For peers over TCP.
    pub tcp: TcpListener,
    /// For peers over uTP (BEP 29), on the same port number, since trackers list but one.
    pub utp: Option<UdpSocket>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encryption_parses_as_it_prints() {
        for encryption in Encryption::ALL {
            assert_eq!(encryption.to_string().parse(), Ok(encryption));
        }
        let error = "RC4".parse::<Encryption>().unwrap_err();
        assert_eq!(error.to_string(), "wanted plaintext, rc4 or both, got \"RC4\"");
    }
}
