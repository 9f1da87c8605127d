//! The flags of TLS, which all servers share.

use std::path::PathBuf;

use clap::Args;

use super::{Tls, TlsError};

/// Whether a server speaks TLS, and with which certificate.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Speak https and wss instead of http and ws
    #[arg(long, env = "SEEDBED_TLS")]
    pub tls: bool,

    /// Certificate in PEM, followed by its chain; without one, a CA and a certificate for the names in use
    /// are made at each start
    #[arg(long, env = "SEEDBED_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, env = "SEEDBED_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Write the CA that is made at start to FILE, in PEM, for clients to trust
    #[arg(long, env = "SEEDBED_TLS_CA_OUT", value_name = "FILE")]
    pub tls_ca_out: Option<PathBuf>,
}

impl TlsArgs {
    /// `https` or `http`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Reads or makes the certificate; `None` without `--tls`. A certificate that is made is for
    /// `names`, which are host names or IP addresses, and for loopback.
    ///
    /// # Errors
    /// The flags contradict each other, or a file is not what its flag needs.
    pub fn load(&self, names: impl IntoIterator<Item = String>) -> Result<Option<Tls>, TlsError> {
        let files = [
            ("--tls-cert", &self.tls_cert),
            ("--tls-key", &self.tls_key),
            ("--tls-ca-out", &self.tls_ca_out),
        ];
        if !self.tls {
            return match files.iter().find(|(_, file)| file.is_some()) {
                Some((flag, _)) => Err(TlsError::Lacks(flag, "--tls")),
                None => Ok(None),
            };
        }
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Err(TlsError::Lacks("--tls-cert", "--tls-key")),
            (None, Some(_)) => Err(TlsError::Lacks("--tls-key", "--tls-cert")),
            (Some(_), Some(_)) if self.tls_ca_out.is_some() => {
                Err(TlsError::Excludes("--tls-ca-out", "--tls-cert"))
            }
            #[cfg(feature = "tls")]
            (Some(certificate), Some(key)) => Tls::from_files(certificate, key).map(Some),
            #[cfg(feature = "tls")]
            (None, None) => Tls::make(names, self.tls_ca_out.clone()).map(Some),
            #[cfg(not(feature = "tls"))]
            _ => {
                drop(names.into_iter());
                Err(TlsError::Unsupported)
            }
        }
    }
}
