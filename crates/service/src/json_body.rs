//! Extracts a request's JSON body, with errors that name the field at fault.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};
use serde::de::DeserializeOwned;

use crate::admin;

/// Largest body in bytes.
const LIMIT: usize = 64 << 10;

/// Extracts a value from a JSON body of at most 64 KiB. [`guard`](crate::guard) checks the
/// Content-Type.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let body = to_bytes(request.into_body(), LIMIT).await.map_err(|_| {
            let message = format!("wanted a body of at most {LIMIT} bytes");
            admin::error(StatusCode::PAYLOAD_TOO_LARGE, message)
        })?;
        parse(&body).map(Self).map_err(|message| admin::error(StatusCode::BAD_REQUEST, message))
    }
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => error.inner().to_string(),
            field => format!("{field}: {}", error.inner()),
        }
    })?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only whether it parses matters")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only whether it parses matters")]
        size: u64,
    }

    #[test]
    fn errors_name_the_field_at_fault() {
        for (body, wanted) in [
            (r#"{"inner":{"size":"x"}}"#, "inner.size: invalid type"),
            (r#"{"inner":{}}"#, "inner: missing field `size`"),
            (r#"{"inner":{"size":1,"sise":2}}"#, "inner.sise: unknown field `sise`"),
            ("{}", "missing field `inner`"),
            ("", "EOF while parsing"),
            (r#"{"inner":{"size":1}} x"#, "trailing characters"),
        ] {
            let error = parse::<Outer>(&Bytes::from(body)).unwrap_err();
            assert!(error.starts_with(wanted), "{body}: {error}");
        }
        assert!(parse::<Outer>(&Bytes::from_static(br#" {"inner":{"size":1}} "#)).is_ok());
    }
}
