//! The pages: the index of the root, and the routes that every server has.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt as _;
use prometheus_client::registry::Unit;
use seedbed_service::{
    Metrics,
    admin::{self, Health},
    identity,
};
use tower_service::Service as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    index, openapi,
    respond::{conditional, error},
};
use crate::app::App;

/// The routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
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
    let routes = OpenApiRouter::new()
        .routes(routes!(index::handle))
        .with_state(Arc::clone(app))
        .merge(admin::router(identity!(), metrics, health));
    openapi::serve(app.config.hls, routes)
}

/// Answers with one of them.
pub(crate) async fn answer(mut pages: Router, mut request: Request<Body>) -> Response<Body> {
    let headers = request.headers().clone();
    // The tag is that of the content. The server leaves the content out for HEAD.
    *request.method_mut() = Method::GET;
    let Ok(response) = pages.call(request).await;
    let (mut parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            conditional(&headers, Response::from_parts(parts, ()), body.to_bytes())
        }
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to make the page"),
    }
}
