//! The index and the routes that every server has.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::json;

use crate::Origin;

/// Sends bytes as they are and reads the status line.
fn raw(origin: &Origin, head: &str) -> String {
    let mut stream = TcpStream::connect(origin.server.address("http")).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("access-control-allow-origin: *"), "{answer}");
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn the_index_lists_the_files_of_the_root_as_json() {
    let origin = Origin::start(&[]);
    assert_eq!(origin.send("GET /", &[]).json(), json!([]));
    origin.write("b & <b>.mp4", "12345", 0);
    origin.write("a.txt", "", 0);
    origin.write(".hidden", "", 0);
    fs::create_dir(origin.path("deep")).unwrap();
    let etag = |path| origin.send(&format!("GET {path}"), &[]).header("etag").unwrap().to_owned();
    let (first, second) = (etag("/a.txt"), etag("/b%20%26%20%3Cb%3E.mp4"));
    let index = origin.send("GET /", &[("Accept", "*/*")]);
    assert_eq!(
        index.json(),
        json!([
            { "name": "a.txt", "size": 0, "type": "application/octet-stream", "etag": first, "url": "/a.txt" },
            { "name": "b & <b>.mp4", "size": 5, "type": "video/mp4", "etag": second, "url": "/b%20%26%20%3Cb%3E.mp4" },
        ])
    );
    assert_eq!(index.header("vary"), Some("Accept"));
    let head = origin.send("HEAD /", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), index.header("content-length"));
    assert_eq!(index.header("cache-control"), Some("no-store"));
}

#[test]
fn the_index_is_a_page_for_a_browser() {
    let origin = Origin::start(&[]);
    origin.write("b & <b>.mp4", "12345", 0);
    origin.write("a.torrent", "", 0);
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = origin.send("GET /", &[("Accept", accept)]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(
        text.contains("<a href=\"/b%20%26%20%3Cb%3E.mp4\">b &amp; &lt;b&gt;.mp4</a>"),
        "{text}"
    );
    assert!(text.contains("<video src=\"/b%20%26%20%3Cb%3E.mp4\""), "{text}");
    assert!(!text.contains("<video src=\"/a.torrent\""), "{text}");
}

#[test]
fn the_common_routes_hide_files_of_their_names() {
    let origin = Origin::start(&[]);
    origin.write("health", "not me", 0);
    assert_eq!(origin.send("GET /health", &[]).json(), json!({ "status": "healthy" }));
    assert_eq!(origin.send("GET /version", &[]).json()["name"], "seedbed-range");
}

#[test]
fn the_metrics_count_responses_by_status_and_bytes_of_files() {
    let origin = Origin::start(&[]);
    origin.write("file", "12345", 0);
    for fields in [&[][..], &[("Range", "bytes=1-2")], &[("Range", "bytes=9-")]] {
        let _counted = origin.send("GET /file", fields);
    }
    let _counted = origin.send("HEAD /file", &[]);
    let metrics = origin.send("GET /metrics", &[]).text();
    for line in [
        "seedbed_range_requests_total{status=\"200\"} 2",
        "seedbed_range_requests_total{status=\"206\"} 1",
        "seedbed_range_requests_total{status=\"416\"} 1",
        "seedbed_range_sent_bytes_total 7",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing:\n{metrics}");
    }
}

#[test]
fn every_response_may_be_read_by_any_page() {
    let origin = Origin::start(&[]);
    origin.write("file", "12345", 0);
    let etag = origin.send("GET /file", &[]).header("etag").unwrap().to_owned();
    for (line, fields, status) in [
        ("GET /file", &[][..], 200),
        ("HEAD /file", &[], 200),
        ("GET /file", &[("Range", "bytes=0-1")], 206),
        ("GET /file", &[("If-None-Match", &*etag)], 304),
        ("GET /missing", &[], 404),
        ("POST /file", &[], 405),
        ("POST /health", &[], 405),
        ("GET /file", &[("If-Match", "\"x\"")], 412),
        ("GET /file", &[("Range", "bytes=9-")], 416),
        ("GET /", &[], 200),
        ("GET /health", &[], 200),
        ("OPTIONS /file", &[], 204),
    ] {
        let response = origin.send(line, fields);
        assert_eq!(response.status, status, "{line}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{line}");
        if line.starts_with("OPTIONS") {
            continue;
        }
        let exposed = response.header("access-control-expose-headers");
        assert_eq!(exposed, Some("content-range,accept-ranges,content-length,etag"), "{line}");
    }
}

#[test]
fn a_preflight_may_use_range() {
    let origin = Origin::start(&[]);
    let fields = [
        ("Origin", "http://page.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "range"),
    ];
    let response = origin.send("OPTIONS /file", &fields);
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET,HEAD,OPTIONS"));
    assert_eq!(response.header("access-control-allow-headers"), Some("range"));
    assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn exactly_one_valid_host_is_wanted() {
    // RFC 9112 section 3.2.
    let origin = Origin::start(&[]);
    let get = |version, hosts: &str| {
        raw(&origin, &format!("GET /health HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n"))
    };
    assert_eq!(get("1.1", ""), "HTTP/1.1 400 Bad Request");
    assert_eq!(get("1.1", "Host: a\r\nHost: b\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(get("1.1", "Host: a b\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(get("1.1", "Host: a@b\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(get("1.1", "Host: [::1]:3002\r\n"), "HTTP/1.1 200 OK");
    // Well-formed, but no name of a server on a loopback address.
    assert_eq!(get("1.1", "Host:\r\n"), "HTTP/1.1 421 Misdirected Request");
    // The version of the answer is the server's: RFC 9110 section 6.2.
    assert_eq!(get("1.0", ""), "HTTP/1.1 200 OK");
}
