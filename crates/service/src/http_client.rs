//! A minimal HTTP/1.1 client: one GET on a connection of its own, plain text only.
//!
//! It serves the health check, the announcer and the tests, none of which needs TLS, redirects or
//! a connection pool.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// Largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 << 20;

/// Why a GET has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a plain `http` URL with a host.
    #[error("wanted an http:// URL with a host, got {0}")]
    Unsupported(Url),
    /// Name resolution or the TCP connection failed.
    #[error("failed to connect to {0}")]
    Connect(String, #[source] std::io::Error),
    /// The connection broke, or what came is not HTTP.
    #[error("failed to get {0}")]
    Exchange(Url, #[source] hyper::Error),
    /// The body broke off or is longer than the limit.
    #[error("failed to read the body of {0}")]
    Body(Url, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer from {0} within {1:?}")]
    TimedOut(Url, Duration),
}

/// Gets `url` and reads the whole body.
///
/// # Errors
/// No complete answer within `timeout`; an answer of any status is not an error.
pub async fn get(url: &Url, timeout: Duration) -> Result<(StatusCode, Bytes), Error> {
    tokio::time::timeout(timeout, exchange(url))
        .await
        .unwrap_or_else(|_| Err(Error::TimedOut(url.clone(), timeout)))
}

async fn exchange(url: &Url) -> Result<(StatusCode, Bytes), Error> {
    let unsupported = || Error::Unsupported(url.clone());
    if url.scheme() != "http" {
        return Err(unsupported());
    }
    let host = url.host_str().ok_or_else(unsupported)?;
    let port = url.port_or_known_default().ok_or_else(unsupported)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|source| Error::Connect(authority.clone(), source))?;
    let failed = |source| Error::Exchange(url.clone(), source);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let request = Request::get(target)
        .header(header::HOST, &authority)
        .header(header::USER_AGENT, concat!("seedbed/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| unsupported())?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await
        .map_err(|source| Error::Body(url.clone(), source))?
        .to_bytes();
    connection.abort();
    Ok((status, body))
}
