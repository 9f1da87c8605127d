//! The errors of a stream request and their status codes.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// The error of a stream request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("wanted an infohash of 40 hex digits or a magnet link")]
    NotATorrent,
    #[error("no such torrent")]
    UnknownTorrent,
    #[error("the torrent has no such file")]
    UnknownFile,
    #[error("no peer sent data in time")]
    NoData,
    #[error("the range is malformed or past the end of the file")]
    RangeNotSatisfiable { length: u64 },
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotATorrent => StatusCode::BAD_REQUEST,
            Self::UnknownTorrent | Self::UnknownFile => StatusCode::NOT_FOUND,
            Self::NoData => StatusCode::REQUEST_TIMEOUT,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = Json(json!({ "error": self.to_string(), "status": status.as_u16() }));
        match self {
            Self::RangeNotSatisfiable { length } => {
                (status, [(header::CONTENT_RANGE, format!("bytes */{length}"))], body)
                    .into_response()
            }
            _ => (status, body).into_response(),
        }
    }
}
