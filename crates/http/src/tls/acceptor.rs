//! The server's side of a handshake.

use std::{
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use seedbed_service::startup;
use tokio::time::timeout;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, InvalidMessage, ServerConfig, crypto::ring},
};

use super::{
    TlsError,
    certificate::{self, Identity},
};
use crate::stream::Stream;

/// A certificate with its key, ready to accept connections.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    acceptor: TlsAcceptor,
    certificate: Vec<u8>,
    /// The CA in PEM that was made, and where clients are to find it.
    ca: Option<(String, PathBuf)>,
}

impl Tls {
    /// With a certificate and a key from files.
    pub(super) fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let identity = certificate::read(certificate, key)?;
        Self::new(identity, None).map_err(|error| {
            let (certificate, key) = (certificate.to_owned(), key.to_owned());
            match error {
                rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch { certificate, key },
                error => TlsError::Unusable { certificate, key, reason: error.to_string() },
            }
        })
    }

    /// With a new certificate of a new CA, which [`Tls::publish`] writes to `ca_out`.
    pub(super) fn make(
        names: impl IntoIterator<Item = String>,
        ca_out: Option<PathBuf>,
    ) -> Result<Self, TlsError> {
        let (identity, ca) = certificate::make(names)?;
        Self::new(identity, ca_out.map(|path| (ca, path)))
            .map_err(|error| TlsError::Make("this server".to_owned(), error.to_string()))
    }

    fn new(identity: Identity, ca: Option<(String, PathBuf)>) -> Result<Self, rustls::Error> {
        let Identity { chain, key } = identity;
        let certificate = chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default();
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self(Arc::new(Inner { acceptor, certificate, ca })))
    }

    /// The server's certificate, as DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.0.certificate
    }

    /// Writes the CA, if there is one to write, prints where it is, and returns the path. A reader of the file sees
    /// either what it held before or the whole CA.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn publish(&self) -> Result<Option<&Path>, TlsError> {
        let Some((ca, path)) = &self.0.ca else { return Ok(None) };
        replace(path, ca.as_bytes()).map_err(|error| TlsError::Write(path.clone(), error))?;
        startup::line(format_args!("CA certificate: {}", path.display()));
        Ok(Some(path))
    }

    /// Shakes hands, within `limit`. The log has why a handshake failed.
    pub(crate) async fn accept(
        &self,
        stream: Stream,
        remote: SocketAddr,
        limit: Duration,
    ) -> io::Result<Stream> {
        let accepted = timeout(limit, self.0.acceptor.accept(stream)).await;
        let accepted = accepted.unwrap_or_else(|_| {
            let message = format!("wanted a TLS handshake within {} seconds", limit.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        });
        match accepted {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) if is_not_tls(&error) => {
                tracing::warn!(
                    peer = %remote,
                    "closed a connection that does not speak TLS; clients of this port need https:// or wss://"
                );
                Err(error)
            }
            Err(error) => {
                tracing::warn!(peer = %remote, %error, "a TLS handshake failed");
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Whether the first bytes of a connection are no TLS record, as those of a plain request are not.
fn is_not_tls(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(
        error,
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion
        ))
    )
}

/// Replaces a file, or makes it, readable for everybody.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
