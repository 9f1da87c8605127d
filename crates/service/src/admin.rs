//! The routes that every server has: `/health`, `/version` and `/metrics`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema, schema::AllOfBuilder},
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use crate::Metrics;

/// The state of a server, as `/health` returns it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Why the server is not healthy; `None` if it is.
    pub degraded: Option<String>,
    /// The keys that follow `status` (and `reason`).
    pub details: Map<String, Value>,
}

impl Health {
    /// A server that is healthy unless `degraded` has a reason. The fields of `details` follow the status.
    ///
    /// # Panics
    /// `details` is not a struct.
    #[must_use]
    pub fn new(degraded: Option<String>, details: &impl Serialize) -> Self {
        match serde_json::to_value(details) {
            Ok(Value::Object(details)) => Self { degraded, details },
            other => panic!("wanted a struct, got {other:?}"),
        }
    }
}

/// The keys that every server's `/health` has.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthBody {
    status: Status,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    details: Map<String, Value>,
}

/// Whether a server can do its work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
enum Status {
    Healthy,
    Degraded,
}

/// A server's name and version, as `/version` returns them.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Identity {
    /// The binary's name, such as `seedbed-tracker`.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
}

/// The [`Identity`](crate::admin::Identity) of the calling crate.
#[macro_export]
macro_rules! identity {
    () => {
        $crate::admin::Identity { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    };
}

/// The common routes of a server, with their descriptions. `health` is called for each request.
pub fn router(
    identity: Identity,
    metrics: Metrics,
    health: impl Fn() -> Health + Send + Sync + 'static,
) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(health_of).map(|route| route.fallback(not_allowed)))
        .routes(routes!(version_of).map(|route| route.fallback(not_allowed)))
        .routes(routes!(metrics_of).map(|route| route.fallback(not_allowed)))
        .with_state(Common { identity, metrics, health: Arc::new(health) })
}

/// As [`router`]; `D` describes the details of the server's health.
pub fn documented<D: ToSchema>(
    identity: Identity,
    metrics: Metrics,
    health: impl Fn() -> Health + Send + Sync + 'static,
) -> OpenApiRouter {
    let mut router = router(identity, metrics, health);
    let mut schemas = vec![(D::name().into_owned(), D::schema())];
    D::schemas(&mut schemas);
    let components = router.get_openapi_mut().components.get_or_insert_default();
    components.schemas.extend(schemas);
    let whole = AllOfBuilder::new().item(HealthBody::schema()).item(D::schema()).build();
    components.schemas.insert("Health".into(), RefOr::T(Schema::AllOf(whole)));
    router
}

#[derive(Clone)]
struct Common {
    identity: Identity,
    metrics: Metrics,
    health: Arc<dyn Fn() -> Health + Send + Sync>,
}

/// Whether it can do its work
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    operation_id = "health",
    responses(
        (status = 200, description = "It can", body = HealthBody),
        (status = 503, description = "It cannot, for the reason given", body = HealthBody),
    )
)]
async fn health_of(State(common): State<Common>) -> Response {
    let Health { degraded, details } = (common.health)();
    let (code, status) = match degraded {
        None => (StatusCode::OK, Status::Healthy),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, Status::Degraded),
    };
    let body = HealthBody { status, reason: degraded, details };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Its name and version
#[utoipa::path(
    get,
    path = "/version",
    tag = "service",
    operation_id = "version",
    responses((status = 200, description = "Who is serving", body = Identity))
)]
async fn version_of(State(common): State<Common>) -> Json<Identity> {
    Json(common.identity)
}

/// Its metrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    operation_id = "metrics",
    responses((
        status = 200,
        description = "OpenMetrics, as Prometheus reads it",
        body = String,
        content_type = OPEN_METRICS
    ))
)]
async fn metrics_of(State(common): State<Common>) -> Response {
    match common.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to encode the metrics"),
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn not_allowed() -> Response {
    const ALLOW: &str = "GET, HEAD";
    let error = error(StatusCode::METHOD_NOT_ALLOWED, format!("wanted one of {ALLOW}"));
    ([(header::ALLOW, ALLOW)], error).into_response()
}

/// The body of an error of every endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// What the server wanted and what it got.
    pub error: String,
    /// The status code of the response.
    pub status: u16,
}

/// An error response as every endpoint returns it: `{"error":"...","status":400}`.
#[must_use]
pub fn error(status: StatusCode, message: impl Into<String>) -> Response {
    let body = ErrorBody { error: message.into(), status: status.as_u16() };
    (status, Json(body)).into_response()
}

/// The body of [`error`].
#[must_use]
pub fn error_body(status: StatusCode, message: impl Into<String>) -> Value {
    serde_json::json!({ "error": message.into(), "status": status.as_u16() })
}
