//! Why a request gets no stream, and the status that says so.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a request gets no stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("wanted an infohash of 40 hex digits or a magnet link")]
    NotATorrent,
    #[error("no such torrent")]
    UnknownTorrent,
    #[error("the torrent has no such file")]
    UnknownFile,
    #[error("no peer served the torrent in time")]
    NobodyServes,
    #[error("the range is malformed or beyond the end of the file")]
    RangeNotSatisfiable { length: u64 },
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotATorrent => StatusCode::BAD_REQUEST,
            Self::UnknownTorrent | Self::UnknownFile => StatusCode::NOT_FOUND,
            Self::NobodyServes => StatusCode::REQUEST_TIMEOUT,
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
