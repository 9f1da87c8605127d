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

/// The state of the routes.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) library: Library,
    /// How long a request waits for data.
    pub(crate) data_timeout: Duration,
}

/// Which file of the torrent to stream; by default the first video or audio.
#[derive(Deserialize)]
struct FileQuery {
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
    Query(query): Query<FileQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // Answer only once there is data to send: a later time-out could only cut the response off.
    timeout(app.data_timeout, open(&app, &torrent, &query, &method, &headers))
        .await
        .unwrap_or(Err(Error::NoData))
}

async fn open(
    app: &App,
    torrent: &str,
    query: &FileQuery,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let torrent = app.library.find(torrent).await?;
    let files = torrent.with_metadata(|metadata| metadata.file_infos.clone())?;
    let (file, kind) = choose_file(&files, query.file).ok_or(Error::UnknownFile)?;
    let mut content = torrent.clone().stream(file).await?;
    let length = content.len();
    // The content of an infohash never changes.
    let etag = format!("\"{}-{file}\"", torrent.info_hash().as_string());
    let range = requested_range(method, headers, &etag, length)
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
        body(content.take(sent), app.data_timeout)
            .await
            .context("failed to read from the torrent")?
    };
    let response = response.header(header::CONTENT_LENGTH, sent).body(body);
    Ok(response.context("failed to make a response")?)
}

/// A body with everything that `content` yields. Waits for its first chunk.
async fn body(
    content: impl AsyncRead + Send + Unpin + 'static,
    data_timeout: Duration,
) -> io::Result<Body> {
    let mut chunks = ReaderStream::with_capacity(content, CHUNK);
    let first = chunks.next().await.transpose()?;
    let rest = stream::unfold(chunks, move |mut chunks| async move {
        let stalled = |_| Some(Err(io::ErrorKind::TimedOut.into()));
        let next = timeout(data_timeout, chunks.next()).await.unwrap_or_else(stalled)?;
        Some((next, chunks))
    });
    Ok(Body::from_stream(stream::iter(first.map(Ok)).chain(rest)))
}

/// The number and the content type of a file: the requested one, or the first video or audio.
fn choose_file(files: &FileInfos, requested: Option<usize>) -> Option<(usize, String)> {
    let kind = |path: &Path| mime_guess::from_path(path).first_or_octet_stream();
    let playable = |path: &Path| {
        matches!(kind(path).type_(), mime_guess::mime::VIDEO | mime_guess::mime::AUDIO)
    };
    let file = match requested {
        Some(file) => file,
        None => files.iter().position(|file| playable(&file.relative_filename))?,
    };
    Some((file, kind(&files.get(file)?.relative_filename).to_string()))
}

/// The range that a request asks for, or `None` for the whole file. Range applies only to GET (RFC 9110
/// section 14.2), and not if If-Range names another version (section 13.1.5).
fn requested_range(
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
