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
use seedbed_service::admin;
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::{
    content_type,
    root::{RelativePath, Root},
    server::App,
};

/// What a path segment does without: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file of the index.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    size: u64,
    #[serde(rename = "type")]
    content_type: &'static str,
    etag: String,
    url: String,
}

/// The handler: a page for browsers, which ask for `text/html`, and JSON for everyone else.
pub(crate) async fn handle(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let entries = match spawn_blocking(move || entries(&app.config.root)).await {
        Ok(Ok(entries)) => entries,
        Ok(Err(error)) => return failed(&error),
        Err(lost) => return failed(&lost.into()),
    };
    let accepts = |media: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|line| line.to_str().is_ok_and(|line| line.contains(media)))
    };
    let vary = [(header::VARY, "Accept")];
    if accepts("text/html") && !accepts("application/json") {
        (vary, Html(page(&entries))).into_response()
    } else {
        (vary, Json(entries)).into_response()
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
