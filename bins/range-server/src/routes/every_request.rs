//! The one place that every request passes: files, pages, playlists, paths that name nothing,
//! preflights, and requests that the server refuses as malformed.
//!
//! It counts, and adds what holds for every response. A rule that is to act on any request acts here.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use tower_layer::Layer;
use tower_service::Service;

use super::respond::ALLOW;
use crate::app::{App, StatusLabel};

/// Wraps the whole service.
#[derive(Clone, Debug)]
pub(crate) struct EveryRequest<S = ()> {
    app: Arc<App>,
    inner: S,
}

impl EveryRequest {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, inner: () }
    }
}

impl<S> Layer<S> for EveryRequest {
    type Service = EveryRequest<S>;

    fn layer(&self, inner: S) -> EveryRequest<S> {
        EveryRequest { app: Arc::clone(&self.app), inner }
    }
}

impl<S, B> Service<Request<Body>> for EveryRequest<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let app = Arc::clone(&self.app);
        let answering = self.inner.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            complete(&mut response);
            let status = response.status().as_u16();
            app.requests.get_or_create(&StatusLabel { status }).inc();
            Ok(response)
        })
    }
}

fn complete<B>(response: &mut Response<B>) {
    let headers = response.headers_mut();
    // Nobody should keep an error, or an index, any longer than it is true.
    let cache = headers.entry(header::CACHE_CONTROL);
    cache.or_insert(HeaderValue::from_static("no-store"));
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS) {
        // The answer to OPTIONS, which is not only for preflights (RFC 9110 section 9.3.7).
        headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
}
