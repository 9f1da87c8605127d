//! BEP 23: compact answers.

use crate::support::{Announce, Tracker, answer, assert_same};

#[test]
fn a_compact_answer_always_has_all_five_keys() {
    let tracker = Tracker::start(&[]);
    assert_same(
        &tracker.announce(&Announce::of(1)),
        b"d8:completei0e10:incompletei1e8:intervali10e5:peers0:6:peers60:e",
    );
}

#[test]
fn a_compact_peer_is_four_bytes_of_address_and_two_of_port() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    assert_same(&tracker.announce(&Announce::of(2)), &answer(0, 2, &[1]));
}

#[test]
fn compact_0_asks_for_dictionaries() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    let body = tracker.announce(&Announce::of(2).with("compact", "0"));
    assert!(body.windows(10).any(|window| window == b"5:peersld2"), "{}", body.escape_ascii());
}
