//! The control API: the inventory over HTTP, and the changes of it.
//!
//! Each change runs in a task of its own, so that it is completed even if the caller goes away.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use seedbed_metainfo::{Options, PieceLength, check_name};
use seedbed_service::{
    JsonBody, Metrics,
    admin::{self, ErrorBody},
    openapi::{self, Binary},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    control::{AddError, Added, Control, Wanted},
    library::{self, Source},
    synthetic::Synthetic,
    torrent::Torrent,
    view::{HealthView, PeerView, TorrentView},
};

type App = State<Arc<Control>>;

pub(crate) fn router(control: Arc<Control>, metrics: Metrics) -> Router {
    let identity = seedbed_service::identity!();
    let health = Arc::clone(&control);
    let routes = OpenApiRouter::new()
        .routes(routes!(list, add, delete_all))
        .routes(routes!(one, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(peers_of))
        .routes(routes!(pause_all))
        .routes(routes!(resume_all))
        .routes(routes!(peers))
        .with_state(control)
        .merge(admin::documented::<HealthView>(identity, metrics, move || {
            health.inventory.health()
        }));
    openapi::serve(identity, routes)
}

/// All torrents
///
/// One that is not hashed yet has no `hash`.
#[utoipa::path(
    get, path = "/torrents", tag = "torrents",
    responses((status = 200, description = "In the order in which they came", body = [TorrentView]))
)]
async fn list(State(control): App, headers: HeaderMap) -> Response {
    Json(control.inventory.views(host(&headers))).into_response()
}

/// The torrent to add: either `path` or `synthetic`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewTorrent {
    /// A file or folder, as its path below the content directory.
    #[schema(value_type = Option<String>, example = "sub/video.mp4")]
    path: Option<PathBuf>,
    /// Content that needs no disk.
    synthetic: Option<Synthetic>,
    /// The key by which the API finds it; by default the file's stem or the folder's name, or the
    /// whole name if another torrent has the stem.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Bytes in a piece, a power of two from 16384 to 16777216; by default as for the other
    /// torrents.
    piece_length: Option<u32>,
    /// Marks it as private (BEP 27); by default as for the other torrents.
    private: Option<bool>,
}

/// Adds a torrent
///
/// Answers once it seeds and its trackers have answered, or have had two seconds.
#[utoipa::path(
    post, path = "/torrents", tag = "torrents",
    request_body = NewTorrent,
    responses(
        (status = 201, description = "The torrent is new", body = TorrentView, headers(("location" = String))),
        (status = 200, description = "The torrent exists, and stays as it is", body = TorrentView),
        (status = 400, description = "A field is invalid; the error names it", body = ErrorBody),
        (status = 404, description = "There is no such file or folder", body = ErrorBody),
        (status = 409, description = "Another torrent has the name, the torrent exists by another name, or it was removed meanwhile", body = ErrorBody),
        (status = 413, description = "The body is longer than 64 KiB", body = ErrorBody),
        (status = 500, description = "Its content cannot be read", body = ErrorBody),
    )
)]
async fn add(
    State(control): App,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewTorrent>,
) -> Response {
    let wanted = match new.wanted(&control.options) {
        Ok(wanted) => wanted,
        Err(message) => return admin::error(StatusCode::BAD_REQUEST, message),
    };
    let field = match wanted.source {
        Source::Path(_) => "path",
        Source::Synthetic(_) => "synthetic",
    };
    let added = in_background(&control, async |control| control.add(wanted).await).await;
    match added {
        Ok(Ok(Added::New(torrent))) => {
            let view = control.inventory.view(&torrent, host(&headers));
            let hash = view.hash.map(|hash| hash.to_string()).unwrap_or_default();
            let location = [(header::LOCATION, format!("/torrents/{hash}"))];
            (StatusCode::CREATED, location, Json(view)).into_response()
        }
        Ok(Ok(Added::Old(torrent))) => {
            Json(control.inventory.view(&torrent, host(&headers))).into_response()
        }
        Ok(Err(error)) => refused(field, &error),
        Err(response) => response,
    }
}

/// One torrent
///
/// `key` is its infohash, its name, or the name of its file or folder. With `.torrent` behind it,
/// the answer is the metainfo file.
#[utoipa::path(
    get, path = "/torrents/{key}", tag = "torrents",
    params(("key" = String, Path, description = "Infohash or name; `.torrent` may follow")),
    responses(
        (status = 200, description = "The torrent, or its metainfo file", content(
            (TorrentView = "application/json"),
            (Binary = "application/x-bittorrent"),
        )),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 409, description = "It has no metainfo file yet", body = ErrorBody),
    )
)]
async fn one(State(control): App, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let inventory = &control.inventory;
    if let Some(torrent) = inventory.find(&key) {
        return Json(inventory.view(&torrent, host(&headers))).into_response();
    }
    let Some(torrent) = key.strip_suffix(".torrent").and_then(|key| inventory.find(key)) else {
        return not_found(&key);
    };
    let Some(file) = inventory.torrent_file(&torrent) else {
        return admin::error(StatusCode::CONFLICT, format!("{} is not hashed yet", torrent.name));
    };
    let name = quoted(&torrent.name);
    let headers = [
        (header::CONTENT_TYPE, "application/x-bittorrent".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.torrent\"")),
    ];
    (headers, file).into_response()
}

/// Removes a torrent
///
/// Answers once no peer is connected to it and its trackers were told `stopped`. The content stays
/// as it is.
#[utoipa::path(
    delete, path = "/torrents/{key}", tag = "torrents",
    params(("key" = String, Path, description = "Infohash or name")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete(State(control): App, Path(key): Path<String>) -> Response {
    let Some(torrent) = control.inventory.find(&key) else { return not_found(&key) };
    remove(&control, vec![torrent]).await
}

/// Removes all torrents
#[utoipa::path(
    delete, path = "/torrents", tag = "torrents",
    responses((status = 204, description = "They are removed"))
)]
async fn delete_all(State(control): App) -> Response {
    remove(&control, control.inventory.all()).await
}

/// Pauses a torrent
///
/// Answers once its connections are closed and its trackers were told `stopped`, or after a second.
/// Until it is resumed no peer gets anything of it, and no tracker lists it.
#[utoipa::path(
    post, path = "/torrents/{key}/pause", tag = "torrents",
    params(("key" = String, Path, description = "Infohash or name")),
    responses(
        (status = 200, description = "It is paused, or will be when it is ready", body = TorrentView),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn pause(State(control): App, Path(key): Path<String>, headers: HeaderMap) -> Response {
    pause_one(&control, &key, &headers, true).await
}

/// Resumes a torrent
///
/// Answers once its trackers have answered, or have had two seconds. A torrent in state `error` is
/// hashed again, and resumed if its content is what it was.
#[utoipa::path(
    post, path = "/torrents/{key}/resume", tag = "torrents",
    params(("key" = String, Path, description = "Infohash or name")),
    responses(
        (status = 200, description = "It seeds, or will when it is ready", body = TorrentView),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn resume(State(control): App, Path(key): Path<String>, headers: HeaderMap) -> Response {
    pause_one(&control, &key, &headers, false).await
}

/// Pauses all torrents
#[utoipa::path(
    post, path = "/pause", tag = "torrents",
    responses((status = 200, description = "All torrents", body = [TorrentView]))
)]
async fn pause_all(State(control): App, headers: HeaderMap) -> Response {
    let torrents = control.inventory.all();
    match set_paused(&control, torrents, true).await {
        Ok(()) => list(State(control), headers).await,
        Err(response) => response,
    }
}

/// Resumes all torrents
#[utoipa::path(
    post, path = "/resume", tag = "torrents",
    responses((status = 200, description = "All torrents", body = [TorrentView]))
)]
async fn resume_all(State(control): App, headers: HeaderMap) -> Response {
    let torrents = control.inventory.all();
    match set_paused(&control, torrents, false).await {
        Ok(()) => list(State(control), headers).await,
        Err(response) => response,
    }
}

/// The connected peers
#[utoipa::path(
    get, path = "/peers", tag = "peers",
    responses((status = 200, description = "By seeder and torrent", body = [PeerView]))
)]
async fn peers(State(control): App) -> Response {
    Json(control.inventory.peers(None)).into_response()
}

/// The connected peers of a torrent, and the last 32 that left it, which have `left`
#[utoipa::path(
    get, path = "/torrents/{key}/peers", tag = "peers",
    params(("key" = String, Path, description = "Infohash or name")),
    responses(
        (status = 200, description = "By seeder", body = [PeerView]),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn peers_of(State(control): App, Path(key): Path<String>) -> Response {
    match control.inventory.find(&key) {
        None => not_found(&key),
        Some(torrent) => match torrent.infohash() {
            None => Json([(); 0]).into_response(),
            infohash => Json(control.inventory.peers(infohash)).into_response(),
        },
    }
}

impl NewTorrent {
    fn wanted(self, defaults: &Options) -> Result<Wanted, String> {
        let source = match (self.path, self.synthetic) {
            (Some(path), None) => Source::Path(path),
            (None, Some(synthetic)) => Source::Synthetic(synthetic),
            (None, None) => return Err("wanted path or synthetic, got neither".to_owned()),
            (Some(_), Some(_)) => return Err("wanted path or synthetic, got both".to_owned()),
        };
        if let Some(name) = &self.name {
            check_name(name).map_err(|error| format!("name: {error}"))?;
        }
        let given = self.piece_length.map(PieceLength::new).transpose();
        let piece_length = given.map_err(|error| format!("pieceLength: {error}"))?;
        let options = Options {
            piece_length: piece_length.or(defaults.piece_length),
            private: self.private.unwrap_or(defaults.private),
            ..defaults.clone()
        };
        Ok(Wanted { source, name: self.name, options })
    }
}

/// The answer to an addition that failed. It names the field at fault.
fn refused(field: &str, error: &AddError) -> Response {
    let (status, field) = match error {
        AddError::Source(library::Error::Missing(_)) => (StatusCode::NOT_FOUND, field),
        AddError::Source(_) => (StatusCode::BAD_REQUEST, field),
        AddError::NameTaken(_) | AddError::OtherName(_) => (StatusCode::CONFLICT, "name"),
        AddError::Removed => (StatusCode::CONFLICT, field),
        AddError::Load(_) => (StatusCode::INTERNAL_SERVER_ERROR, field),
    };
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let message: Vec<_> = causes.map(ToString::to_string).collect();
    admin::error(status, format!("{field}: {}", message.join(": ")))
}

async fn pause_one(
    control: &Arc<Control>,
    key: &str,
    headers: &HeaderMap,
    paused: bool,
) -> Response {
    let Some(torrent) = control.inventory.find(key) else { return not_found(key) };
    match set_paused(control, vec![Arc::clone(&torrent)], paused).await {
        Ok(()) => Json(control.inventory.view(&torrent, host(headers))).into_response(),
        Err(response) => response,
    }
}

async fn set_paused(
    control: &Arc<Control>,
    torrents: Vec<Arc<Torrent>>,
    paused: bool,
) -> Result<(), Response> {
    in_background(control, async move |control| control.set_paused(&torrents, paused).await).await
}

async fn remove(control: &Arc<Control>, torrents: Vec<Arc<Torrent>>) -> Response {
    match in_background(control, async move |control| control.remove(&torrents).await).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => response,
    }
}

async fn in_background<T: Send + 'static, F>(
    control: &Arc<Control>,
    change: impl FnOnce(Arc<Control>) -> F,
) -> Result<T, Response>
where
    F: Future<Output = T> + Send + 'static,
{
    tokio::spawn(change(Arc::clone(control)))
        .await
        .map_err(|error| admin::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn not_found(key: &str) -> Response {
    admin::error(StatusCode::NOT_FOUND, format!("no torrent with the infohash or name {key:?}"))
}

/// Replaces what a quoted-string cannot hold (RFC 9110 section 5.6.4) by `_`.
fn quoted(name: &str) -> String {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\');
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

/// The host by which the caller reached us.
fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}
