//! Answers a request for a file.

use std::{sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    http::{Response, StatusCode, header, request::Parts},
};
use seedbed_http::{Content, Piece, Source};
use tokio::{
    task::spawn_blocking,
    time::{Duration, Instant, sleep},
};

use super::respond::{error, insert, no_file, precondition_failed};
use crate::{
    app::App,
    content::{
        fingerprint::Fingerprint,
        media_type,
        root::{FileError, OpenFile, RelativePath},
        source::FileSource,
    },
    rfc9110::{
        date::HttpDate,
        multipart::Segment,
        plan::{FileRequest, Plan, Representation},
        range::ByteRange,
        validators::Validators,
    },
};

/// How long a request waits for a file to settle that is being written to.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers a request for the file at `path`; `None` stands for a path that names no file.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: &Parts,
    path: Option<RelativePath>,
) -> Response<Body> {
    let opened = match path {
        Some(path) => open(app, path).await,
        None => Err(FileError::NotFound),
    };
    match opened {
        Ok(file) => {
            let now = HttpDate::from_clock(SystemTime::now());
            let fingerprint = &file.version.fingerprint;
            let selected = Representation {
                length: fingerprint.length(),
                content_type: media_type::of(file.path.as_path()),
                validators: fingerprint.validators(now),
            };
            let source = FileSource {
                file: Arc::new(file),
                blocks: Arc::clone(&app.blocks),
                sent: app.sent.clone(),
            };
            serve(app, request, selected, Arc::new(source), now)
        }
        Err(reason) => no_file(&reason),
    }
}

/// Opens a file, and waits until its tag tells it from all that it may become.
async fn open(app: &Arc<App>, mut path: RelativePath) -> Result<OpenFile, FileError> {
    let began = Instant::now();
    loop {
        let before = SystemTime::now();
        let file = open_now(app, path).await?;
        if !file.version.fingerprint.is_racy(before) {
            return Ok(file);
        }
        if began.elapsed() >= SETTLE_TIMEOUT {
            return Err(FileError::KeepsChanging);
        }
        path = file.path;
        sleep(Fingerprint::RACY_FOR).await;
    }
}

/// Opens a file, on a thread for blocking work only if it might block.
async fn open_now(app: &Arc<App>, path: RelativePath) -> Result<OpenFile, FileError> {
    if let Some(file) = app.config.root.file_if_cached(&path) {
        return Ok(file);
    }
    let app = Arc::clone(app);
    spawn_blocking(move || app.config.root.file(&path))
        .await
        .unwrap_or_else(|lost| Err(FileError::Io(lost.into())))
}

/// Answers a request for something that has ranges.
pub(crate) fn serve(
    app: &App,
    request: &Parts,
    selected: Representation,
    source: Arc<dyn Source>,
    now: HttpDate,
) -> Response<Body> {
    let request = FileRequest::new(&request.method, &request.headers);
    let plan = request.plan(&selected, app.config.malformed_range, now);
    tracing::debug!(?request, ?plan);
    let mut response = respond(plan, &selected, source);
    // Who sends If-Range has the other fields already (section 15.3.7).
    if response.status() == StatusCode::PARTIAL_CONTENT && request.preconditions.has_if_range() {
        let headers = response.headers_mut();
        headers.remove(header::LAST_MODIFIED);
        if headers.contains_key(header::CONTENT_RANGE) {
            headers.remove(header::CONTENT_TYPE);
        }
    }
    response
}

/// Carries out a plan. For HEAD the server drops the content, and keeps its length.
fn respond(plan: Plan, selected: &Representation, source: Arc<dyn Source>) -> Response<Body> {
    let complete = selected.length;
    let content = |status, content_type: &str, content: Content| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.extensions_mut().insert(content);
        insert(&mut response, header::CONTENT_TYPE, content_type);
        insert(&mut response, header::ACCEPT_RANGES, "bytes");
        if let Some(date) = selected.validators.last_modified {
            insert(&mut response, header::LAST_MODIFIED, &date.to_string());
        }
        store(&mut response, &selected.validators);
        response
    };
    match plan {
        Plan::Whole => {
            let whole = ByteRange::whole(complete).map(piece);
            content(StatusCode::OK, selected.content_type, Content::new(source, whole))
        }
        Plan::Part(range) => {
            let part = Content::new(source, [piece(range)]);
            let mut response = content(StatusCode::PARTIAL_CONTENT, selected.content_type, part);
            insert(&mut response, header::CONTENT_RANGE, &range.content_range(complete));
            response
        }
        Plan::Parts(parts) => {
            let pieces = parts.segments().map(|segment| match segment {
                Segment::Text(text) => Piece::Bytes(text.into()),
                Segment::Range(range) => piece(range),
            });
            let pieces = Content::new(source, pieces);
            content(StatusCode::PARTIAL_CONTENT, &parts.content_type(), pieces)
        }
        Plan::NotModified => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            store(&mut response, &selected.validators);
            response
        }
        Plan::PreconditionFailed => precondition_failed(),
        Plan::Unsatisfiable => {
            let message = format!("wanted byte ranges within the {complete} bytes of the file");
            let mut response = error(StatusCode::RANGE_NOT_SATISFIABLE, message);
            insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{complete}"));
            insert(&mut response, header::ACCEPT_RANGES, "bytes");
            response
        }
    }
}

fn piece(range: ByteRange) -> Piece {
    Piece::Range(range.first()..range.last() + 1)
}

/// Adds the fields that go with a response that a client may keep, and with 304 (section 15.4.5).
fn store(response: &mut Response<Body>, validators: &Validators) {
    insert(response, header::ETAG, &validators.etag.to_string());
    // It may be kept, but is asked for anew at each use: under test, files change.
    insert(response, header::CACHE_CONTROL, "no-cache");
}
