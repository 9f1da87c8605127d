//! BEP 15: the tracker over UDP. BEP 41: options after an announce.

use crate::support::{Announce, INFOHASH, Tracker, answer, assert_same, compact};
use aquatic_udp_protocol::{ConnectionId, Response};

const TRANSACTION: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// The answer to an announce: interval 10, then the counts and the peers.
fn announced(leechers: u32, seeders: u32, peers: &[u8]) -> Vec<u8> {
    let mut reply = [&[0, 0, 0, 1], &TRANSACTION[..], &[0, 0, 0, 10]].concat();
    reply.extend(leechers.to_be_bytes());
    reply.extend(seeders.to_be_bytes());
    reply.extend(peers.iter().copied().flat_map(compact));
    reply
}

fn error(message: &str) -> Vec<u8> {
    [&[0, 0, 0, 3], &TRANSACTION[..], message.as_bytes()].concat()
}

#[test]
fn an_announce_is_answered_with_interval_leechers_seeders_and_peers() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let client = tracker.udp();
    assert_same(&client.ask_raw(&client.announce(1, 1, 2, -1)), &announced(1, 0, &[]));
    assert_same(&client.ask_raw(&client.announce(2, 0, 2, -1)), &announced(1, 1, &[1]));
    assert_same(&client.ask_raw(&client.announce(3, -1, 0, -1)), &announced(2, 1, &[1, 2]));
    assert_same(&client.ask_raw(&client.announce(3, 1, 0, 1)), &announced(2, 1, &[1]));
    assert_same(&client.ask_raw(&client.announce(1, 1, 3, 0)), &announced(1, 1, &[]));
    assert_same(&client.ask_raw(&client.announce(3, 0, 1, -1)), &announced(0, 2, &[2]));
}

#[test]
fn http_and_udp_peers_are_of_one_swarm() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let client = tracker.udp();
    tracker.announce(&Announce::of(1));
    assert_same(&client.ask_raw(&client.announce(2, 0, 2, -1)), &announced(1, 1, &[1]));
    assert_same(&tracker.announce(&Announce::of(3)), &answer(1, 2, &[1, 2]));
}

#[test]
fn only_peers_of_the_clients_family_are_listed() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    tracker.announce(&Announce::of(1).with("ip", "2001:db8::1"));
    tracker.announce(&Announce::of(2));
    let client = tracker.udp();
    assert_same(&client.ask_raw(&client.announce(3, 1, 0, -1)), &announced(3, 0, &[2]));
}

#[test]
fn options_of_bep_41_are_tolerated() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let url_data = b"\x02\x0c/dir?a=b&c=d\x01\x00";
    let datagram = [&client.announce(1, 1, 2, -1)[..], url_data].concat();
    assert_same(&client.ask_raw(&datagram), &announced(1, 0, &[]));
}

#[test]
fn a_scrape_has_seeders_completed_and_leechers_of_each_torrent_in_order() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    client.ask_raw(&client.announce(1, 1, 2, -1));
    client.ask_raw(&client.announce(2, 0, 1, -1));
    let reply = client.ask_raw(&client.scrape(&[[9; 20], INFOHASH]));
    let nobody = [0; 12];
    let swarm = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    let expected = [&[0, 0, 0, 2], &TRANSACTION[..], &nobody, &swarm].concat();
    assert_same(&reply, &expected);
}

#[test]
fn a_scrape_of_seventy_four_torrents_is_answered_whole() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    assert_eq!(client.ask_raw(&client.scrape(&[[1; 20]; 74])).len(), 8 + 74 * 12);
}

#[test]
fn a_connection_id_that_was_not_issued_is_an_error_with_the_transaction_id() {
    let tracker = Tracker::start(&[]);
    let mut client = tracker.udp();
    client.connection_id = ConnectionId::new(client.connection_id.0.get() ^ 0x100);
    let expected = error("connection id is not valid, connect first");
    assert_same(&client.ask_raw(&client.announce(1, 1, 2, -1)), &expected);
    assert_same(&client.ask_raw(&client.scrape(&[INFOHASH])), &expected);
    assert_eq!(tracker.json("/api/torrents"), serde_json::json!([]));
}

#[test]
fn what_is_wrong_with_an_announce_is_an_error_with_the_transaction_id() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let mut no_port = client.announce(1, 1, 2, -1);
    no_port[96..98].fill(0);
    assert!(matches!(client.ask(&no_port), Response::Error(_)));
    assert!(client.ask_raw(&no_port).starts_with(&error("")));
    assert!(client.ask_raw(&client.announce(1, 1, 9, -1)).starts_with(&error("")));
    assert!(client.ask_raw(&client.scrape(&[])).starts_with(&error("")));
}

#[test]
fn junk_is_ignored_and_counted() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let junk: [&[u8]; 5] = [b"", b"x", &[0; 16], &[0xff; 98], &client.announce(1, 1, 2, -1)[..97]];
    for datagram in junk {
        client.send(datagram);
    }
    // Datagrams are answered in order: if one of them had an answer, it would come first.
    assert_same(&client.ask_raw(&client.announce(1, 1, 2, -1)), &announced(1, 0, &[]));
    let metrics = tracker.get("/metrics").text();
    assert!(metrics.contains("seedbed_tracker_junk_packets_total 5"), "{metrics}");
}

#[test]
fn over_ipv6_peers_are_eighteen_bytes() {
    let tracker = Tracker::start_at("[::1]:0", &["--peer-order", "insertion"]);
    let client = tracker.udp();
    assert_same(&client.ask_raw(&client.announce(1, 1, 2, -1)), &announced(1, 0, &[]));
    let mut other = client.announce(2, 1, 2, -1);
    other[96..98].copy_from_slice(&7000_u16.to_be_bytes());
    let reply = client.ask_raw(&other);
    assert_same(&reply[20..], b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1");
    // The same peer id over IPv4 is the same peer, and is now in both.
    let response = tracker.announce(&Announce::of(3));
    assert_eq!(response.windows(18).filter(|it| it.starts_with(&[0; 15])).count(), 2);
}
