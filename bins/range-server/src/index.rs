//! The index of the root at `/`: what lies directly in it.
//!
//! Directories below the root are served, but never listed: their paths are 404.

use std::{fmt::Write as _, io, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use seedbed_service::admin::{self, ErrorBody};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::{
    content_type,
    root::{RelativePath, Root},
    server::App,
};

/// What a path segment does without: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file of the index.
#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    name: String,
    size: u64,
    #[serde(rename = "type")]
    content_type: &'static str,
    etag: String,
    url: String,
}

/// The files that lie directly in the root
///
/// A page for browsers, which ask for `text/html`, and JSON for everyone else.
#[utoipa::path(
    get, path = "/", tag = "content", operation_id = "index",
    responses(
        (status = 200, description = "By name", content(
            ([Entry] = "application/json"),
            (String = "text/html; charset=utf-8"),
        )),
        (status = 500, description = "The root cannot be listed", body = ErrorBody),
    )
)]
pub(crate) async fn handle(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let entries = match spawn_blocking(move || entries(&app.config.root)).await {
        Ok(Ok(entries)) => entries,
        Ok(Err(error)) => return failed(&error),
        Err(lost) => return failed(&lost.into()),
    };
    let vary = [(header::VARY, "Accept")];
    if quality(&headers, "text/html") > quality(&headers, "application/json") {
        (vary, Html(page(&entries))).into_response()
    } else {
        (vary, Json(entries)).into_response()
    }
}

/// How much a media type is wanted, in thousandths: the most specific range that covers it tells
/// (RFC 9110 section 12.5.1).
fn quality(headers: &HeaderMap, media: &str) -> u16 {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let group = media.split_once('/').map_or(media, |(group, _)| group);
    let covering = lines.flat_map(|line| line.split(',')).filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let specific = match range.strip_suffix("/*") {
            None => (range == media).then_some(2)?,
            Some("*") => 0,
            Some(of) => (of == group).then_some(1)?,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some((specific, thousandths(weight.unwrap_or("1"))))
    });
    covering.max_by_key(|(specific, _)| *specific).map_or(0, |(_, weight)| weight)
}

/// A weight (section 12.4.2), nothing if it is none.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let fraction = format!("{fraction:0<3}");
    match (whole, fraction.parse()) {
        ("0", Ok(fraction)) if fraction < 1000 => fraction,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}

fn failed(error: &io::Error) -> Response {
    tracing::error!(%error, "failed to list the root");
    admin::error(StatusCode::INTERNAL_SERVER_ERROR, "failed to list the root")
}

fn entries(root: &Root) -> io::Result<Vec<Entry>> {
    let paths = root.entries()?;
    Ok(paths.iter().filter_map(|path| entry(root, path)).collect())
}

/// The entry of a file, none for what is no file that can be read.
fn entry(root: &Root, path: &RelativePath) -> Option<Entry> {
    let fingerprint = root.file(path).ok()?.version.fingerprint;
    let name = path.as_path().as_os_str();
    Some(Entry {
        name: name.to_string_lossy().into_owned(),
        size: fingerprint.length(),
        content_type: content_type::of(path.as_path()),
        etag: fingerprint.etag().to_string(),
        url: format!("/{}", percent_encode(name.as_encoded_bytes(), ESCAPED)),
    })
}

fn page(entries: &[Entry]) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>seedbed-range</title>\n\
         <h1>seedbed-range</h1>\n<ul>\n",
    );
    for Entry { name, size, content_type, url, .. } in entries {
        // The URL needs no escaping: percent-encoding left nothing special in it.
        let name = escape(name);
        let _infallible =
            writeln!(html, "<li><a href=\"{url}\">{name}</a> {content_type}, {size} bytes");
        if content_type::is_playable(content_type) {
            let _infallible =
                writeln!(html, "<br><video src=\"{url}\" controls preload=\"metadata\"></video>");
        }
    }
    html.push_str("</ul>\n</html>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
