//! HTTP Live Streaming (RFC 8216): `/hls/NAME/…` and `/hls-live/NAME/…`.
//!
//! The segments lie below the root in `.hls/NAME/ts/` and `.hls/NAME/fmp4/`, each with an
//! `index.m3u8` that lists all of them. The first route serves these files as they are; the second
//! serves the segments and, as `index.m3u8`, a window that slides over them for ever.

pub mod live;

use std::{io::Read as _, sync::Arc};

use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use tokio::{task::spawn_blocking, time::Instant};

use crate::{
    content::Content,
    files, pages,
    root::RelativePath,
    server::{App, error, method_not_allowed},
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

/// The answer to a request that belongs here.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: &Request<Bytes>,
    path: &str,
) -> Option<Response<Content>> {
    if app.config.hls.vod
        && let Some(rest) = path.strip_prefix("/hls/")
    {
        return Some(files::answer(app, request, RelativePath::of_hls(rest)).await);
    }
    let rest = path.strip_prefix("/hls-live/").filter(|_| app.config.hls.live)?;
    let file = RelativePath::of_hls(rest);
    match file {
        Some(file) if rest.ends_with("/index.m3u8") => Some(playlist(app, request, file).await),
        file => Some(files::answer(app, request, file).await),
    }
}

async fn playlist(
    app: &Arc<App>,
    request: &Request<Bytes>,
    path: RelativePath,
) -> Response<Content> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed();
    }
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
        Ok(Err(reason)) => return files::refuse(&reason),
        Err(lost) => return files::refuse(&crate::root::FileError::Io(lost.into())),
    };
    match Loop::parse(&text) {
        Ok(playlist) => {
            let mut response = Response::new(Content::Bytes(playlist.at(elapsed).into()));
            let media_type = HeaderValue::from_static("application/vnd.apple.mpegurl");
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            pages::conditional(request, response)
        }
        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, reason.to_string()),
    }
}
