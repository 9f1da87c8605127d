//! The same announces to `aquatic_http` and to the built-in engine give the same swarms.

#![cfg(feature = "aquatic")]

mod common;

use std::collections::BTreeSet;

use aquatic_http_protocol::response::Response;
use common::{Announce, BINARY, KeptAlive, Tracker, escape};
use seedbed_testkit::run;

/// Counts and listed ports of an answer. Every peer is told by its port: they are all on loopback.
type View = (usize, usize, BTreeSet<u16>);

fn view(tracker: &mut KeptAlive, announce: &Announce) -> View {
    match Response::parse_bytes(&tracker.ask(announce.target().as_bytes())) {
        Ok(Response::Announce(response)) => (
            response.complete,
            response.incomplete,
            response.peers.0.iter().map(|peer| peer.port).collect(),
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_announces_give_the_same_view_of_the_swarm() {
    let flags = ["--engine", "aquatic"];
    let (theirs, ours) = (Tracker::start(&flags), Tracker::start(&[]));
    // aquatic keeps a connection open even if it is told to close it.
    let (mut aquatic, mut builtin) = (KeptAlive::open(&theirs), KeptAlive::open(&ours));
    let mut random = fastrand::Rng::with_seed(7);
    for step in 0..400 {
        let number = random.u8(1..=20);
        let infohash = [random.u8(1..=3); 20];
        let event = ["started", "completed", "stopped", "empty"][random.usize(..4)];
        let left = if event == "completed" { 0 } else { random.u8(..2) };
        let announce = Announce::of(number)
            .without("ip")
            .with("info_hash", escape(&infohash))
            .with("port", (1000 + u16::from(number)).to_string())
            .with("uploaded", "0")
            .with("downloaded", "0")
            .with("left", left.to_string())
            .with("event", event)
            .with("numwant", "50");
        let (mut theirs, mut ours) = (view(&mut aquatic, &announce), view(&mut builtin, &announce));
        // aquatic leaves the requester out of its counts, npm's tracker and ours do not.
        match (event, left) {
            ("stopped", _) => {}
            (_, 0) => theirs.0 += 1,
            _ => theirs.1 += 1,
        }
        if event == "stopped" {
            // Whom to list to a peer that leaves is a matter of taste.
            theirs.2.clear();
            ours.2.clear();
        }
        assert_eq!(ours, theirs, "step {step}, {event} of {number} in {infohash:?}");
        let scrape = format!("/scrape?info_hash={}", escape(&infohash));
        let counts = |it: &mut KeptAlive| match Response::parse_bytes(&it.ask(scrape.as_bytes())) {
            Ok(Response::Scrape(response)) => {
                let file = response.files.values().next().expect("one was asked for");
                (file.complete, file.incomplete)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(counts(&mut builtin), counts(&mut aquatic), "step {step}");
    }
}

#[test]
fn flags_that_aquatic_has_nothing_for_are_refused_and_it_ends_on_a_signal() {
    let finished = run(BINARY.as_ref(), ["--engine=aquatic", "--listen=127.0.0.1:0", "--seed=1"]);
    assert_eq!(finished.status.code(), Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("--seed"), "{}", finished.stderr);
    let tracker = Tracker::start(&["--engine", "aquatic"]);
    assert_eq!(tracker.0.terminate().status.code(), Some(0));
}
