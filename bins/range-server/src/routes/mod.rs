//! The routes: which path gets what.
//!
//! Everything here turns a request into a response. Whether a range or a precondition counts is
//! decided in [`rfc9110`](crate::rfc9110), and only [`content`](crate::content) opens files.
//! `EveryRequest` is the one place that every request passes, whatever it gets.

mod every_request;
mod files;
pub mod hls;
mod index;
mod openapi;
mod pages;
mod respond;
mod synthetic;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response},
};
use tower_service::Service;

use crate::{app::App, content::root::RelativePath};

pub(crate) use every_request::EveryRequest;

/// The service of all routes.
pub(crate) fn service(
    app: Arc<App>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let pages = pages::router(&app);
    tower::service_fn(move |request| {
        let (app, pages) = (Arc::clone(&app), pages.clone());
        async move { Ok(answer(&app, pages, request).await) }
    })
}

async fn answer(app: &Arc<App>, pages: Router, request: Request<Body>) -> Response<Body> {
    let (request, body) = request.into_parts();
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return respond::method_not_allowed();
    }
    if let Err(refusal) = app.guard.check(&request.method, &request.uri, &request.headers) {
        return respond::error(refusal.status(), refusal.to_string());
    }
    let path = request.uri.path();
    if let Some(size) = path.strip_prefix(synthetic::PREFIX) {
        return synthetic::answer(app, &request, size);
    }
    if let Some(route) = app.config.hls.route(path) {
        return hls::answer(app, &request, route).await;
    }
    match path {
        "/" | "/health" | "/version" | "/metrics" | "/openapi.json" => {
            pages::answer(pages, Request::from_parts(request, body)).await
        }
        _ => files::answer(app, &request, RelativePath::from_uri(path)).await,
    }
}
