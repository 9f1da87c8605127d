//! Answers that several routes give.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
pub(crate) use seedbed_http::app::error;
use sha2::{Digest as _, Sha256};

use crate::{
    content::root::FileError,
    rfc9110::{
        etag::EntityTag,
        precondition::{Preconditions, Verdict},
        validators::Validators,
    },
};

/// The methods that every path knows.
pub(crate) const ALLOW: &str = "GET, HEAD, OPTIONS";

/// How many seconds a client should wait before it asks again for a file that keeps changing.
const RETRY_AFTER: &str = "1";

/// 405, for a method that no path knows.
pub(crate) fn method_not_allowed() -> Response<Body> {
    let message = format!("wanted one of {ALLOW}");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, message);
    insert(&mut response, header::ALLOW, ALLOW);
    response
}

/// 412
pub(crate) fn precondition_failed() -> Response<Body> {
    error(StatusCode::PRECONDITION_FAILED, "a precondition does not hold")
}

/// The answer where a file cannot be served.
pub(crate) fn no_file(reason: &FileError) -> Response<Body> {
    let status = match reason {
        FileError::NotFound => StatusCode::NOT_FOUND,
        FileError::Forbidden => StatusCode::FORBIDDEN,
        FileError::KeepsChanging => StatusCode::SERVICE_UNAVAILABLE,
        FileError::Io(source) => {
            tracing::error!(%source, "{reason}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = error(status, reason.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        insert(&mut response, header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// Evaluates the preconditions of a request for content that was made for it, whose tag is that of
/// its bytes. Without a success there is nothing to evaluate (RFC 9110 section 13.2.1).
pub(crate) fn conditional(
    request: &HeaderMap,
    response: Response<()>,
    content: Bytes,
) -> Response<Body> {
    if !response.status().is_success() {
        return response.map(|()| content.into());
    }
    let etag = EntityTag::strong(&Sha256::digest(&content)[..16]);
    let mut response = response.map(|()| Body::from(content));
    insert(&mut response, header::ETAG, &etag.to_string());
    let current = Validators { etag, last_modified: None };
    match Preconditions::from_headers(request).evaluate(&current) {
        Verdict::Proceed => response,
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.map(|_| Body::empty())
        }
        Verdict::Failed => precondition_failed(),
    }
}

pub(crate) fn insert(response: &mut Response<Body>, name: HeaderName, value: &str) {
    let value =
        HeaderValue::from_str(value).expect("types, tags, dates and ranges are visible ASCII");
    response.headers_mut().insert(name, value);
}
