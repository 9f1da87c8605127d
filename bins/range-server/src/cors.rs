//! Cross-origin requests: every page may read every response.

use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{content::Content, server::ALLOW};

/// Lets the script of any page read the response, and the fields of it that a player needs.
pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Content-Range, Accept-Ranges, Content-Length, ETag"),
    );
}

/// The answer to OPTIONS, preflight or not.
pub(crate) fn preflight() -> Response<Content> {
    let mut response = Response::new(Content::Absent);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOW));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range"));
    response
}
