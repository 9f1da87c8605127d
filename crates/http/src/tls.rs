//! TLS below HTTP: the flags, the certificate and the handshake.
//!
//! [`TlsArgs::load`] makes a [`Tls`] before any socket is bound; [`Tls::publish`] writes the CA once the
//! sockets are bound. Without the feature `tls`, `load` refuses `--tls`, and no [`Tls`] exists.
//!
//! Not supported: client certificates, several certificates by name, HTTP/2.

#[cfg(feature = "tls")]
mod acceptor;
mod args;
#[cfg(feature = "tls")]
mod certificate;
#[cfg(not(feature = "tls"))]
mod unsupported;

use std::{io, path::PathBuf};

#[cfg(feature = "tls")]
pub use acceptor::Tls;
pub use args::TlsArgs;
#[cfg(not(feature = "tls"))]
pub use unsupported::Tls;

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A flag lacks another one.
    #[error("{0} needs {1}")]
    Lacks(&'static str, &'static str),
    /// Two flags exclude each other.
    #[error("{0} has no effect with {1}")]
    Excludes(&'static str, &'static str),
    /// The binary was built without TLS.
    #[error("--tls: this binary was built without the feature tls")]
    Unsupported,
    /// A file cannot be read.
    #[error("failed to read {1:?} ({0})")]
    Read(&'static str, PathBuf, #[source] io::Error),
    /// A file does not hold what its flag needs.
    #[error("{flag}: wanted {wanted} in PEM, got none in {path:?}")]
    NotPem {
        /// The flag that names the file.
        flag: &'static str,
        /// What the file has to hold.
        wanted: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the key in {key:?} (--tls-key) does not belong to the certificate in {certificate:?}")]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate or the key is of a kind that TLS does not support here.
    #[error("failed to use the certificate in {certificate:?} with the key in {key:?}: {reason}")]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No certificate can be made.
    #[error("failed to make a certificate for {0}: {1}")]
    Make(String, String),
    /// The CA cannot be written.
    #[error("failed to write the CA to {0:?} (--tls-ca-out)")]
    Write(PathBuf, #[source] io::Error),
}
