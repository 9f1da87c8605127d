//! A minimal HTTP/1.1 client: one request on a connection of its own.
//!
//! Health checks and the announcer use it. Neither needs redirects or a connection pool. It speaks https
//! only to servers that a [`Trust`] is given for, and only with the feature `tls`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::Trust;

/// Largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 << 20;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a URL with a host and a scheme that this build supports.
    #[error("wanted an http:// URL with a host, got {0}")]
    Unsupported(Url),
    /// Name resolution or the TCP connection failed.
    #[error("failed to connect to {0}")]
    Connect(String, #[source] std::io::Error),
    /// The connection broke, or the response is not HTTP.
    #[error("failed to get {0}")]
    Exchange(Url, #[source] hyper::Error),
    /// The body is incomplete or longer than the limit.
    #[error("failed to read the body of {0}")]
    Body(Url, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response did not come in time.
    #[error("no answer from {0} within {1:?}")]
    TimedOut(Url, Duration),
}

/// Gets `url` and reads the whole body.
///
/// # Errors
/// There is no complete response within `timeout`. A response of any status is not an error.
pub async fn get(url: &Url, timeout: Duration) -> Result<(StatusCode, Bytes), Error> {
    get_trusting(url, None, timeout).await
}

/// As [`get`], also over https, from a server that `trust` is for.
///
/// # Errors
/// As for [`get`].
pub async fn get_trusting(
    url: &Url,
    trust: Option<&Trust>,
    timeout: Duration,
) -> Result<(StatusCode, Bytes), Error> {
    let exchange = async {
        let answer = send_trusting(Method::GET, url, HeaderMap::new(), trust).await?;
        Ok((answer.status(), answer.body().await?))
    };
    within(timeout, url, exchange).await
}

/// Limits the time of an exchange with `url`.
///
/// # Errors
/// The exchange failed or took longer.
pub async fn within<T>(
    timeout: Duration,
    url: &Url,
    exchange: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(timeout, exchange)
        .await
        .unwrap_or_else(|_| Err(Error::TimedOut(url.clone(), timeout)))
}

/// A response whose head has arrived. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    url: Url,
    response: Response<Incoming>,
    _connection: AbortOnDropHandle<hyper::Result<()>>,
}

impl Answer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// The body is incomplete or too long.
    pub async fn body(self) -> Result<Bytes, Error> {
        let Self { url, response, _connection } = self;
        match Limited::new(response.into_body(), BODY_LIMIT).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(source) => Err(Error::Body(url, source)),
        }
    }
}

/// Sends a request without a body, and returns the response as soon as its head arrives. `headers`
/// replace fields of the same name that every request has.
///
/// # Errors
/// There is no response. A response of any status is not an error.
pub async fn send(method: Method, url: &Url, headers: HeaderMap) -> Result<Answer, Error> {
    send_trusting(method, url, headers, None).await
}

async fn send_trusting(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    trust: Option<&Trust>,
) -> Result<Answer, Error> {
    let unsupported = || Error::Unsupported(url.clone());
    let trust = match (url.scheme(), trust) {
        ("http", _) => None,
        ("https", Some(trust)) if cfg!(feature = "tls") => Some(trust),
        _ => return Err(unsupported()),
    };
    let host = url.host_str().ok_or_else(unsupported)?;
    let port = url.port_or_known_default().ok_or_else(unsupported)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let host = host.trim_matches(['[', ']']);
    let connect = async {
        let stream = TcpStream::connect((host, port)).await?;
        over(host, stream, trust).await
    };
    let stream = connect.await.map_err(|source| Error::Connect(authority.clone(), source))?;
    let failed = |source| Error::Exchange(url.clone(), source);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, &authority)
        .header(header::USER_AGENT, concat!("seedbed/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| unsupported())?;
    request.headers_mut().extend(headers);
    let response = sender.send_request(request).await.map_err(failed)?;
    Ok(Answer { url: url.clone(), response, _connection: connection })
}

/// What hyper needs of a connection.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The connection to `host`, over TLS if `trust` is given.
async fn over(
    host: &str,
    stream: TcpStream,
    trust: Option<&Trust>,
) -> std::io::Result<Box<dyn Stream>> {
    match trust {
        #[cfg(feature = "tls")]
        Some(trust) => Ok(Box::new(trust.connect(host, stream).await?)),
        _ => {
            let _plain = host;
            Ok(Box::new(stream))
        }
    }
}
