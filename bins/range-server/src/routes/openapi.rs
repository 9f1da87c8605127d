//! The OpenAPI document: the routes of the router, and those that are answered without it.

mod content;

use axum::Router;
use seedbed_service::{
    admin::ErrorBody,
    identity,
    openapi::{self, Binary},
};
use utoipa::{
    IntoResponses as _, OpenApi as _,
    openapi::{
        OpenApi, RefOr, ResponseBuilder,
        header::Header,
        path::{Operation, OperationBuilder, ParameterIn},
    },
};
use utoipa_axum::router::OpenApiRouter;

use super::{hls::Hls, respond::ALLOW};

const ABOUT: &str = "HEAD is answered wherever GET is, with the same header fields. A page of any \
                     origin may read every answer. A path that is described by name goes before a \
                     file of that name.";

/// The routes with `/openapi.json` beside them.
pub(crate) fn serve(hls: Hls, routes: OpenApiRouter) -> Router {
    let document = document(hls, routes.clone());
    routes.merge(openapi::route(document)).into()
}

fn document(hls: Hls, routes: OpenApiRouter) -> OpenApi {
    let mut document = openapi::document(identity!(), routes);
    // What the router makes is compared with preconditions on its way out.
    for page in document.paths.paths.values_mut().filter_map(|item| item.get.as_mut()) {
        page.responses.responses.extend(content::Unchanged::responses());
    }
    document.merge(Always::openapi());
    if hls.vod {
        document.merge(Vod::openapi());
    }
    if hls.live {
        document.merge(Live::openapi());
    }
    for item in document.paths.paths.values_mut() {
        item.options = item.get.as_ref().map(preflight);
    }
    document.info.description = Some(ABOUT.to_owned());
    document
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(content::synthetic, content::file), components(schemas(ErrorBody, Binary)))]
struct Always;

#[derive(utoipa::OpenApi)]
#[openapi(paths(content::vod))]
struct Vod;

#[derive(utoipa::OpenApi)]
#[openapi(paths(content::live))]
struct Live;

/// The answer to OPTIONS, as [`EveryRequest`](super::EveryRequest) completes it.
fn preflight(get: &Operation) -> Operation {
    let parameters = get.parameters.iter().flatten().filter(
        |it| matches!(it, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path),
    );
    let mut response = ResponseBuilder::new().description("What a page may send");
    for field in ["Allow", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"] {
        response = response.header(field, Header::default());
    }
    let mut preflight = OperationBuilder::new()
        .tag("cors")
        .summary(Some("Preflight"))
        .description(Some(format!("Every path may be asked with {ALLOW}, and the field Range.")))
        .response("204", response)
        .build();
    preflight.parameters = Some(parameters.cloned().collect());
    preflight
}
