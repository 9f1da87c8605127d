//! Why an announce failed.

use std::{error::Error as _, io, time::Duration};

use seedbed_service::http_client;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the tracker refused the announce: {0}")]
    Failure(String),
    #[error("wanted an announce response, got {0}")]
    Malformed(&'static str),
    #[error("wanted an announce response, got HTTP status {0}")]
    Status(u16),
    #[error(transparent)]
    Http(#[from] http_client::Error),
    #[error("failed to resolve {0}")]
    Resolve(String, #[source] io::Error),
    #[error("failed to exchange UDP packets")]
    Socket(#[from] io::Error),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl Error {
    /// The error and its sources in one line: `a: b: c`.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
