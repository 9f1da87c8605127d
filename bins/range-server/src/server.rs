//! The routes, and what holds for every one of them.

use std::{net::TcpListener, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, uri::Authority},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Unit,
};
use seedbed_service::{
    Metrics, Shutdown,
    admin::{self, Health},
    identity,
    serve::serve,
};

use crate::{Config, cors, files, index};

/// The methods that every path knows.
pub(crate) const ALLOW: &str = "GET, HEAD, OPTIONS";

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    /// Bytes of response bodies that were taken from files.
    pub(crate) sent: Counter,
    requests: Family<StatusLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

/// Serves the files below the configured root until `shutdown`.
///
/// # Errors
/// The listener cannot be used.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    serve(listener, router(config), shutdown).await
}

fn router(config: Config) -> Router {
    let app = Arc::new(App { config, sent: Counter::default(), requests: Family::default() });
    let metrics = Metrics::new("seedbed_range", |registry| {
        registry.register("requests", "Responses by status", app.requests.clone());
        let help = "What was sent of files, delimiters of parts included";
        registry.register_with_unit("sent", help, Unit::Bytes, app.sent.clone());
    });
    let health = {
        let app = Arc::clone(&app);
        move || Health {
            degraded: app
                .config
                .root
                .check()
                .err()
                .map(|error| format!("{:#}", anyhow::Error::new(error))),
            ..Health::default()
        }
    };
    Router::new()
        .route("/", get(index::handle).fallback(method_not_allowed))
        .fallback(files::handle)
        .with_state(Arc::clone(&app))
        .merge(admin::router(identity!(), metrics, health))
        .layer(from_fn_with_state(app, every_request))
}

/// 405, for a method that no path knows.
pub(crate) async fn method_not_allowed() -> Response {
    let error = admin::error(StatusCode::METHOD_NOT_ALLOWED, format!("wanted one of {ALLOW}"));
    ([(header::ALLOW, ALLOW)], error).into_response()
}

/// What holds for every request: it has a host, any page may read the answer, it is counted and
/// logged.
async fn every_request(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let range = request.headers().get(header::RANGE).cloned();
    let mut response = if !names_a_host(request.version(), request.headers()) {
        admin::error(StatusCode::BAD_REQUEST, "wanted exactly one valid Host header field")
    } else if method == Method::OPTIONS {
        cors::preflight()
    } else {
        next.run(request).await
    };
    cors::allow(response.headers_mut());
    // Nobody should keep an error, or an index, any longer than it is true.
    let cache = response.headers_mut().entry(header::CACHE_CONTROL);
    cache.or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    app.requests.get_or_create(&StatusLabel { status }).inc();
    tracing::info!(%method, %uri, ?range, status, "request");
    response
}

/// Whether the Host header field is as RFC 9112 section 3.2 wants it.
fn names_a_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => {
            let authority = Authority::try_from(host.as_bytes());
            // An authority may have a user in it, a host may not.
            host.is_empty() || authority.is_ok_and(|host| !host.as_str().contains('@'))
        }
        (Some(_), Some(_)) => false,
    }
}
