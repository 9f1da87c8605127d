//! `/stats` and `/stats.json`.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};

use super::{ANY_ORIGIN, App};
use crate::stats::Stats;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stats", get(page)).route("/stats.json", get(json))
}

async fn json(State(app): State<Arc<App>>) -> Response {
    ([ANY_ORIGIN], Json(app.stats())).into_response()
}

async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).map(|value| value.as_bytes()).unwrap_or_default();
    if accept.starts_with(b"application/json") {
        return json(State(app)).await;
    }
    ([ANY_ORIGIN], Html(render(&app.stats()))).into_response()
}

impl App {
    fn stats(&self) -> Stats {
        Stats::of(self.engine.store(), self.clock.now())
    }
}

/// The page. Scripts read the texts of its headings, so they are those of npm's
/// bittorrent-tracker to the letter.
fn render(stats: &Stats) -> String {
    let mut clients = String::new();
    for (name, versions) in &stats.clients {
        for (version, count) in versions {
            let (name, version) = (escape(name), escape(version));
            let _never_fails =
                writeln!(clients, "<li><strong>{name}</strong> {version} : {count}</li>");
        }
    }
    let Stats {
        torrents,
        active_torrents,
        peers_all,
        peers_seeder_only,
        peers_leecher_only,
        peers_seeder_and_leecher,
        peers_ipv4,
        peers_ipv6,
        clients: _,
    } = stats;
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>seedbed tracker</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font-family: system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }}
h3 {{ font-weight: normal; margin: .3rem 0 }}
</style>
</head>
<body>
<h1>{torrents} torrents ({active_torrents} active)</h1>
<h2>Connected Peers: {peers_all}</h2>
<h3>Peers Seeding Only: {peers_seeder_only}</h3>
<h3>Peers Leeching Only: {peers_leecher_only}</h3>
<h3>Peers Seeding & Leeching: {peers_seeder_and_leecher}</h3>
<h3>IPv4 Peers: {peers_ipv4}</h3>
<h3>IPv6 Peers: {peers_ipv6}</h3>
<h3>Clients:</h3>
<ul>
{clients}</ul>
</body>
</html>
"#
    )
}

/// Peer ids are what anybody sends.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
