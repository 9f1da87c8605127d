//! Descriptions of the routes that are answered without the router: files, synthetic content, HLS.

#![expect(dead_code, reason = "it is there to be described")]

use seedbed_service::{admin::ErrorBody, openapi::Binary};
use utoipa::{IntoParams, IntoResponses};

/// The fields that decide what is sent (RFC 9110 sections 13 and 14).
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
struct Fields {
    /// Ranges of bytes.
    #[param(rename = "Range", required = false, example = "bytes=0-499")]
    range: String,
    /// The tag or the date that Range goes with; the whole comes if it is another now.
    #[param(rename = "If-Range", required = false)]
    if_range: String,
    #[param(rename = "If-Match", required = false)]
    if_match: String,
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
    #[param(rename = "If-Modified-Since", required = false)]
    if_modified_since: String,
    #[param(rename = "If-Unmodified-Since", required = false)]
    if_unmodified_since: String,
}

/// What a precondition can make of an answer.
#[derive(IntoResponses)]
pub(super) enum Unchanged {
    /// It is what the client has already.
    #[response(status = 304, headers(("ETag" = String)))]
    NotModified,
    /// A precondition does not hold.
    #[response(status = 412)]
    PreconditionFailed(ErrorBody),
}

/// The answers to a request for bytes.
#[derive(IntoResponses)]
enum Bytes {
    /// The whole.
    #[response(
        status = 200,
        content_type = "*/*",
        headers(
            ("Accept-Ranges" = String), ("ETag" = String),
            ("Last-Modified" = String, description = "Of a file")
        )
    )]
    Whole(Binary),
    /// The ranges that were asked for; several come as `multipart/byteranges`.
    #[response(
        status = 206,
        content_type = "*/*",
        headers(
            ("Accept-Ranges" = String), ("ETag" = String),
            ("Content-Range" = String, description = "Of a single one")
        )
    )]
    Part(Binary),
    /// There is none.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// No byte is in the ranges, or they break the grammar.
    #[response(status = 416, headers(("Content-Range" = String, description = "`bytes */LENGTH`")))]
    Unsatisfiable(ErrorBody),
}

/// The answers that only a file can have.
#[derive(IntoResponses)]
enum Unreadable {
    /// The server may not read it.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// It cannot be read.
    #[response(status = 500)]
    Failed(ErrorBody),
}

/// A file below the root
///
/// The path may have slashes in it. Its type goes by its name. What begins with a dot is not
/// served, nor are directories.
#[utoipa::path(
    get, path = "/{path}", tag = "content",
    params(("path" = String, Path, description = "Below the root"), Fields),
    responses(Bytes, Unchanged, Unreadable)
)]
pub(super) fn file() {}

/// Content that needs no disk
///
/// The same size and seed give the same bytes: an AES-128-CTR keystream from a zero IV, whose key
/// is the first 16 bytes of SHA-256 of `seedbed:` and the seed.
#[utoipa::path(
    get, path = "/synthetic/{size}", tag = "content",
    params(
        ("size" = u64, Path, description = "How many bytes"),
        ("seed" = Option<u64>, Query, description = "0 unless it is given"),
        Fields,
    ),
    responses(
        Bytes,
        Unchanged,
        (status = 400, description = "That is no seed", body = ErrorBody),
    )
)]
pub(super) fn synthetic() {}

/// A video as HTTP Live Streaming
///
/// The playlist, which lists all segments, or a segment.
#[utoipa::path(
    get,
    path = "/hls/{name}/{container}/{file}",
    tag = "hls",
    params(Segment, Fields),
    responses(Bytes, Unchanged, Unreadable)
)]
pub(super) fn vod() {}

/// A video in a loop, as a live stream
///
/// The playlist, which is a window that slides over the segments for ever, or a segment. The stream
/// began with the server.
#[utoipa::path(
    get,
    path = "/hls-live/{name}/{container}/{file}",
    tag = "hls",
    params(Segment, Fields),
    responses(Bytes, Unchanged, Unreadable)
)]
pub(super) fn live() {}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
struct Segment {
    /// The video.
    name: String,
    /// `ts` or `fmp4`.
    #[param(example = "ts")]
    container: String,
    /// `index.m3u8`, or what it lists.
    #[param(example = "index.m3u8")]
    file: String,
}
