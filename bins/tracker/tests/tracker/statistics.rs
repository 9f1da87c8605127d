//! Statistics, swarms, health, version and metrics.

use crate::support::{Announce, INFOHASH, Tracker, escape, peer_id};
use seedbed_testkit::request;
use serde_json::json;

/// A leecher, a seeder, one that is both in two torrents, and one of both families.
fn with_peers() -> Tracker {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let second = escape(&[7; 20]);
    tracker.announce(&Announce::of(1));
    tracker.announce(&Announce::of(2).with("left", "0").with("peer_id", "-TR3000-abcdefghijkl"));
    tracker.announce(&Announce::of(3));
    tracker.announce(&Announce::of(3).with("left", "0").with("info_hash", &*second));
    tracker.announce(&Announce::of(4).with("ipv6", "::2"));
    let gone = Announce::of(5).with("info_hash", escape(&[8; 20]));
    tracker.announce(&gone);
    tracker.announce(&gone.with("event", "stopped"));
    tracker
}

#[test]
fn stats_json_has_the_keys_of_npm_bittorrent_tracker_in_their_order() {
    let tracker = with_peers();
    let expected = "{\"torrents\":3,\"activeTorrents\":2,\"peersAll\":4,\"peersSeederOnly\":1,\
                    \"peersLeecherOnly\":2,\"peersSeederAndLeecher\":1,\"peersIPv4\":4,\
                    \"peersIPv6\":1,\"clients\":{\"Transmission\":{\"3.00\":1},\
                    \"seedbed\":{\"0.1.0\":3}}}";
    assert_eq!(tracker.get("/stats.json").text(), expected);
    let asked = "GET /stats HTTP/1.1\nAccept: application/json";
    let response = request(tracker.0.address("http"), asked);
    assert_eq!(response.text(), expected);
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn the_stats_page_has_the_texts_that_scripts_read() {
    let page = with_peers().get("/stats");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    for line in [
        "<h1>3 torrents (2 active)</h1>",
        "<h2>Connected Peers: 4</h2>",
        "<h3>Peers Seeding Only: 1</h3>",
        "<h3>Peers Leeching Only: 2</h3>",
        "<h3>Peers Seeding & Leeching: 1</h3>",
        "<h3>IPv4 Peers: 4</h3>",
        "<h3>IPv6 Peers: 1</h3>",
        "<h3>Clients:</h3>",
        "<li><strong>Transmission</strong> 3.00 : 1</li>",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in {text}");
    }
}

#[test]
fn the_stats_page_shows_swarms_transports_and_recent_events_without_any_other_file() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1).with("event", "started"));
    let client = tracker.udp();
    client.ask_raw(&client.announce(2, 0, 1, 0));
    let page = tracker.get("/stats").text();
    let infohash = hex(&INFOHASH);
    for text in [
        "<tr><td>http<td>0<td>1</tr>".to_owned(),
        "<tr><td>udp<td>1<td>0</tr>".to_owned(),
        "<tr><td>websocket<td>0<td>0</tr>".to_owned(),
        format!("<code>{infohash}</code></a><td>1<td>1<td>1</tr>"),
        format!("<td>started<td>seedbed 0.1.0<td>http<td><code>{infohash}</code>"),
        format!("<td>completed<td>seedbed 0.1.0<td>udp<td><code>{infohash}</code>"),
        r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#.to_owned(),
    ] {
        assert!(page.contains(&text), "{text} is not in {page}");
    }
    for asset in ["src=", "<link", "@import", "http:", "https:"] {
        assert!(!page.contains(asset), "{asset} is in {page}");
    }
}

#[test]
fn a_client_cannot_put_markup_on_the_stats_page() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1).with("peer_id", escape(b"<script>alert(1)</s>")));
    let page = tracker.get("/stats").text();
    assert!(page.contains("&lt;script&gt;"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
}

#[test]
fn the_api_lists_the_torrents() {
    let torrents = with_peers().json("/api/torrents");
    assert_eq!(
        torrents,
        json!([
            { "infohash": hex(&INFOHASH), "complete": 1, "incomplete": 3, "downloaded": 0 },
            { "infohash": hex(&[7; 20]), "complete": 1, "incomplete": 0, "downloaded": 0 },
            { "infohash": hex(&[8; 20]), "complete": 0, "incomplete": 0, "downloaded": 0 },
        ])
    );
}

#[test]
fn the_api_shows_the_peers_of_a_torrent() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let announce = Announce::of(1).with("ipv6", "::2").with("uploaded", "3");
    tracker.announce(&announce.with("downloaded", "4").with("event", "started"));
    let client = tracker.udp();
    client.ask_raw(&client.announce(2, 0, 1, 0));
    let mut torrent = tracker.json(&format!("/api/torrents/{}", hex(&INFOHASH)));
    let now = torrent["now"].as_u64().unwrap();
    for peer in torrent["peers"].as_array_mut().unwrap() {
        let peer = peer.as_object_mut().unwrap();
        let first = peer.remove("firstSeen").unwrap().as_u64().unwrap();
        let last = peer.remove("lastSeen").unwrap().as_u64().unwrap();
        assert!(first <= last && last <= now);
    }
    torrent.as_object_mut().unwrap().remove("now");
    let first = json!({
        "id": hex(&peer_id(1)), "client": "seedbed 0.1.0",
        "address": "10.0.0.1:6881", "addresses": ["10.0.0.1:6881", "[::2]:6881"],
        "transport": "http", "uploaded": 3, "downloaded": 4, "left": 1, "event": "started",
    });
    let second = json!({
        "id": hex(&peer_id(2)), "client": "seedbed 0.1.0",
        "address": "10.0.0.2:6881", "addresses": ["10.0.0.2:6881"],
        "transport": "udp", "uploaded": 0, "downloaded": 0, "left": 0, "event": "completed",
    });
    assert_eq!(
        torrent,
        json!({
            "infohash": hex(&INFOHASH), "complete": 1, "incomplete": 1, "downloaded": 1,
            "peers": [first, second],
        })
    );
}

#[test]
fn the_api_names_the_infohash_that_is_wrong_or_unknown() {
    let tracker = Tracker::start(&[]);
    let wrong = tracker.get("/api/torrents/xyz");
    assert_eq!(wrong.status, 400);
    let error = r#"infohash: wanted an infohash of 40 hex digits, got "xyz""#;
    assert_eq!(wrong.json(), json!({ "error": error, "status": 400 }));
    let unknown = tracker.get(&format!("/api/torrents/{}", hex(&INFOHASH)));
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains(&hex(&INFOHASH)), "{}", unknown.text());
}

#[test]
fn a_preflight_allows_a_page_of_any_origin_to_read() {
    let tracker = Tracker::start(&[]);
    let preflight = "OPTIONS /stats.json HTTP/1.1\nOrigin: http://other\n\
                     Access-Control-Request-Method: GET";
    let response = request(tracker.0.address("http"), preflight);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let methods = response.header("access-control-allow-methods").unwrap();
    assert!(methods.contains("GET") && !methods.contains("POST"), "{methods}");
}

#[test]
fn health_says_how_much_there_is() {
    let health = with_peers().json("/health");
    assert_eq!(health, json!({ "status": "healthy", "torrents": 3, "peers": 5 }));
}

#[test]
fn version_names_the_tracker() {
    let version = Tracker::start(&[]).json("/version");
    assert_eq!(version["name"], "seedbed-tracker");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn metrics_count_requests_by_transport_and_outcome() {
    let blocked = [9; 20];
    let tracker = Tracker::start(&["--blacklist", &hex(&blocked)]);
    tracker.announce(&Announce::of(1));
    tracker.announce(&Announce::of(1).with("info_hash", escape(&blocked)));
    tracker.announce(&Announce::of(1).without("port"));
    tracker.scrape();
    let client = tracker.udp();
    client.ask_raw(&client.announce(2, 1, 2, -1));
    client.ask_raw(&client.scrape(&[]));
    let metrics = tracker.get("/metrics").text();
    for line in [
        r#"seedbed_tracker_announces_total{transport="http",outcome="answered"} 1"#,
        r#"seedbed_tracker_announces_total{transport="http",outcome="refused"} 1"#,
        r#"seedbed_tracker_announces_total{transport="http",outcome="invalid"} 1"#,
        r#"seedbed_tracker_announces_total{transport="udp",outcome="answered"} 1"#,
        r#"seedbed_tracker_scrapes_total{transport="http",outcome="answered"} 1"#,
        r#"seedbed_tracker_scrapes_total{transport="udp",outcome="invalid"} 1"#,
        "seedbed_tracker_connects_total 1",
        "seedbed_tracker_junk_packets_total 0",
        "seedbed_tracker_torrents 1",
        "seedbed_tracker_active_torrents 1",
        "seedbed_tracker_peers 2",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line} is not in {metrics}");
    }
}

fn hex(bytes: &[u8]) -> String {
    escape(bytes).replace('%', "").to_lowercase()
}
