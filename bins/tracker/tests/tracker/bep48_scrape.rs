//! BEP 48: scrape over HTTP.

use crate::support::{Announce, INFOHASH, Tracker, assert_same, escape, failure};

fn files(entries: &[([u8; 20], &str)]) -> Vec<u8> {
    let mut body = b"d5:filesd".to_vec();
    for (infohash, counts) in entries {
        body.extend([b"20:", &infohash[..], counts.as_bytes()].concat());
    }
    body.extend(b"e5:flagsd20:min_request_intervali10eee");
    body
}

const NOBODY: &str = "d8:completei0e10:downloadedi0e10:incompletei0ee";

#[test]
fn a_scrape_counts_seeders_leechers_and_downloads_under_the_raw_infohash() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    tracker.announce(&Announce::of(2).with("left", "0").with("event", "completed"));
    tracker.announce(&Announce::of(2).with("left", "0").with("event", "completed"));
    tracker.announce(&Announce::of(3));
    let expected = files(&[(INFOHASH, "d8:completei1e10:downloadedi1e10:incompletei2ee")]);
    assert_same(&tracker.scrape(), &expected);
}

#[test]
fn several_torrents_come_in_the_order_of_their_infohashes() {
    let tracker = Tracker::start(&[]);
    let (high, low) = (escape(&[0xff; 20]), escape(&[0x01; 20]));
    let target = format!("/scrape?info_hash={high}&info_hash={low}&info_hash={high}");
    let expected = files(&[([0x01; 20], NOBODY), ([0xff; 20], NOBODY)]);
    assert_same(&tracker.get(&target).body, &expected);
}

#[test]
fn a_scrape_without_an_infohash_has_every_torrent() {
    let tracker = Tracker::start(&[]);
    assert_same(&tracker.get("/scrape").body, &files(&[]));
    let one = "d8:completei0e10:downloadedi0e10:incompletei1ee";
    for byte in [0xff, 0x01, 0x80] {
        tracker.announce(&Announce::of(1).with("info_hash", escape(&[byte; 20])));
    }
    let expected = files(&[([0x01; 20], one), ([0x80; 20], one), ([0xff; 20], one)]);
    assert_same(&tracker.get("/scrape").body, &expected);
}

#[test]
fn scraping_a_torrent_does_not_make_it_known() {
    let tracker = Tracker::start(&[]);
    assert_same(&tracker.scrape(), &files(&[(INFOHASH, NOBODY)]));
    assert_same(&tracker.get("/scrape").body, &files(&[]));
}

#[test]
fn a_bad_infohash_is_named() {
    let tracker = Tracker::start(&[]);
    let response = tracker.get("/scrape?info_hash=abc");
    assert_eq!(response.status, 200);
    assert_same(&response.body, &failure("info_hash: wanted 20 bytes, got 3"));
}
