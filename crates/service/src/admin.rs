//! The routes that every server has: `/health`, `/version` and `/metrics`.
//!
//! The control API (faults and journal) belongs here too, so that all servers share it.

use std::sync::Arc;

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Metrics;

/// What a server says of itself at `/health`.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Why the server is not healthy; none where it is.
    pub degraded: Option<String>,
    /// The keys that follow `status` (and `reason`).
    pub details: Map<String, Value>,
}

impl Health {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        let status = if let Some(reason) = self.degraded {
            body.insert("status".into(), "degraded".into());
            body.insert("reason".into(), reason.into());
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            body.insert("status".into(), "healthy".into());
            StatusCode::OK
        };
        body.extend(self.details);
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

/// Who is serving, as `/version` gives it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Identity {
    /// The binary's name, such as `seedbed-tracker`.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
}

/// The identity of the crate that it is called in.
#[macro_export]
macro_rules! identity {
    () => {
        $crate::admin::Identity { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    };
}

/// The common routes of a server; `health` is asked anew at each request.
pub fn router(
    identity: Identity,
    metrics: Metrics,
    health: impl Fn() -> Health + Send + Sync + 'static,
) -> Router {
    let health = Arc::new(health);
    Router::new()
        .route("/health", get(async move || health().into_response()).fallback(not_allowed))
        .route("/version", get(async move || Json(identity)).fallback(not_allowed))
        .route("/metrics", get(async move || encode(&metrics)).fallback(not_allowed))
}

async fn not_allowed() -> Response {
    const ALLOW: &str = "GET, HEAD";
    let error = error(StatusCode::METHOD_NOT_ALLOWED, format!("wanted one of {ALLOW}"));
    ([(header::ALLOW, ALLOW)], error).into_response()
}

fn encode(metrics: &Metrics) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to encode the metrics"),
    }
}

/// An error as every control endpoint gives it: `{"error":"...","status":400}`.
#[must_use]
pub fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(error_body(status, message))).into_response()
}

/// The body of [`error`].
#[must_use]
pub fn error_body(status: StatusCode, message: impl Into<String>) -> Value {
    json!({ "error": message.into(), "status": status.as_u16() })
}
