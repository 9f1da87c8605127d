//! The index at `/`: the files that lie directly in the root.
//!
//! Files in directories below the root are served, but not listed: the paths of directories are 404.

use std::{fmt::Write as _, io, sync::Arc, time::SystemTime};

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
    app::App,
    content::{
        media_type,
        root::{RelativePath, Root},
    },
};

/// Characters that are escaped in a path segment: all but the unreserved ones of RFC 3986.
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
    if accepts_html(&headers) {
        (vary, Html(page(&entries))).into_response()
    } else {
        (vary, Json(entries)).into_response()
    }
}

/// Whether a client names HTML among what it accepts, as browsers do.
fn accepts_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split([',', ';']))
        .any(|media| media.trim().eq_ignore_ascii_case("text/html"))
}

fn failed(error: &io::Error) -> Response {
    tracing::error!(%error, "failed to list the root");
    admin::error(StatusCode::INTERNAL_SERVER_ERROR, "failed to list the root")
}

fn entries(root: &Root) -> io::Result<Vec<Entry>> {
    let paths = root.entries()?;
    Ok(paths.iter().filter_map(|path| entry(root, path)).collect())
}

/// The entry of a file, `None` if it is no file that can be read.
fn entry(root: &Root, path: &RelativePath) -> Option<Entry> {
    let before = SystemTime::now();
    let fingerprint = root.file(path).ok()?.version.fingerprint;
    let etag = fingerprint.etag();
    let etag = if fingerprint.is_racy(before) { etag.into_weak() } else { etag };
    let name = path.as_path().as_os_str();
    Some(Entry {
        name: name.to_string_lossy().into_owned(),
        size: fingerprint.length(),
        content_type: media_type::of(path.as_path()),
        etag: etag.to_string(),
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
        if media_type::is_playable(content_type) {
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
