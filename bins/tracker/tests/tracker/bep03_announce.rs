//! BEP 3: the announce over HTTP.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::support::{Announce, Tracker, answer, assert_same, failure, listed, peer_id};
use seedbed_testkit::{DEADLINE, request};

#[test]
fn the_next_announce_sees_the_one_before_it() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    assert_same(&tracker.announce(&Announce::of(1)), &answer(0, 1, &[]));
    assert_same(&tracker.announce(&Announce::of(2).with("left", "0")), &answer(1, 1, &[1]));
    assert_same(&tracker.announce(&Announce::of(3)), &answer(1, 2, &[1, 2]));
}

#[test]
fn a_peer_is_not_in_its_own_list() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    for _ in 0..3 {
        assert_same(&tracker.announce(&Announce::of(1)), &answer(0, 1, &[]));
    }
}

#[test]
fn the_address_is_the_senders_unless_the_announce_says_otherwise() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1).without("ip"));
    let body = tracker.announce(&Announce::of(2).with("compact", "0").with("no_peer_id", "1"));
    assert_same(
        &body,
        b"d8:completei0e10:incompletei2e8:intervali10e5:peersld2:ip9:127.0.0.14:porti6881eeee",
    );
}

#[test]
fn without_compact_peers_are_dictionaries_with_the_raw_peer_id() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    let expected = [
        b"d8:completei0e10:incompletei2e8:intervali10e5:peersld2:ip8:10.0.0.17:peer id20:",
        &peer_id(1)[..],
        b"4:porti6881eeee",
    ]
    .concat();
    assert_same(&tracker.announce(&Announce::of(2).without("compact")), &expected);
    assert_same(&tracker.announce(&Announce::of(2).with("compact", "0")), &expected);
}

#[test]
fn no_peer_id_leaves_the_peer_id_out() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    assert_same(
        &tracker.announce(&Announce::of(2).without("compact").with("no_peer_id", "1")),
        b"d8:completei0e10:incompletei2e8:intervali10e5:peersld2:ip8:10.0.0.14:porti6881eeee",
    );
}

#[test]
fn stopped_takes_the_peer_out() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    tracker.announce(&Announce::of(1));
    tracker.announce(&Announce::of(2));
    let stopped = Announce::of(1).with("event", "stopped").with("numwant", "0");
    assert_same(&tracker.announce(&stopped), &answer(0, 1, &[]));
    assert_same(&tracker.announce(&Announce::of(3)), &answer(0, 2, &[2]));
}

#[test]
fn a_missing_left_means_a_leecher_and_completed_makes_a_seeder() {
    let tracker = Tracker::start(&[]);
    let silent = Announce::of(1).without("left");
    assert_same(&tracker.announce(&silent), &answer(0, 1, &[]));
    assert_same(&tracker.announce(&silent.clone().with("left", "")), &answer(0, 1, &[]));
    assert_same(&tracker.announce(&silent.with("event", "completed")), &answer(1, 0, &[]));
}

#[test]
fn fifty_peers_are_listed_by_default_and_eighty_two_at_most() {
    let tracker = Tracker::start(&[]);
    for number in 1..=100 {
        tracker.announce(&Announce::of(number).with("numwant", "0"));
    }
    assert_eq!(listed(&tracker.announce(&Announce::of(101))).len(), 50);
    assert_eq!(listed(&tracker.announce(&Announce::of(101).with("numwant", "7"))).len(), 7);
    assert_eq!(listed(&tracker.announce(&Announce::of(101).with("numwant", "0"))).len(), 0);
    assert_eq!(listed(&tracker.announce(&Announce::of(101).with("numwant", "200"))).len(), 82);
}

#[test]
fn a_failure_reason_names_the_parameter_at_fault() {
    let tracker = Tracker::start(&[]);
    let cases = [
        (Announce::of(1).without("info_hash"), "info_hash is missing"),
        (Announce::of(1).with("info_hash", "abc"), "info_hash: wanted 20 bytes, got 3"),
        (Announce::of(1).with("peer_id", "%zz"), "peer_id: wanted two hex digits after each %"),
        (
            Announce::of(1).with("port", "6881.5"),
            r#"port: wanted a port from 1 to 65535, got "6881.5""#,
        ),
        (Announce::of(1).with("left", "-1"), r#"left: wanted a number of bytes, got "-1""#),
        (Announce::of(1).with("ip", "host"), r#"ip: wanted an IP address, got "host""#),
    ];
    for (announce, reason) in cases {
        assert_same(&tracker.announce(&announce), &failure(reason));
    }
    assert_same(&tracker.get("/announce").body, &failure("info_hash is missing"));
    assert_eq!(tracker.json("/api/torrents"), serde_json::json!([]));
}

#[test]
fn requests_that_are_pipelined_are_answered_in_order() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let mut stream = TcpStream::connect(tracker.0.address("http")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    for number in 1..=10 {
        let target = Announce::of(number).target();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: tracker\r\n\r\n").unwrap();
    }
    write!(stream, "GET /version HTTP/1.1\r\nHost: tracker\r\nConnection: close\r\n\r\n").unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    let mut rest = &received[..];
    for number in 1..=10_u8 {
        let others: Vec<_> = (1..number).collect();
        let expected = answer(0, number.into(), &others);
        let at = rest
            .windows(expected.len())
            .position(|window| window == expected)
            .unwrap_or_else(|| panic!("no answer {number} in {}", rest.escape_ascii()));
        rest = &rest[at + expected.len()..];
    }
}

#[test]
fn any_origin_may_read_an_answer() {
    let tracker = Tracker::start(&[]);
    for target in [&*Announce::of(1).target(), "/announce", "/scrape", "/stats", "/api/torrents"] {
        let response = tracker.get(target);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{target}");
    }
}

#[test]
fn an_unknown_path_is_not_found_and_another_method_not_allowed() {
    let tracker = Tracker::start(&[]);
    let response = tracker.get("/nothing");
    assert_eq!(response.status, 404);
    assert_eq!(response.json()["status"], 404);
    let post = request(tracker.0.address("http"), "POST /announce HTTP/1.1\nContent-Length: 0");
    assert_eq!(post.status, 405);
}
