//! Answering a request for a file.

use std::{sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use prometheus_client::metrics::counter::Counter;
use seedbed_service::admin;
use tokio::task::spawn_blocking;

use crate::{
    body::{self, FileBody},
    http_date::HttpDate,
    multipart::Segment,
    plan::{FileRequest, Plan, Representation},
    range::ByteRange,
    root::{FileError, OpenFile, RelativePath},
    server::{App, method_not_allowed},
    validators::Validators,
};

/// The handler: whatever is no route of its own is the path of a file.
pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed().await;
    }
    let Some(path) = RelativePath::from_uri(request.uri().path()) else {
        return refuse(&FileError::NotFound);
    };
    let now = HttpDate::from_clock(SystemTime::now());
    let request = FileRequest::new(request.method(), path, request.headers(), now);
    let open = {
        let (app, path) = (Arc::clone(&app), request.path.clone());
        spawn_blocking(move || app.config.root.file(&path)).await
    };
    match open {
        Ok(Ok(file)) => serve(&app, &request, file, now),
        Ok(Err(error)) => refuse(&error),
        Err(lost) => refuse(&FileError::Io(lost.into())),
    }
}

/// Answers a request for a file that is there: the one place where what was asked for and what is
/// planned meet.
fn serve(app: &App, request: &FileRequest, file: OpenFile, now: HttpDate) -> Response {
    let selected = Representation::of(&file, now);
    let plan = request.plan(&selected, app.config.malformed_range, now);
    tracing::debug!(?request, ?plan);
    respond(plan, &selected, file, app.sent.clone())
}

/// Carries out a plan. For HEAD the router drops the body, and keeps its length.
fn respond(plan: Plan, selected: &Representation, file: OpenFile, sent: Counter) -> Response {
    const ACCEPT: (HeaderName, &str) = (header::ACCEPT_RANGES, "bytes");
    let complete = selected.length;
    let content = |status, content_type: &str, segments: Vec<Segment>| {
        let headers = [(header::CONTENT_TYPE, content_type), ACCEPT];
        let body = Body::new(FileBody::new(file, segments, sent));
        (status, headers, stored(&selected.validators), body).into_response()
    };
    match plan {
        Plan::Whole => {
            let whole = ByteRange::whole(complete).map(Segment::File);
            content(StatusCode::OK, selected.content_type, whole.into_iter().collect())
        }
        Plan::Part(range) => {
            let content_range = [(header::CONTENT_RANGE, range.content_range(complete))];
            let segments = vec![Segment::File(range)];
            let content = content(StatusCode::PARTIAL_CONTENT, selected.content_type, segments);
            (content_range, content).into_response()
        }
        Plan::Parts(parts) => {
            let segments = parts.segments().collect();
            content(StatusCode::PARTIAL_CONTENT, &parts.content_type(), segments)
        }
        Plan::NotModified => {
            (StatusCode::NOT_MODIFIED, stored(&selected.validators), body::none()).into_response()
        }
        Plan::PreconditionFailed => {
            admin::error(StatusCode::PRECONDITION_FAILED, "a precondition does not hold")
        }
        Plan::Unsatisfiable => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes */{complete}"))];
            let message = format!("wanted byte ranges within the {complete} bytes of the file");
            let error = admin::error(StatusCode::RANGE_NOT_SATISFIABLE, message);
            (content_range, [ACCEPT], error).into_response()
        }
    }
}

/// The fields that go with a response that a client may keep.
fn stored(validators: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut insert = |name, text: &str| {
        headers.insert(name, text.parse().expect("tags and dates are visible ASCII"));
    };
    insert(header::ETAG, &validators.etag.to_string());
    if let Some(date) = validators.last_modified {
        insert(header::LAST_MODIFIED, &date.to_string());
    }
    // It may be kept, but is asked for anew at each use: under test, files change.
    insert(header::CACHE_CONTROL, "no-cache");
    headers
}

fn refuse(error: &FileError) -> Response {
    let status = match error {
        FileError::NotFound => StatusCode::NOT_FOUND,
        FileError::Forbidden => StatusCode::FORBIDDEN,
        FileError::Io(source) => {
            tracing::error!(%source, "{error}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    admin::error(status, error.to_string())
}
