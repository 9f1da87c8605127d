//! What is no file and yet has a path: the index, and the routes that every server has.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use prometheus_client::registry::Unit;
use seedbed_service::{
    Metrics,
    admin::{self, Health},
    identity,
};
use sha2::{Digest as _, Sha256};
use tower_service::Service as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    content::Content,
    etag::EntityTag,
    files,
    http_date::HttpDate,
    index, openapi,
    precondition::{Preconditions, Verdict},
    server::{App, error, method_not_allowed},
    validators::Validators,
};

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
pub(crate) async fn answer(pages: &Router, request: &Request<Bytes>) -> Response<Content> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed();
    }
    // The connection leaves the content out for HEAD, and says how long it would be.
    let mut inner = request.clone().map(Body::from);
    *inner.method_mut() = Method::GET;
    let Ok(response) = pages.clone().call(inner).await;
    let (mut parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            let response = Response::from_parts(parts, Content::Bytes(body.to_bytes()));
            conditional(request, response)
        }
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to make the page"),
    }
}

/// Evaluates the preconditions for content that was made for this request, whose tag is of its
/// bytes. Without a success there is nothing to evaluate (RFC 9110 section 13.2.1).
pub(crate) fn conditional(
    request: &Request<Bytes>,
    mut response: Response<Content>,
) -> Response<Content> {
    let Content::Bytes(content) = response.body() else { return response };
    if !response.status().is_success() {
        return response;
    }
    let etag = EntityTag::strong(&Sha256::digest(content)[..16]);
    files::insert(&mut response, header::ETAG, &etag.to_string());
    let now = HttpDate::from_clock(SystemTime::now());
    let current = Validators { etag, last_modified: None };
    match Preconditions::from_headers(request.headers(), now).evaluate(&current) {
        Verdict::Proceed => response,
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.map(|_| Content::Absent)
        }
        Verdict::Failed => error(StatusCode::PRECONDITION_FAILED, "a precondition does not hold"),
    }
}
