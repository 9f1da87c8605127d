//! The OpenAPI document is true: each operation is called, and its answer is as described.

use std::net::TcpStream;

use crate::support::{Announce, INFOHASH, Tracker, escape, failure};
use seedbed_testkit::{DEADLINE, OpenApi, Response, request};
use tokio_tungstenite::tungstenite;

/// A target that matches a path of the document.
fn target(path: &str) -> String {
    path.replace("{infohash}", &"0".repeat(40))
}

/// The answer that opens a WebSocket.
fn upgraded(tracker: &Tracker, path: &str) -> Response {
    let address = tracker.0.address("http");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let (_, answer) = tungstenite::client(format!("ws://{address}{path}"), stream).unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    Response { status: answer.status().as_u16(), headers: headers.collect(), body: Vec::new() }
}

#[test]
fn every_operation_answers_as_the_document_says() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let mut document = OpenApi::of(&tracker.0);
    assert_eq!(document.document()["info"]["title"], "seedbed-tracker");
    let announce = Announce::of(1).with("event", "started").with("ipv6", "::2");
    let scrape = format!("/scrape?info_hash={}", escape(&INFOHASH));
    let known = format!("/api/torrents/{}", escape(&INFOHASH).replace('%', ""));
    let torrent = "get /api/torrents/{infohash}";
    for (operation, target, status) in [
        ("get /openapi.json", "/openapi.json", 200),
        ("get /health", "/health", 200),
        ("get /version", "/version", 200),
        ("get /metrics", "/metrics", 200),
        ("get /announce", &*announce.target(), 200),
        ("get /announce", &Announce::of(2).without("left").with("compact", "0").target(), 200),
        ("get /announce", "/announce", 200),
        ("get /scrape", &scrape, 200),
        ("get /scrape", "/scrape", 200),
        ("get /scrape", "/scrape?info_hash=x", 200),
        ("get /stats", "/stats", 200),
        ("get /stats.json", "/stats.json", 200),
        ("get /api/torrents", "/api/torrents", 200),
        (torrent, &known, 200),
        (torrent, "/api/torrents/xyz", 400),
        (torrent, &target("/api/torrents/{infohash}"), 404),
        ("get /", "/", 404),
    ] {
        let answer = document.call(operation, target, &[], None);
        assert_eq!(answer.status, status, "{target}");
    }
    let json = document.call("get /stats", "/stats", &[("Accept", "application/json")], None);
    assert_eq!(json.header("content-type"), Some("application/json"));

    document.check("get /", &upgraded(&tracker, "/"));
    document.check("get /", &upgraded(&tracker, "/any/other"));
    let upgrade = ("Upgrade", "websocket");
    assert_eq!(document.call("get /", "/", &[upgrade], None).status, 400);
    let key = ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
    let old = [upgrade, key, ("Sec-WebSocket-Version", "8")];
    assert_eq!(document.call("get /", "/", &old, None).status, 426);
    document.assert_all_called();
}

#[test]
fn the_tracker_reads_the_parameters_of_an_announce_that_the_document_has() {
    let tracker = Tracker::start(&[]);
    let document = OpenApi::of(&tracker.0);
    let parameters = &document.document()["paths"]["/announce"]["get"]["parameters"];
    let names = parameters.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 13);
    for name in names {
        let twice = tracker.get(&format!("/announce?{name}=1&{name}=1"));
        assert_eq!(twice.body, failure(&format!("{name} is given more than once")));
    }
}

#[test]
fn nothing_answers_that_the_document_lacks() {
    let tracker = Tracker::start(&[]);
    let document = OpenApi::of(&tracker.0);
    document.assert_refuses_other_methods(target);
    for unknown in ["/nothing", "/announce/", "/api", "/api/torrents/", "/stats/x", "/control"] {
        let refused = tracker.get(unknown);
        assert_eq!((refused.status, &refused.json()["status"]), (404, &404.into()), "{unknown}");
    }
    for page in ["/openapi.json", "/stats", "/stats.json", "/api/torrents", "/health"] {
        let head = request(tracker.0.address("http"), &format!("HEAD {page} HTTP/1.1"));
        assert_eq!((head.status, head.body.len()), (200, 0), "{page}");
    }
}

#[test]
fn what_is_switched_off_is_not_described() {
    let tracker = Tracker::start(&["--http", "false", "--websocket", "false", "--stats", "false"]);
    let rest = ["get /health", "get /metrics", "get /openapi.json", "get /version"];
    let document = OpenApi::of(&tracker.0);
    assert!(document.operations().iter().eq(rest), "{:?}", document.operations());
}
