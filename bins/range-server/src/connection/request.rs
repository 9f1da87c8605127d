//! The head of a request, parsed: RFC 9112 sections 2 to 6.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header,
};
use bytes::Bytes;

use super::Refusal;

/// Most header fields of a request.
const FIELDS: usize = 100;

/// Largest content of a request, in bytes.
pub(super) const CONTENT_LIMIT: u64 = 1 << 20;

/// How the content of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

pub(super) const fn refusal(status: StatusCode, message: &'static str) -> Refusal {
    Refusal { status, message }
}

pub(super) const fn bad(message: &'static str) -> Refusal {
    refusal(StatusCode::BAD_REQUEST, message)
}

/// Parses a request line and a header section, up to and including the empty line.
pub(super) fn parse(head: &[u8]) -> Result<(Request<Bytes>, Framing), Refusal> {
    const SYNTAX: Refusal = bad("wanted an HTTP/1.1 request");
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(SYNTAX),
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(httparse::Error::Version) => {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return Err(refusal(status, "wanted HTTP/1.1 or HTTP/1.0"));
        }
        Err(_) => return Err(SYNTAX),
    }
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes())
        .map_err(|_| bad("wanted a method"))?;
    *request.uri_mut() = parsed
        .path
        .unwrap_or_default()
        .parse::<Uri>()
        .map_err(|_| bad("wanted a request target"))?;
    *request.version_mut() =
        if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let headers = request.headers_mut();
    headers.reserve(parsed.headers.len());
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| SYNTAX)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| SYNTAX)?);
    }
    let framing = framing(request.version(), request.headers())?;
    Ok((request, framing))
}

/// The answer to more than [`super::reader::HEAD_LIMIT`] bytes, or [`FIELDS`] fields.
pub(super) const TOO_LARGE: Refusal = refusal(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "wanted at most 100 header fields and 64 KiB of them",
);

/// RFC 9112 section 6.3. Whatever two recipients could understand in two ways is refused.
fn framing(version: Version, headers: &HeaderMap) -> Result<Framing, Refusal> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::Length(0)),
        (None, Some(length)) => {
            let digits = length.to_str().unwrap_or_default();
            let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !all || lengths.next().is_some() {
                return Err(bad("wanted one Content-Length, in digits"));
            }
            match digits.parse::<u64>() {
                Ok(length) if length <= CONTENT_LIMIT => {
                    Ok(Framing::Length(usize::try_from(length).unwrap_or(usize::MAX)))
                }
                _ => Err(CONTENT_TOO_LARGE),
            }
        }
        (Some(_), Some(_)) => Err(bad("wanted Content-Length or Transfer-Encoding, got both")),
        (Some(_), None) if version < Version::HTTP_11 => {
            Err(bad("wanted no Transfer-Encoding in HTTP/1.0"))
        }
        (Some(coding), None) => {
            if coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none() {
                Ok(Framing::Chunked)
            } else {
                Err(refusal(StatusCode::NOT_IMPLEMENTED, "wanted no transfer coding but chunked"))
            }
        }
    }
}

/// The answer to more than [`CONTENT_LIMIT`] bytes.
pub(super) const CONTENT_TOO_LARGE: Refusal =
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "wanted at most 1 MiB of content");

/// Whether the client waits for 100 (Continue) before it sends content (RFC 9110 section 10.1.1).
pub(super) fn expects_continue(request: &Request<Bytes>) -> bool {
    let is = |line: &HeaderValue| line.as_bytes().eq_ignore_ascii_case(b"100-continue");
    request.version() >= Version::HTTP_11
        && request.headers().get_all(header::EXPECT).iter().any(is)
}
