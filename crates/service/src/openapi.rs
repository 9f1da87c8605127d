//! The OpenAPI document of a server, at `/openapi.json`.
//!
//! The handlers carry its parts: a route can only be added together with its description
//! (`#[utoipa::path]` and `routes!`).

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    middleware::map_response,
    response::{IntoResponse as _, Response},
};
use utoipa::{
    ToSchema,
    openapi::{Info, OpenApi},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{self, Identity},
    guard::describe_refusals,
};

/// Adds `/openapi.json` to the routes, and a JSON body to errors without one.
pub fn serve(identity: Identity, routes: OpenApiRouter) -> Router {
    let document = document(identity, routes.clone());
    let routes = routes.merge(route(document));
    // Outside of the whole router, because the router adds `Allow`.
    Router::new().fallback_service(Router::from(routes)).layer(map_response(with_body))
}

/// The document of these routes and of its own route, for a server that adds more to it.
#[must_use]
pub fn document(identity: Identity, routes: OpenApiRouter) -> OpenApi {
    let mut document = routes.merge(route(OpenApi::default())).into_openapi();
    document.info = Info::new(identity.name, identity.version);
    document.info.license = None;
    describe_refusals(&mut document);
    document
}

/// The route that answers with a document.
pub fn route(document: OpenApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(openapi)).with_state(Arc::new(document))
}

/// Describes binary content: utoipa describes `Vec<u8>` as a list of numbers.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Binary(());

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = serde_json::Value))
)]
async fn openapi(State(document): State<Arc<OpenApi>>) -> Response {
    Json(&*document).into_response()
}

/// Adds a JSON body to an error. axum's own errors are empty or plain text.
async fn with_body(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let headers = response.headers();
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_error || is_json {
        return response;
    }
    let allow = headers.get(header::ALLOW).cloned();
    let message = match (status, allow.as_ref().and_then(|allow| allow.to_str().ok())) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(allow)) => format!("wanted one of {allow}"),
        (StatusCode::NOT_FOUND, _) => "no such route: see /openapi.json".to_owned(),
        _ => status.canonical_reason().unwrap_or("failed").to_lowercase(),
    };
    let mut answer = admin::error(status, message);
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}
