//! `--engine aquatic`, and that the same announces to it and to the built-in engine give the same
//! swarms. This needs a kernel that has io_uring and a container that allows it.

use std::{collections::BTreeSet, thread};

use crate::support::{Announce, BINARY, KeptAlive, Tracker, escape};
use aquatic_http_protocol::response::Response;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use seedbed_testkit::{run, run_with_env};

/// The counts and the listed ports of a response. All peers are on loopback, and differ by port.
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
    let (theirs, ours) = (Tracker::start(&["--engine", "aquatic"]), Tracker::start(&[]));
    // aquatic keeps a connection open even after `Connection: close`.
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
fn flags_that_aquatic_has_nothing_for_are_refused_by_name() {
    let infohash = "ab".repeat(20);
    let cases = [
        ("--http", "HTTP", "false"),
        ("--udp", "UDP", "true"),
        ("--websocket", "WEBSOCKET", "true"),
        ("--stats", "STATS", "true"),
        ("--whitelist", "TORRENT_WHITELIST", &infohash),
        ("--blacklist", "TORRENT_BLACKLIST", &infohash),
        ("--max-query", "SEEDBED_TRACKER_MAX_QUERY", "65536"),
        ("--peer-order", "SEEDBED_TRACKER_PEER_ORDER", "random"),
        ("--seed", "SEEDBED_TRACKER_SEED", "1"),
    ];
    for (flag, name, value) in cases {
        let aquatic = ["--engine=aquatic", "--listen=127.0.0.1:0"];
        let by_flag = run(BINARY.as_ref(), [&aquatic[..], &[flag, value]].concat());
        for finished in [by_flag, run_with_env(BINARY.as_ref(), aquatic, [(name, value)])] {
            assert_eq!(finished.status.code(), Some(2), "{flag}: {}", finished.stderr);
            assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
            assert!(finished.stderr.contains(flag), "{flag}: {}", finished.stderr);
        }
    }
}

#[test]
fn flags_that_ask_for_what_aquatic_does_are_taken_and_it_ends_on_a_signal() {
    let off = [("UDP", "false"), ("WEBSOCKET", "false"), ("STATS", "0"), ("HTTP", "true")];
    let empty = [("TORRENT_WHITELIST", ""), ("TORRENT_BLACKLIST", "")];
    let tracker = Tracker::start_with_env(&["--engine", "aquatic"], &[&off[..], &empty].concat());
    assert_eq!(tracker.0.terminate().status.code(), Some(0));
}

#[test]
fn limits_and_times_reach_aquatic() {
    let flags = ["--engine=aquatic", "--interval=77", "--max-numwant=2", "--max-scrape=1"];
    let tracker = Tracker::start(&flags);
    let mut connection = KeptAlive::open(&tracker);
    let announce = |number: u8| {
        let all = [("uploaded", "0"), ("downloaded", "0"), ("numwant", "50")];
        let announce = Announce::of(number).without("ip").with("port", format!("{number}"));
        all.into_iter().fold(announce, |announce, (key, value)| announce.with(key, value))
    };
    for number in 1..=4 {
        connection.ask(announce(number).target().as_bytes());
    }
    match Response::parse_bytes(&connection.ask(announce(5).target().as_bytes())) {
        Ok(Response::Announce(response)) => {
            assert_eq!((response.announce_interval, response.peers.0.len()), (77, 2));
        }
        other => panic!("{other:?}"),
    }
    let target = format!("/scrape?info_hash={0}&info_hash={0}", escape(&[1; 20]));
    match Response::parse_bytes(&connection.ask(target.as_bytes())) {
        Ok(Response::Scrape(response)) => assert!(response.files.len() <= 1),
        other => panic!("{other:?}"),
    }
}

/// As Docker's default profile has it: the system calls of io_uring fail with EPERM.
fn without_io_uring<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    const IO_URING_SETUP_TO_REGISTER: [i64; 3] = [425, 426, 427];
    const EPERM: u32 = 1;
    let filter = SeccompFilter::new(
        IO_URING_SETUP_TO_REGISTER.map(|call| (call, Vec::new())).into(),
        SeccompAction::Allow,
        SeccompAction::Errno(EPERM),
        std::env::consts::ARCH.try_into().expect("seccomp is there on this architecture"),
    );
    let program: BpfProgram =
        filter.expect("a filter is made").try_into().expect("a filter is compiled");
    // The filter holds for this thread and for the processes that it starts.
    thread::scope(|scope| {
        let confined = scope.spawn(|| {
            seccompiler::apply_filter(&program).expect("a thread can confine itself");
            body()
        });
        confined.join().expect("the body does not panic")
    })
}

#[test]
fn where_io_uring_is_denied_aquatic_ends_at_start_with_one_line() {
    let finished =
        without_io_uring(|| run(BINARY.as_ref(), ["--engine=aquatic", "--listen=127.0.0.1:0"]));
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("io_uring, which is denied here"), "{}", finished.stderr);
}

#[test]
fn where_io_uring_is_denied_the_built_in_engine_serves() {
    let tracker = without_io_uring(|| Tracker::start(&[]));
    assert_eq!(tracker.get("/health").status, 200);
}
