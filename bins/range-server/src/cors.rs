//! Cross-origin requests: every page may read every response.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{body, server::ALLOW};

/// Lets the script of any page read the response, and the fields of it that a player needs.
pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Content-Range, Accept-Ranges, Content-Length, ETag"),
    );
}

/// The answer to OPTIONS, preflight or not.
pub(crate) fn preflight() -> Response {
    let headers = [
        (header::ALLOW, ALLOW),
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Range"),
    ];
    (StatusCode::NO_CONTENT, headers, body::none()).into_response()
}
