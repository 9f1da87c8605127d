//! The routes, and what holds for every one of them.

use std::{net::TcpListener, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header,
        uri::Authority,
    },
    routing::get,
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Unit,
};
use seedbed_service::{
    Metrics, Shutdown,
    accept::accept,
    admin::{self, Health},
    identity,
};
use tokio::time::Instant;
use tower_service::Service as _;

use crate::{
    Config,
    blocks::Blocks,
    connection::{self, Refusal, Service},
    content::Content,
    cors, files, hls, index,
    root::RelativePath,
    synthetic,
};

/// The methods that every path knows.
pub(crate) const ALLOW: &str = "GET, HEAD, OPTIONS";

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) started: Instant,
    pub(crate) blocks: Arc<Blocks>,
    /// Bytes that were sent of files and synthetic content.
    sent: Counter,
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
    let app = Arc::new(App {
        config,
        started: Instant::now(),
        blocks: Arc::default(),
        sent: Counter::default(),
        requests: Family::default(),
    });
    let server = Server { pages: pages(&app), app };
    accept(listener, shutdown.clone(), |stream, remote| {
        let (server, shutdown) = (server.clone(), shutdown.clone());
        async move {
            if let Err(error) = connection::serve(stream, shutdown, server).await {
                tracing::debug!(%remote, %error, "a connection ended early");
            }
        }
    })
    .await
}

/// What answers the requests of all connections.
#[derive(Clone, Debug)]
struct Server {
    app: Arc<App>,
    pages: Router,
}

impl Service for Server {
    async fn answer(&self, request: Result<Request<Bytes>, Refusal>) -> Response<Content> {
        answer(&self.app, &self.pages, request).await
    }

    fn sent(&self, bytes: u64) {
        self.app.sent.inc_by(bytes);
    }
}

/// The routes that are no files.
fn pages(app: &Arc<App>) -> Router {
    let metrics = Metrics::new("seedbed_range", |registry| {
        registry.register("requests", "Responses by status", app.requests.clone());
        let help = "What was sent of files and synthetic content";
        registry.register_with_unit("sent", help, Unit::Bytes, app.sent.clone());
    });
    let health = {
        let app = Arc::clone(app);
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
    Router::new().route("/", get(index::handle)).with_state(Arc::clone(app)).merge(admin::router(
        identity!(),
        metrics,
        health,
    ))
}

/// 405, for a method that no path knows.
pub(crate) fn method_not_allowed() -> Response<Content> {
    let message = format!("wanted one of {ALLOW}");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    response
}

/// An error as all servers give it.
pub(crate) fn error(status: StatusCode, message: impl Into<String>) -> Response<Content> {
    let body = admin::error_body(status, message).to_string();
    let mut response = Response::new(Content::Bytes(body.into()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// What holds for every request: it has a host, any page may read the answer, it is counted and
/// logged.
async fn answer(
    app: &Arc<App>,
    pages: &Router,
    request: Result<Request<Bytes>, Refusal>,
) -> Response<Content> {
    let mut response = match &request {
        Ok(request) if !names_a_host(request.version(), request.headers()) => {
            error(StatusCode::BAD_REQUEST, "wanted exactly one valid Host header field")
        }
        Ok(request) if *request.method() == Method::OPTIONS => cors::preflight(),
        Ok(request) => route(app, pages, request).await,
        Err(refusal) => error(refusal.status, refusal.message),
    };
    let headers = response.headers_mut();
    cors::allow(headers);
    // Nobody should keep an error, or an index, any longer than it is true.
    let cache = headers.entry(header::CACHE_CONTROL);
    cache.or_insert(HeaderValue::from_static("no-store"));
    let status = response.status().as_u16();
    app.requests.get_or_create(&StatusLabel { status }).inc();
    match request {
        Ok(request) => {
            let (method, uri) = (request.method(), request.uri());
            let range = request.headers().get(header::RANGE);
            tracing::info!(%method, %uri, ?range, status, "request");
        }
        Err(_) => tracing::info!(status, "no request"),
    }
    response
}

async fn route(app: &Arc<App>, pages: &Router, request: &Request<Bytes>) -> Response<Content> {
    let path = request.uri().path();
    if let Some(size) = path.strip_prefix(synthetic::PREFIX) {
        return synthetic::answer(app, request, size);
    }
    if let Some(response) = hls::answer(app, request, path).await {
        return response;
    }
    match path {
        "/" | "/health" | "/version" | "/metrics" => page(pages, request).await,
        _ => files::answer(app, request, RelativePath::from_uri(path)).await,
    }
}

/// Answers with one of the routes that are no files.
async fn page(pages: &Router, request: &Request<Bytes>) -> Response<Content> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed();
    }
    // The connection leaves the content out for HEAD, and says how long it would be.
    let mut request = request.clone().map(Body::from);
    *request.method_mut() = Method::GET;
    let Ok(response) = pages.clone().call(request).await;
    let (mut parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Content::Bytes(body.to_bytes()))
        }
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to make the page"),
    }
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
