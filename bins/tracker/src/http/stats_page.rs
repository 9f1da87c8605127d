//! `/stats` and `/stats.json`.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
};
use seedbed_metainfo::Client;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Tracker;
use crate::{
    clock::Moment,
    engine::Engine,
    messages::{SwarmCounts, Transport},
    recent_events::RecentEvent,
    stats::Stats,
};

pub(super) fn router() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(json))
}

/// The statistics
#[utoipa::path(
    get, path = "/stats.json", tag = "statistics", operation_id = "stats",
    responses((status = 200, description = "The keys of npm's bittorrent-tracker", body = Stats))
)]
async fn json(State(tracker): State<Arc<Tracker>>) -> Response {
    Json(tracker.stats()).into_response()
}

/// The statistics as a live page
#[utoipa::path(
    get, path = "/stats", tag = "statistics", operation_id = "stats_page",
    responses((
        status = 200,
        description = "The page, or the same as `/stats.json` if Accept begins with application/json",
        content((String = "text/html; charset=utf-8"), (Stats = "application/json")),
    ))
)]
async fn page(State(tracker): State<Arc<Tracker>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).map(|value| value.as_bytes()).unwrap_or_default();
    if accept.starts_with(b"application/json") {
        return json(State(tracker)).await;
    }
    Html(render(&tracker.stats(), &tracker.engine, tracker.clock.now())).into_response()
}

impl Tracker {
    fn stats(&self) -> Stats {
        Stats::of(self.engine.store(), self.clock.now())
    }
}

/// The most swarms on the page; `/api/torrents` has all.
const MAX_SWARMS: usize = 100;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884 }
body { font-family: system-ui, sans-serif; margin: 1rem }
main { max-width: 60rem; margin: auto }
h3 { font-weight: normal; margin: .3rem 0 }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; display: block; overflow-x: auto }
caption { text-align: left; font-weight: bold; padding: .3rem 0 }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line) }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
code { overflow-wrap: anywhere }
";

/// Replaces the page with its newest version every second, while it is visible.
const SCRIPT: &str = "
setInterval(async () => {
  if (document.hidden) return
  const page = await fetch(location).then(it => it.text()).catch(() => null)
  if (page === null) return
  const fresh = new DOMParser().parseFromString(page, 'text/html').querySelector('main')
  document.querySelector('main').replaceWith(fresh)
}, 1000)
";

/// Renders the page. Scripts read the texts of its headings, so they are exactly those of npm's
/// bittorrent-tracker.
fn render(stats: &Stats, engine: &Engine, now: Moment) -> String {
    let transports = transports(stats);
    let swarms = swarms(engine, now);
    let events = events(engine, now);
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
        transports: _,
    } = stats;
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>seedbed tracker</title>
<style>{STYLE}</style>
</head>
<body>
<main>
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
<table>
<caption>Peers by transport</caption>
<thead><tr><th>transport<th>seeding<th>leeching</tr></thead>
<tbody>
{transports}</tbody>
</table>
<table>
<caption>Swarms</caption>
<thead><tr><th>infohash<th>seeders<th>leechers<th>downloads</tr></thead>
<tbody>
{swarms}</tbody>
</table>
<table>
<caption>Recent events</caption>
<thead><tr><th>ago<th>event<th>client<th>by<th>infohash</tr></thead>
<tbody>
{events}</tbody>
</table>
</main>
<script>{SCRIPT}</script>
</body>
</html>
"#
    )
}

fn transports(stats: &Stats) -> String {
    let rows = Transport::ALL.into_iter().zip(stats.transports);
    rows.fold(String::new(), |mut text, (transport, (seeding, leeching))| {
        let name = transport.name();
        let _never_fails = writeln!(text, "<tr><td>{name}<td>{seeding}<td>{leeching}</tr>");
        text
    })
}

fn swarms(engine: &Engine, now: Moment) -> String {
    let all = engine.store().scrape_all(now).flatten();
    all.take(MAX_SWARMS).fold(String::new(), |mut text, (infohash, counts)| {
        let SwarmCounts { complete, incomplete, downloaded } = counts;
        let _never_fails = writeln!(
            text,
            "<tr><td><a href=\"/api/torrents/{infohash}\"><code>{infohash}</code></a>\
             <td>{complete}<td>{incomplete}<td>{downloaded}</tr>"
        );
        text
    })
}

fn events(engine: &Engine, now: Moment) -> String {
    engine.recent_events().into_iter().fold(String::new(), |mut text, event| {
        let RecentEvent { at, event, transport, infohash, peer_id } = event;
        let client = escape(&Client::of(peer_id).to_string());
        let (ago, by) = (now.since(at).as_secs(), transport.name());
        let event = format!("{event:?}").to_lowercase();
        let _never_fails = writeln!(
            text,
            "<tr><td>{ago} s<td>{event}<td>{client}<td>{by}<td><code>{infohash}</code></tr>"
        );
        text
    })
}

/// Escapes text for HTML. Peer ids come from anybody.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
