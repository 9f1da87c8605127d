//! With a seed, a sequence of requests that is replayed gets the same answers.

use crate::support::{Announce, Tracker, escape};

/// The answers of a tracker to a recorded sequence of announces over HTTP and UDP, and of scrapes.
fn replay(flags: &[&str]) -> Vec<Vec<u8>> {
    let tracker = Tracker::start(flags);
    let client = tracker.udp();
    let mut answers = vec![client.connection_id.0.get().to_be_bytes().to_vec()];
    // The recording is a function of its own seed.
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..600 {
        let number = random.u8(1..=120);
        let answer = match random.u8(..10) {
            0 => client.ask_raw(&client.scrape(&[crate::support::INFOHASH])),
            1 => tracker.get("/scrape").body,
            2..5 => client.ask_raw(&client.announce(number, 1, 0, 10)),
            5 => tracker.announce(&Announce::of(number).with("event", "stopped")),
            6 => tracker.announce(&Announce::of(number).with("info_hash", escape(&[9; 20]))),
            _ => tracker.announce(&Announce::of(number).with("numwant", "10")),
        };
        answers.push(answer);
    }
    answers
}

#[test]
fn a_recorded_sequence_gets_the_same_answers_each_time() {
    for order in ["random", "insertion"] {
        let flags = |seed| ["--peer-order", order, "--seed", seed];
        let first = replay(&flags("7"));
        assert_eq!(replay(&flags("7")), first, "{order}");
        assert_ne!(replay(&flags("8")), first, "{order}: the connection id at least differs");
    }
}
