//! The refusals of a guard in a server's OpenAPI document.

use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{Content, OpenApi, PathItem, Ref, Response},
};

use crate::admin::ErrorBody;

/// The statuses of refused state changes.
const REFUSALS: [(&str, &str); 4] = [
    ("401", "The server has a --control-token, and the request lacks it"),
    ("403", "A page of another origin sent the request"),
    ("415", "The content is not application/json"),
    ("421", "The server listens on a loopback address, and the request names another host"),
];

/// Adds to every operation that changes state how the guard refuses it.
pub(crate) fn describe_refusals(document: &mut OpenApi) {
    let name = ErrorBody::name().into_owned();
    for path in document.paths.paths.values_mut() {
        let PathItem { post, put, patch, delete, .. } = path;
        for operation in [post, put, patch, delete].into_iter().flatten() {
            for (status, description) in REFUSALS {
                let content = Content::new(Some(Ref::from_schema_name(&name)));
                let response = Response::builder()
                    .description(description)
                    .content("application/json", content)
                    .build();
                operation
                    .responses
                    .responses
                    .entry(status.to_owned())
                    .or_insert_with(|| response.into());
            }
        }
    }
    let components = document.components.get_or_insert_default();
    components.schemas.entry(name).or_insert_with(ErrorBody::schema);
}
