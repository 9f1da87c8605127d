//! `/api/stream/{torrent}`: a file of a torrent, or a range of it, as its pieces come in.

use std::{
    io::{self, SeekFrom},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path as UrlPath, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use librqbit::FileInfos;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _},
    time::timeout,
};
use tokio_util::io::ReaderStream;

use crate::{
    error::Error,
    library::Library,
    range::{self, ByteRange, NotSatisfiable},
};

/// Bytes that are read from a torrent at a time.
const CHUNK: usize = 64 << 10;

/// What requests are answered from.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) library: Library,
    /// How long a request waits for data.
    pub(crate) patience: Duration,
}

/// Which file of the torrent; by default the first that can be played.
#[derive(Deserialize)]
struct Choice {
    file: Option<usize>,
}

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/api/stream/{torrent}", get(serve).delete(forget))
        .with_state(app)
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}

async fn forget(
    State(app): State<App>,
    UrlPath(torrent): UrlPath<String>,
) -> Result<StatusCode, Error> {
    app.library.forget(&torrent).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn serve(
    State(app): State<App>,
    UrlPath(torrent): UrlPath<String>,
    Query(choice): Query<Choice>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // Nothing is answered before there is something to send: later, a time-out could only break
    // the response off.
    timeout(app.patience, open(&app, &torrent, &choice, &method, &headers))
        .await
        .unwrap_or(Err(Error::NobodyServes))
}

async fn open(
    app: &App,
    torrent: &str,
    choice: &Choice,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let torrent = app.library.find(torrent).await?;
    let files = torrent.with_metadata(|metadata| metadata.file_infos.clone())?;
    let (file, kind) = choose(&files, choice.file).ok_or(Error::UnknownFile)?;
    let mut content = torrent.clone().stream(file).await?;
    let length = content.len();
    // What an infohash names never changes.
    let etag = format!("\"{}-{file}\"", torrent.info_hash().as_string());
    let range = wanted(method, headers, &etag, length)
        .map_err(|NotSatisfiable| Error::RangeNotSatisfiable { length })?;

    let response = Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, etag);
    let (response, first, sent) = match range {
        Some(ByteRange { first, last }) => {
            let response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"));
            (response, first, last - first + 1)
        }
        None => (response, 0, length),
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        content.seek(SeekFrom::Start(first)).await.context("failed to seek")?;
        body(content.take(sent), app.patience).await.context("failed to read from the torrent")?
    };
    let response = response.header(header::CONTENT_LENGTH, sent).body(body);
    Ok(response.context("failed to make a response")?)
}

/// A body of all that `content` gives, once it has given something.
async fn body(
    content: impl AsyncRead + Send + Unpin + 'static,
    patience: Duration,
) -> io::Result<Body> {
    let mut chunks = ReaderStream::with_capacity(content, CHUNK);
    let first = chunks.next().await.transpose()?;
    let rest = stream::unfold(chunks, move |mut chunks| async move {
        let stalled = |_| Some(Err(io::ErrorKind::TimedOut.into()));
        let next = timeout(patience, chunks.next()).await.unwrap_or_else(stalled)?;
        Some((next, chunks))
    });
    Ok(Body::from_stream(stream::iter(first.map(Ok)).chain(rest)))
}

/// The number and the content type of a file: the one asked for, or the first video or audio.
fn choose(files: &FileInfos, asked: Option<usize>) -> Option<(usize, String)> {
    let kind = |path: &Path| mime_guess::from_path(path).first_or_octet_stream();
    let playable = |path: &Path| {
        matches!(kind(path).type_(), mime_guess::mime::VIDEO | mime_guess::mime::AUDIO)
    };
    let file = match asked {
        Some(file) => file,
        None => files.iter().position(|file| playable(&file.relative_filename))?,
    };
    Some((file, kind(&files.get(file)?.relative_filename).to_string()))
}

/// The range that a request asks for, or none for the whole file. Range has a meaning for GET
/// alone (RFC 9110 section 14.2), and none where If-Range names something else (section 13.1.5).
fn wanted(
    method: &Method,
    headers: &HeaderMap,
    etag: &str,
    length: u64,
) -> Result<Option<ByteRange>, NotSatisfiable> {
    let applies = headers.get(header::IF_RANGE).is_none_or(|value| value == etag);
    match headers.get(header::RANGE) {
        Some(field) if method == Method::GET && applies => {
            range::parse(&String::from_utf8_lossy(field.as_bytes()), length)
        }
        _ => Ok(None),
    }
}
