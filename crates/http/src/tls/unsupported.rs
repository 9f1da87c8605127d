//! TLS in a build without it.

use std::{convert::Infallible, path::Path};

use super::TlsError;

/// A set-up of TLS. This build has none.
#[derive(Clone, Debug)]
pub struct Tls(Infallible);

impl Tls {
    /// The server's certificate, as DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        match self.0 {}
    }

    /// Writes the CA, if there is one to write, prints where it is, and returns the path.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn publish(&self) -> Result<Option<&Path>, TlsError> {
        match self.0 {}
    }
}
