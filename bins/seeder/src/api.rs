//! The inventory over HTTP.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use seedbed_service::{Metrics, admin};

use crate::inventory::Inventory;

pub(crate) fn router(inventory: Arc<Inventory>, metrics: Metrics) -> Router {
    let health = Arc::clone(&inventory);
    Router::new()
        .route("/torrents", get(list))
        .route("/torrents/{key}", get(one))
        .with_state(inventory)
        .merge(admin::router(seedbed_service::identity!(), metrics, move || health.health()))
}

async fn list(State(inventory): State<Arc<Inventory>>, headers: HeaderMap) -> Response {
    Json(inventory.list(host(&headers))).into_response()
}

/// `{infohash}`, `{name}`, or either with `.torrent` behind it for the metainfo file.
async fn one(
    State(inventory): State<Arc<Inventory>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(view) = inventory.find(&key, host(&headers)) {
        return Json(view).into_response();
    }
    if let Some((name, bytes)) =
        key.strip_suffix(".torrent").and_then(|key| inventory.torrent_file(key))
    {
        let headers = [
            (header::CONTENT_TYPE, "application/x-bittorrent".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", quoted(&name))),
        ];
        return (headers, bytes).into_response();
    }
    admin::error(StatusCode::NOT_FOUND, format!("no torrent with the infohash or name {key:?}"))
}

/// What a quoted-string can hold (RFC 9110 section 5.6.4); other characters become `_`.
fn quoted(name: &str) -> String {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\');
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

/// The host by which the caller reached us.
fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}
