//! HTTP Live Streaming (RFC 8216): `/hls/NAME/…` and `/hls-live/NAME/…`.
//!
//! The segments lie below the root in `.hls/NAME/ts/` and `.hls/NAME/fmp4/`, each with an
//! `index.m3u8` that lists all of them. The first route serves these files as they are; the second
//! serves the segments and, as `index.m3u8`, a window that slides over them for ever.

pub mod live;

use std::{io::Read as _, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
};
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    files,
    respond::{conditional, error, no_file},
};
use crate::{
    app::App,
    content::root::{FileError, RelativePath},
};
use live::Loop;

/// Longest playlist that is read, in bytes.
const PLAYLIST_LIMIT: u64 = 1 << 20;

/// Which of the two routes there are; without a route its paths are those of ordinary files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hls {
    /// `/hls/NAME/{ts,fmp4}/index.m3u8`: the whole of each video.
    pub vod: bool,
    /// `/hls-live/NAME/{ts,fmp4}/index.m3u8`: each video in a loop that began with the server.
    pub live: bool,
}

/// What a path below one of the two routes asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A file as it is; `None` stands for a path that names no file.
    File(Option<RelativePath>),
    /// The live playlist that is made of this one.
    LivePlaylist(RelativePath),
}

impl Hls {
    /// Parses the path of a request target, `None` if neither route has it.
    pub(crate) fn route(self, path: &str) -> Option<Route> {
        if let Some(rest) = path.strip_prefix("/hls/").filter(|_| self.vod) {
            return Some(Route::File(RelativePath::of_hls(rest)));
        }
        let rest = path.strip_prefix("/hls-live/").filter(|_| self.live)?;
        Some(match RelativePath::of_hls(rest) {
            Some(file) if rest.ends_with("/index.m3u8") => Route::LivePlaylist(file),
            file => Route::File(file),
        })
    }
}

/// Answers a request for a path of these routes.
pub(crate) async fn answer(app: &Arc<App>, request: &Parts, route: Route) -> Response<Body> {
    match route {
        Route::File(path) => files::answer(app, request, path).await,
        Route::LivePlaylist(path) => live_playlist(app, request, path).await,
    }
}

async fn live_playlist(app: &Arc<App>, request: &Parts, path: RelativePath) -> Response<Body> {
    let elapsed = Instant::now() - app.started;
    let app = Arc::clone(app);
    let read = move || {
        let mut text = String::new();
        let file = app.config.root.file(&path)?.file;
        file.take(PLAYLIST_LIMIT).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = match spawn_blocking(read).await {
        Ok(Ok(text)) => text,
        Ok(Err(reason)) => return no_file(&reason),
        Err(lost) => return no_file(&FileError::Io(lost.into())),
    };
    match Loop::parse(&text) {
        Ok(playlist) => {
            let mut response = Response::new(());
            let media_type = HeaderValue::from_static("application/vnd.apple.mpegurl");
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            conditional(&request.headers, response, playlist.at(elapsed).into())
        }
        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, reason.to_string()),
    }
}
