//! Answering a request for a file.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    content::{Content, Source},
    http_date::HttpDate,
    multipart::Segment,
    plan::{FileRequest, Plan, Representation},
    range::ByteRange,
    root::{FileError, OpenFile, RelativePath},
    server::{App, error, method_not_allowed},
    validators::Validators,
};

/// Answers a request for the file at `path`; none stands for a path that names no file.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: &Request<Bytes>,
    path: Option<RelativePath>,
) -> Response<Content> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed();
    }
    let opened = match path {
        Some(path) => open(app, path).await,
        None => Err(FileError::NotFound),
    };
    match opened {
        Ok(file) => {
            let now = HttpDate::from_clock(SystemTime::now());
            let selected = Representation::of(&file, now);
            let blocks = Arc::clone(&app.blocks);
            serve(app, request, selected, Source::File { file: Arc::new(file), blocks }, now)
        }
        Err(error) => refuse(&error),
    }
}

/// Opens a file whose tag tells it from all that it may become.
async fn open(app: &Arc<App>, path: RelativePath) -> Result<OpenFile, FileError> {
    let file = open_now(app, path).await?;
    match file.version.fingerprint.unsure_for(SystemTime::now()) {
        None => Ok(file),
        Some(wait) => {
            sleep(wait).await;
            open_now(app, file.path).await
        }
    }
}

/// Opens a file, on a thread for blocking work only if it might block.
async fn open_now(app: &Arc<App>, path: RelativePath) -> Result<OpenFile, FileError> {
    if let Some(file) = app.config.root.file_at_hand(&path) {
        return Ok(file);
    }
    let app = Arc::clone(app);
    spawn_blocking(move || app.config.root.file(&path))
        .await
        .unwrap_or_else(|lost| Err(FileError::Io(lost.into())))
}

/// Answers a request for what is there: the one place where what was asked for and what is
/// planned meet.
pub(crate) fn serve(
    app: &App,
    request: &Request<Bytes>,
    selected: Representation,
    source: Source,
    now: HttpDate,
) -> Response<Content> {
    let (method, path) = (request.method(), request.uri().path());
    let request = FileRequest::new(method, path, request.headers(), now);
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

/// Carries out a plan. For HEAD the connection drops the content, and keeps its length.
fn respond(plan: Plan, selected: &Representation, source: Source) -> Response<Content> {
    let complete = selected.length;
    let content = |status, content_type: &str, segments: VecDeque<Segment>| {
        let mut response = Response::new(Content::Segments(source, segments));
        *response.status_mut() = status;
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
            let whole = ByteRange::whole(complete).map(Segment::Range);
            content(StatusCode::OK, selected.content_type, whole.into_iter().collect())
        }
        Plan::Part(range) => {
            let segments = VecDeque::from([Segment::Range(range)]);
            let mut response =
                content(StatusCode::PARTIAL_CONTENT, selected.content_type, segments);
            insert(&mut response, header::CONTENT_RANGE, &range.content_range(complete));
            response
        }
        Plan::Parts(parts) => {
            let segments = parts.segments().collect();
            content(StatusCode::PARTIAL_CONTENT, &parts.content_type(), segments)
        }
        Plan::NotModified => {
            let mut response = Response::new(Content::Absent);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            store(&mut response, &selected.validators);
            response
        }
        Plan::PreconditionFailed => {
            error(StatusCode::PRECONDITION_FAILED, "a precondition does not hold")
        }
        Plan::Unsatisfiable => {
            let message = format!("wanted byte ranges within the {complete} bytes of the file");
            let mut response = error(StatusCode::RANGE_NOT_SATISFIABLE, message);
            insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{complete}"));
            insert(&mut response, header::ACCEPT_RANGES, "bytes");
            response
        }
    }
}

/// The fields that go with a response that a client may keep, and with 304 (section 15.4.5).
fn store(response: &mut Response<Content>, validators: &Validators) {
    insert(response, header::ETAG, &validators.etag.to_string());
    // It may be kept, but is asked for anew at each use: under test, files change.
    insert(response, header::CACHE_CONTROL, "no-cache");
}

pub(crate) fn insert(response: &mut Response<Content>, name: header::HeaderName, value: &str) {
    let value =
        HeaderValue::from_str(value).expect("types, tags, dates and ranges are visible ASCII");
    response.headers_mut().insert(name, value);
}

pub(crate) fn refuse(reason: &FileError) -> Response<Content> {
    let status = match reason {
        FileError::NotFound => StatusCode::NOT_FOUND,
        FileError::Forbidden => StatusCode::FORBIDDEN,
        FileError::Io(source) => {
            tracing::error!(%source, "{reason}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    error(status, reason.to_string())
}
