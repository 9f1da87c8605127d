//! Malformed requests over HTTP: wrong parameters, heads that are too long, and what RFC 9112 forbids.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::support::{Announce, Tracker, answer, failure};
use seedbed_testkit::{DEADLINE, request};

const VALID: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1";

/// A connection for several requests, and the bytes received over it.
struct Kept(TcpStream, Vec<u8>);

impl Kept {
    fn open(tracker: &Tracker) -> Self {
        let stream = TcpStream::connect(tracker.0.address("http")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(stream, Vec::new())
    }

    /// Sends bytes and reads until they have been answered by `expected`.
    #[track_caller]
    fn expect(&mut self, target: &[u8], expected: &[u8]) {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        self.0.write_all(&request).unwrap();
        let mut buffer = [0; 4096];
        while !self.1.ends_with(expected) {
            let read = self.0.read(&mut buffer).unwrap();
            let sent = target.escape_ascii();
            assert!(read > 0, "{sent}: closed after {}", self.1.escape_ascii());
            self.1.extend_from_slice(&buffer[..read]);
            assert!(self.1.len() < 4096, "{sent}: got {}", self.1.escape_ascii());
        }
        assert!(self.1.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", self.1.escape_ascii());
        self.1.clear();
    }
}

#[test]
fn every_kind_of_mistake_has_a_failure_reason_that_names_it_and_the_connection_is_kept() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    let with = |rest: &str| format!("/announce?{VALID}{rest}").into_bytes();
    let cases: &[(Vec<u8>, &str)] = &[
        (b"/announce".into(), "info_hash is missing"),
        (b"/announce?info_hash=short".into(), "info_hash: wanted 20 bytes, got 5"),
        (b"/announce?info_hash=aaaaaaaaaaaaaaaaaaaaa".into(), "info_hash: wanted 20 bytes, got 21"),
        (b"/announce?info_hash=%zz".into(), "info_hash: wanted two hex digits after each %"),
        (
            b"/announce?info_hash=<>\"{}|\\^`[] \xff\x00".into(),
            "info_hash: wanted 20 bytes, got 14",
        ),
        (with("&left=-1"), r#"left: wanted a number of bytes, got "-1""#),
        (
            with("&left=99999999999999999999"),
            r#"left: wanted a number of bytes, got "99999999999999999999""#,
        ),
        (with("&numwant=many"), r#"numwant: wanted a number of peers, got "many""#),
        (
            with("&event=begun"),
            r#"event: wanted started, completed, stopped, paused or empty, got "begun""#,
        ),
        (with("&port=2"), "port is given more than once"),
        (with("&compact=<b>"), r#"compact: wanted 0 or 1, got "<b>""#),
        (with("&ip=a b"), r#"ip: wanted an IP address, got "a b""#),
        (b"/scrape?info_hash=abc".into(), "info_hash: wanted 20 bytes, got 3"),
    ];
    for (target, reason) in cases {
        kept.expect(target, &failure(reason));
        kept.expect(Announce::of(1).target().as_bytes(), &answer(0, 1, &[]));
    }
}

#[test]
fn a_query_that_is_too_long_is_refused_and_its_sender_gets_to_read_why() {
    let tracker = Tracker::start(&["--max-query", "300"]);
    let expected = failure("query: wanted at most 300 bytes");
    let mut kept = Kept::open(&tracker);
    kept.expect(format!("/announce?x={}", "x".repeat(299)).as_bytes(), &expected);
    kept.expect(b"/announce", &failure("info_hash is missing"));
    // Longer than the tracker ever keeps in memory.
    kept.expect(format!("/scrape?x={}", "x".repeat(500_000)).as_bytes(), &expected);
}

#[test]
fn a_header_that_is_too_long_is_refused() {
    let tracker = Tracker::start(&[]);
    let field = format!("X: {}", "x".repeat(100_000));
    let announce = request(
        tracker.0.address("http"),
        &format!("GET {} HTTP/1.1\n{field}", Announce::of(1).target()),
    );
    assert_eq!(announce.body, failure("header: wanted fewer or shorter fields"));
    let page = request(tracker.0.address("http"), &format!("GET /health HTTP/1.1\n{field}"));
    assert_eq!(page.status, 431);
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    kept.0.set_nodelay(true).unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r", Announce::of(1).target());
    for byte in request.as_bytes() {
        kept.0.write_all(&[*byte]).unwrap();
    }
    kept.0.write_all(b"\nGET /announce HTTP/1.0\r\n\r\n").unwrap();
    let mut all = Vec::new();
    kept.0.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(&failure("info_hash is missing")), "{}", all.escape_ascii());
    let first = answer(0, 1, &[]);
    assert!(all.windows(first.len()).any(|window| window == first), "{}", all.escape_ascii());
}

#[test]
fn head_does_not_announce() {
    let tracker = Tracker::start(&[]);
    let head = format!("HEAD {} HTTP/1.1", Announce::of(1).target());
    let response = request(tracker.0.address("http"), &head);
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    assert_eq!(tracker.json("/health")["peers"], 0);
}

#[test]
fn a_connection_serves_pages_and_announces_in_turn() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    kept.expect(Announce::of(1).target().as_bytes(), &answer(0, 1, &[]));
    kept.expect(b"/health", b"}");
    kept.expect(Announce::of(1).target().as_bytes(), &answer(0, 1, &[]));
    kept.expect(b"/announce", &failure("info_hash is missing"));
    kept.expect(b"/version", b"}");
    let raw = b"/announce?info_hash=<>\"{}|\\^`[] \xff\x00";
    kept.expect(raw, &failure("info_hash: wanted 20 bytes, got 14"));
    kept.expect(b"/health", b"}");
}

#[test]
fn pages_and_announces_may_be_pipelined() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    let announce = Announce::of(1).target();
    let requests = ["/health", &announce, "/announce?left=<b>", "/version", "/version"];
    for target in requests {
        write!(kept.0, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    kept.0
        .write_all(b"POST /announce HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        .unwrap();
    kept.0
        .write_all(b"GET /scrape?x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    kept.0.read_to_end(&mut kept.1).unwrap();
    let answers = String::from_utf8_lossy(&kept.1).into_owned();
    let mut rest = &*answers;
    for part in [
        r#""status":"healthy""#,
        "d8:completei0e10:incompletei1e",
        "d14:failure reason",
        r#""name":"seedbed-tracker""#,
        r#""name":"seedbed-tracker""#,
        "HTTP/1.1 405",
        "d5:filesd",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part} in {answers}")).1;
    }
}

#[test]
fn the_content_of_an_announce_is_ignored() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    let target = Announce::of(1).target();
    write!(kept.0, "GET {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        .unwrap();
    kept.expect(Announce::of(2).target().as_bytes(), &answer(0, 2, &[1]));
}

/// Requests that RFC 9112 forbids, with the section that does.
const FORBIDDEN: [(&str, &[u8]); 14] = [
    ("5.1: no space before the colon", b"GET /scrape HTTP/1.1\r\nHost : x\r\n\r\n"),
    ("2.2: no space before the first field", b"GET /scrape HTTP/1.1\r\n Host: x\r\n\r\n"),
    ("5.2: no folded field", b"GET /scrape HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    ("2.2: no bare CR in a value", b"GET /scrape HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n"),
    ("5.5: no NUL in a value", b"GET /scrape HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"),
    (
        "6.1: no coding but chunked",
        b"GET /scrape HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
    ),
    (
        "6.1: no second coding",
        b"GET /scrape HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\t, x\r\n\r\n",
    ),
    (
        "6.3: not both lengths",
        b"POST /scrape HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "6.3: one length",
        b"POST /scrape HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    ),
    ("6.2: digits", b"GET /scrape HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n"),
    ("3.2: a Host", b"GET /scrape HTTP/1.1\r\n\r\n"),
    ("3.2: one Host", b"GET /scrape HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    ("2.3: HTTP/1", b"GET /scrape HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("3: a request line", b"GET /scrape\r\nHost: x\r\n\r\n"),
];

#[test]
fn what_rfc_9112_forbids_is_refused_and_nothing_after_it_is_answered() {
    let tracker = Tracker::start(&[]);
    for (rule, request) in FORBIDDEN {
        let mut kept = Kept::open(&tracker);
        kept.0.write_all(request).unwrap();
        // The server may close before all of this is sent.
        let _closed = kept.0.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let _reset = kept.0.read_to_end(&mut kept.1);
        let answers = String::from_utf8_lossy(&kept.1);
        assert_eq!(answers.matches("\r\ndate: ").count(), 1, "{rule}: {answers}");
        let refused = ["HTTP/1.1 400", "HTTP/1.1 501", "HTTP/1.1 505"];
        assert!(refused.iter().any(|status| answers.starts_with(status)), "{rule}: {answers}");
    }
    let metrics = tracker.get("/metrics").text();
    let line = format!("seedbed_tracker_malformed_http_requests_total {}", FORBIDDEN.len());
    assert!(metrics.contains(&line), "{metrics}");
}

#[test]
fn content_beyond_the_limit_is_refused() {
    let tracker = Tracker::start(&[]);
    let head = "POST /stats.json HTTP/1.1\nContent-Type: application/json\nContent-Length: 2000000";
    assert_eq!(request(tracker.0.address("http"), head).status, 413);
}

#[test]
fn a_target_may_name_the_host_as_it_does_to_a_proxy() {
    let tracker = Tracker::start(&[]);
    let head = format!("GET http://tracker:8000{} HTTP/1.1", Announce::of(1).target());
    assert_eq!(request(tracker.0.address("http"), &head).body, answer(0, 1, &[]));
}

#[test]
fn ten_pipelined_first_announces_are_ten_peers() {
    let tracker = Tracker::start(&[]);
    let mut kept = Kept::open(&tracker);
    let all: String = (1..=9)
        .map(|number| {
            format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", Announce::of(number).target())
        })
        .collect();
    kept.0.write_all(all.as_bytes()).unwrap();
    kept.0
        .write_all(b"GET /announce HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    kept.0.read_to_end(&mut kept.1).unwrap();
    assert_eq!(tracker.json("/health")["peers"], 9);
    assert_eq!(kept.1.windows(15).filter(|it| it == b"HTTP/1.1 200 OK").count(), 10);
}
