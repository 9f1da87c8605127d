//! HTTP/1.1 (RFC 9112) on one connection.
//!
//! Written here, and not left to a library, for what decides the speed of a file origin: header
//! section and content leave together, content that is in a file is not copied, and a response
//! holds no memory while its receiver is slow. Everything is read and checked here before a handler sees it: a
//! [`Request`] is whole.

mod reader;
mod request;
mod transport;
mod writer;

#[cfg(test)]
mod tests;

use std::{io, time::Duration};

use axum::http::{Method, Request, Response, Version, header};
use bytes::Bytes;
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::content::Content;
use reader::Reader;
use transport::Transport;
use writer::Writer;

/// How long a client may take for a request, from its first byte on.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a connection may be idle between requests, and before the first.
const IDLE: Duration = Duration::from_secs(60);
/// How long a client may take nothing of a response.
const STALL: Duration = Duration::from_secs(60);
/// How long what a client still sends is read and dropped after the last response.
const LINGER: Duration = Duration::from_secs(2);

/// What answers the requests of a connection.
pub(crate) trait Service {
    /// Answers a request, or what came instead of one.
    fn answer(
        &self,
        request: Result<Request<Bytes>, Refusal>,
    ) -> impl Future<Output = Response<Content>> + Send;

    /// So many bytes were sent that were taken from a [`Source`](crate::content::Source).
    fn sent(&self, bytes: u64);
}

/// Serves requests until either side is done.
pub(crate) async fn serve(
    mut stream: impl Transport,
    shutdown: Shutdown,
    service: impl Service,
) -> io::Result<()> {
    let mut reader = Reader::default();
    loop {
        let incoming = tokio::select! {
            biased;
            incoming = reader.next(&mut stream) => incoming?,
            () = shutdown.cancelled(), if !reader.is_inside_a_request() => return Ok(()),
        };
        let Some(request) = incoming else { return Ok(()) };
        let (is_for_head, mut persistent) = match &request {
            Ok(request) => (*request.method() == Method::HEAD, is_persistent(request)),
            Err(_) => (false, Persistence::Close),
        };
        let response = service.answer(request).await;
        if shutdown.is_cancelled() || response.headers().contains_key(header::CONNECTION) {
            persistent = Persistence::Close;
        }
        Writer::new(response, is_for_head, persistent).send(&mut stream, &service).await?;
        if persistent == Persistence::Close {
            return linger(stream).await;
        }
    }
}

/// Closes a connection so that the client gets all of the last response (RFC 9112 section 9.6).
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    let mut dropped = [0; 4096];
    let drain = async { while !matches!(stream.read(&mut dropped).await, Ok(0) | Err(_)) {} };
    let _still_sending = timeout(LINGER, drain).await;
    Ok(())
}

/// Why there is no request to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: axum::http::StatusCode,
    pub(crate) message: &'static str,
}

/// What becomes of the connection after a response (RFC 9112 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    /// It stays open, as is the default of HTTP/1.1.
    Keep,
    /// It stays open because an HTTP/1.0 client asked for it, and has to be told.
    KeepForHttp10,
    Close,
}

fn is_persistent(request: &Request<Bytes>) -> Persistence {
    let has = |option: &str| {
        request
            .headers()
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|found| found.trim().eq_ignore_ascii_case(option))
    };
    if has("close") {
        Persistence::Close
    } else if request.version() >= Version::HTTP_11 {
        Persistence::Keep
    } else if has("keep-alive") {
        Persistence::KeepForHttp10
    } else {
        Persistence::Close
    }
}
