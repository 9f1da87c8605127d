//! The routes, and what holds for every one of them.

use std::{net::TcpListener, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    http::{
        HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header,
        uri::Authority,
    },
};
use bytes::Bytes;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seedbed_service::{Shutdown, accept::accept, admin, guard::Guard};
use tokio::time::Instant;

use crate::{
    Config,
    blocks::Blocks,
    connection::{self, Refusal, Service},
    content::Content,
    cors, files, hls, pages,
    root::RelativePath,
    synthetic,
    workers::Workers,
};

/// The methods that every path knows.
pub(crate) const ALLOW: &str = "GET, HEAD, OPTIONS";

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) guard: Guard,
    pub(crate) started: Instant,
    pub(crate) blocks: Arc<Blocks>,
    /// Bytes that were sent of files and synthetic content.
    pub(crate) sent: Counter,
    pub(crate) requests: Family<StatusLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StatusLabel {
    status: u16,
}

/// Serves the files below the configured root until `shutdown`.
///
/// # Errors
/// The listener cannot be used.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    let address = listener.local_addr().context("failed to read the bound address")?;
    let app = Arc::new(App {
        guard: Guard::new(config.control.clone(), address),
        config,
        started: Instant::now(),
        blocks: Arc::new(Blocks::new(descriptors() / 8)),
        sent: Counter::default(),
        requests: Family::default(),
    });
    let server = Server { pages: pages::router(&app), app };
    let workers = Arc::new(Workers::start().context("failed to start the threads")?);
    accept(listener, shutdown.clone(), |stream, remote| {
        let (server, shutdown, workers) = (server.clone(), shutdown.clone(), Arc::clone(&workers));
        async move {
            let serve = |stream| connection::serve(stream, shutdown, server);
            if let Err(error) = workers.run(stream, serve).await {
                tracing::debug!(%remote, %error, "a connection ended early");
            }
        }
    })
    .await
}

/// How many files may be open, as many as the system allows: a connection takes two.
fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let limit = if raised.is_ok() { limit.maximum } else { limit.current };
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
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
    let guarded = |request: &Request<Bytes>| {
        app.guard.check(request.method(), request.uri(), request.headers()).err()
    };
    let mut response = match &request {
        Ok(request) if !names_a_host(request.version(), request.headers()) => {
            error(StatusCode::BAD_REQUEST, "wanted exactly one valid Host header field")
        }
        Ok(request) if *request.method() == Method::OPTIONS => cors::preflight(),
        Ok(request) => match guarded(request) {
            Some(refusal) => error(refusal.status(), refusal.to_string()),
            None => route(app, pages, request).await,
        },
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
        "/" | "/health" | "/version" | "/metrics" | "/openapi.json" => {
            pages::answer(pages, request).await
        }
        _ => files::answer(app, request, RelativePath::from_uri(path)).await,
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
