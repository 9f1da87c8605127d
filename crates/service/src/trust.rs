//! Which https server a client takes for the one that it means.
//!
//! The servers that seedbed itself asks over https are its own, so no certificate authority is needed.

use std::{fmt, sync::Arc};

/// Which certificate an https server has to show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Any: for a server on this host that is asked for its health only.
    Any,
    /// This one, as DER, whichever names are in it.
    Certificate(Arc<[u8]>),
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "Any",
            Self::Certificate(_) => "Certificate",
        })
    }
}

#[cfg(feature = "tls")]
mod client {
    use std::{io, sync::Arc};

    use tokio::net::TcpStream;
    use tokio_rustls::{
        TlsConnector,
        client::TlsStream,
        rustls::{
            CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
            client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
            pki_types::{CertificateDer, ServerName, UnixTime},
        },
    };

    use super::Trust;

    /// Verifies that the server has the key of its certificate, and that the certificate is trusted.
    #[derive(Debug)]
    struct Verifier {
        trust: Trust,
        provider: Arc<CryptoProvider>,
    }

    impl Trust {
        /// Shakes hands with the server `host`.
        pub(crate) async fn connect(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> io::Result<TlsStream<TcpStream>> {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let provider = Arc::new(ring::default_provider());
            let verifier = Verifier { trust: self.clone(), provider: Arc::clone(&provider) };
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            TlsConnector::from(Arc::new(config)).connect(name, stream).await
        }
    }

    impl ServerCertVerifier for Verifier {
        fn verify_server_cert(
            &self,
            leaf: &CertificateDer<'_>,
            _chain: &[CertificateDer<'_>],
            _name: &ServerName<'_>,
            _ocsp: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            match &self.trust {
                Trust::Certificate(trusted) if **trusted != **leaf => {
                    Err(CertificateError::UnknownIssuer.into())
                }
                Trust::Certificate(_) | Trust::Any => Ok(ServerCertVerified::assertion()),
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, leaf, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, leaf, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    }
}
