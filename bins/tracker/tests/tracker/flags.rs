//! Every flag takes effect, and so does its environment twin.

use std::net::{TcpListener, UdpSocket};

use crate::support::{
    Announce, BINARY, INFOHASH, Tracker, answer, assert_same, escape, failure, listed,
};
#[cfg(not(feature = "aquatic"))]
use seedbed_testkit::run_with_env;
use seedbed_testkit::{Server, request, run, wait_until};

const OTHER: [u8; 20] = [0xab; 20];

const UPGRADE: &str = "GET / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n\
    Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";

fn hex(bytes: &[u8]) -> String {
    escape(bytes).replace('%', "").to_lowercase()
}

/// A tracker with a flag, and one with its environment twin.
fn both_ways(flag: &str, name: &str, value: &str) -> [Tracker; 2] {
    [
        Tracker::start(&["--peer-order", "insertion", flag, value]),
        Tracker::start_with_env(&["--peer-order", "insertion"], &[(name, value)]),
    ]
}

#[test]
fn interval_is_what_clients_are_told() {
    for tracker in both_ways("--interval", "INTERVAL", "3") {
        let body = String::from_utf8(tracker.announce(&Announce::of(1))).unwrap();
        assert!(body.contains("8:intervali3e"), "{body}");
        let client = tracker.udp();
        assert_eq!(client.ask_raw(&client.announce(1, 1, 2, -1))[8..12], [0, 0, 0, 3]);
    }
}

#[test]
fn expire_after_is_how_many_intervals_a_peer_may_be_silent() {
    for flags in [&["--expire-after", "1"][..], &[]] {
        let env: &[_] =
            if flags.is_empty() { &[("SEEDBED_TRACKER_EXPIRE_AFTER", "1")] } else { &[] };
        let tracker = Tracker::start_with_env(&[flags, &["--interval", "1"]].concat(), env);
        tracker.announce(&Announce::of(1));
        wait_until("the peer to be forgotten", || tracker.json("/health")["peers"] == 0);
    }
}

#[test]
fn max_numwant_is_the_most_peers_that_are_listed() {
    for tracker in both_ways("--max-numwant", "SEEDBED_TRACKER_MAX_NUMWANT", "2") {
        for number in 1..=5 {
            tracker.announce(&Announce::of(number));
        }
        assert_eq!(listed(&tracker.announce(&Announce::of(9).with("numwant", "4"))), [1, 2]);
        assert_eq!(listed(&tracker.announce(&Announce::of(9))), [1, 2]);
        let client = tracker.udp();
        assert_eq!(client.ask_raw(&client.announce(9, 1, 2, -1)).len(), 20 + 2 * 6);
    }
}

#[test]
fn http_can_be_switched_off() {
    for tracker in both_ways("--http", "HTTP", "false") {
        assert_eq!(tracker.get(&Announce::of(1).target()).status, 404);
        assert_eq!(tracker.get("/scrape").status, 404);
        assert_eq!(tracker.get("/health").status, 200);
        tracker.udp();
    }
}

#[test]
fn udp_can_be_switched_off() {
    for tracker in both_ways("--udp", "UDP", "0") {
        let bound = tracker.0.address("http");
        assert_eq!(tracker.0.stdout(), [format!("listening on http://{bound}")]);
        UdpSocket::bind(bound).unwrap();
    }
}

#[test]
fn websocket_can_be_switched_off() {
    for tracker in both_ways("--websocket", "WEBSOCKET", "false") {
        assert_eq!(request(tracker.0.address("http"), UPGRADE).status, 404);
        assert_eq!(tracker.get("/scrape").status, 200);
    }
}

#[test]
fn with_all_transports_off_nobody_is_answered_and_the_pages_are_still_there() {
    let off = [("HTTP", "false"), ("UDP", "false"), ("WEBSOCKET", "false")];
    let tracker = Tracker::start_with_env(&[], &off);
    let bound = tracker.0.address("http");
    assert_eq!(tracker.0.stdout(), [format!("listening on http://{bound}")]);
    for target in [&*Announce::of(1).target(), "/scrape"] {
        assert_eq!(tracker.get(target).status, 404, "{target}");
    }
    assert_eq!(request(bound, UPGRADE).status, 404);
    UdpSocket::bind(bound).unwrap();
    for page in ["/stats", "/stats.json", "/api/torrents", "/health", "/version", "/metrics"] {
        assert_eq!(tracker.get(page).status, 200, "{page}");
    }
}

#[test]
fn log_level_is_the_least_severe_that_is_logged_and_log_format_how() {
    // A malformed request is logged at debug level.
    let logged = |tracker: Tracker| {
        assert_eq!(request(tracker.0.address("http"), "NONSENSE HTTP/1.1").status, 400);
        tracker.0.terminate().stderr
    };
    assert_eq!(logged(Tracker::start(&[])), "");
    for tracker in both_ways("--log-level", "SEEDBED_LOG_LEVEL", "debug") {
        let log = logged(tracker);
        assert!(log.contains("DEBUG") && !log.starts_with('{'), "{log}");
    }
    let debug = ["--log-level", "seedbed_tracker=debug"];
    let by_flag = Tracker::start(&[&debug[..], &["--log-format", "json"]].concat());
    for tracker in [by_flag, Tracker::start_with_env(&debug, &[("SEEDBED_LOG_FORMAT", "json")])] {
        let log = logged(tracker);
        let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        assert_eq!(line["level"], "DEBUG", "{log}");
    }
}

#[test]
fn max_query_is_the_longest_query() {
    for tracker in both_ways("--max-query", "SEEDBED_TRACKER_MAX_QUERY", "256") {
        let long = Announce::of(1).with("x", "x".repeat(256));
        let reason = "query: wanted at most 256 bytes";
        assert_same(&tracker.announce(&long), &failure(reason));
        assert_same(&tracker.announce(&Announce::of(1)), &answer(0, 1, &[]));
    }
}

#[test]
fn max_scrape_is_the_most_infohashes_in_a_scrape() {
    for tracker in both_ways("--max-scrape", "SEEDBED_TRACKER_MAX_SCRAPE", "2") {
        let scrape = |count| {
            let infohashes = vec![format!("info_hash={}", escape(&INFOHASH)); count];
            tracker.get(&format!("/scrape?{}", infohashes.join("&"))).body
        };
        assert!(scrape(2).starts_with(b"d5:files"));
        assert_same(&scrape(3), &failure("info_hash: wanted at most 2 of them"));
    }
}

#[test]
fn stats_can_be_switched_off() {
    for tracker in both_ways("--stats", "STATS", "no") {
        for target in ["/stats", "/stats.json", "/api/torrents"] {
            assert_eq!(tracker.get(target).status, 404, "{target}");
        }
        assert_eq!(tracker.get("/scrape").status, 200);
    }
}

#[test]
fn an_empty_switch_in_the_environment_is_none() {
    let empty = [
        ("HTTP", ""),
        ("UDP", ""),
        ("WEBSOCKET", ""),
        ("STATS", ""),
        ("TRUST_PROXY", ""),
        ("TORRENT_WHITELIST", ""),
        ("TORRENT_BLACKLIST", ""),
    ];
    let tracker = Tracker::start_with_env(&[], &empty);
    assert_eq!(tracker.get("/stats").status, 200);
    assert_eq!(tracker.get("/scrape").status, 200);
    tracker.udp();
}

/// The address that the tracker gives to a peer whose announce a proxy forwards.
fn forwarded(tracker: &Tracker) -> String {
    let target = Announce::of(1).without("ip").target();
    let head = format!("GET {target} HTTP/1.1\nX-Forwarded-For: 9.9.9.9, 203.0.113.7");
    assert_eq!(request(tracker.0.address("http"), &head).status, 200);
    let torrent = tracker.json(&format!("/api/torrents/{}", hex(&INFOHASH)));
    torrent["peers"][0]["address"].as_str().expect("a peer has an address").to_owned()
}

#[test]
fn trust_proxy_believes_what_a_proxy_forwards() {
    assert_eq!(forwarded(&Tracker::start(&[])), "127.0.0.1:6881");
    assert_eq!(forwarded(&Tracker::start(&["--trust-proxy"])), "203.0.113.7:6881");
    for tracker in both_ways("--trust-proxy", "TRUST_PROXY", "true") {
        assert_eq!(forwarded(&tracker), "203.0.113.7:6881");
    }
}

#[test]
fn only_torrents_on_the_whitelist_may_be_announced() {
    let both = format!("{},{}", hex(&OTHER), hex(&[1; 20]));
    for tracker in both_ways("--whitelist", "TORRENT_WHITELIST", &both) {
        let reason = format!("info_hash {} is not on the whitelist", hex(&INFOHASH));
        assert_same(&tracker.announce(&Announce::of(1)), &failure(&reason));
        let listed = Announce::of(1).with("info_hash", escape(&OTHER));
        assert_same(&tracker.announce(&listed), &answer(0, 1, &[]));
        let client = tracker.udp();
        let reply = client.ask_raw(&client.announce(1, 1, 2, -1));
        assert_same(&reply[8..], reason.as_bytes());
    }
}

#[test]
fn torrents_on_the_blacklist_may_not_be_announced() {
    for tracker in both_ways("--blacklist", "TORRENT_BLACKLIST", &hex(&INFOHASH)) {
        let reason = format!("info_hash {} is on the blacklist", hex(&INFOHASH));
        assert_same(&tracker.announce(&Announce::of(1)), &failure(&reason));
        let other = Announce::of(1).with("info_hash", escape(&OTHER));
        assert_same(&tracker.announce(&other), &answer(0, 1, &[]));
    }
}

#[test]
fn peer_order_insertion_lists_those_that_came_first() {
    let by_flag = Tracker::start(&["--peer-order", "insertion"]);
    let by_env = Tracker::start_with_env(&[], &[("SEEDBED_TRACKER_PEER_ORDER", "insertion")]);
    for tracker in [by_flag, by_env] {
        let listings = listings(&tracker);
        assert_eq!(listings[19], [1, 2, 3, 4, 5]);
    }
}

/// The listings for twenty peers in a row that each want five others.
fn listings(tracker: &Tracker) -> Vec<Vec<u8>> {
    let announce = |number| Announce::of(number).with("numwant", "5");
    (1..=20).map(|number| listed(&tracker.announce(&announce(number)))).collect()
}

#[test]
fn with_a_seed_the_same_requests_get_the_same_answers() {
    let seeded = listings(&Tracker::start(&["--seed", "7"]));
    assert_eq!(listings(&Tracker::start(&["--seed", "7"])), seeded);
    assert_eq!(listings(&Tracker::start_with_env(&[], &[("SEEDBED_TRACKER_SEED", "7")])), seeded);
    assert_ne!(listings(&Tracker::start(&["--seed", "8"])), seeded);
    assert_ne!(listings(&Tracker::start(&[])), seeded);
    assert_ne!(seeded[19], [1, 2, 3, 4, 5]);
}

#[test]
fn with_a_seed_connection_ids_are_the_same_too() {
    let id = |seed| Tracker::start(&["--seed", seed]).udp().connection_id;
    assert_eq!(id("7"), id("7"));
    assert_ne!(id("7"), id("8"));
}

#[test]
fn listen_and_port_choose_the_address_of_both_sockets() {
    let by_env = Server::start_with_env(
        BINARY.as_ref(),
        [] as [&str; 0],
        [("SEEDBED_TRACKER_LISTEN", "127.0.0.1:1"), ("PORT", "0")],
    );
    let by_flag = Server::start(BINARY.as_ref(), ["--listen=127.0.0.1:1", "--port=0"]);
    for server in [by_env, by_flag] {
        let bound = server.address("http");
        assert!(bound.ip().is_loopback() && bound.port() != 1, "{bound}");
        assert_eq!(
            server.stdout(),
            [format!("listening on http://{bound}"), format!("listening on udp://{bound}")]
        );
    }
}

#[test]
fn a_value_that_is_wrong_is_a_usage_error_that_names_it() {
    let cases = [
        ["--whitelist", "abc"],
        ["--blacklist", "abc"],
        ["--listen", "abc"],
        ["--port", "abc"],
        ["--interval", "0"],
        ["--expire-after", "0"],
        ["--max-numwant", "3001"],
        ["--max-query", "255"],
        ["--max-scrape", "0"],
        ["--websocket", "abc"],
        ["--http", "abc"],
        ["--trust-proxy", "abc"],
        ["--peer-order", "abc"],
        ["--seed", "-1"],
        ["--engine", "abc"],
        ["--log-format", "abc"],
        ["--log-level", "seedbed_tracker=loud"],
    ];
    for [flag, value] in cases {
        let finished = run(BINARY.as_ref(), [format!("{flag}={value}")]);
        assert_eq!(finished.status.code(), Some(2), "{flag}: {}", finished.stderr);
        assert!(finished.stderr.contains(flag), "{flag}: {}", finished.stderr);
        assert!(finished.stderr.contains(value), "{flag}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{flag}");
    }
}

#[test]
fn a_free_port_is_one_that_is_free_for_tcp_and_udp() {
    // Each of these could meet a port whose UDP twin is taken.
    let trackers: Vec<_> = (0..3).map(|_| Tracker::start(&[])).collect();
    for tracker in &trackers {
        assert!(TcpListener::bind(tracker.0.address("http")).is_err());
        assert!(UdpSocket::bind(tracker.0.address("udp")).is_err());
    }
}

#[cfg(not(feature = "aquatic"))]
#[test]
fn an_engine_that_is_not_built_in_is_a_usage_error_that_names_it() {
    let by_flag = run(BINARY.as_ref(), ["--engine", "aquatic"]);
    let env = [("SEEDBED_TRACKER_ENGINE", "aquatic")];
    for finished in [by_flag, run_with_env(BINARY.as_ref(), [] as [&str; 0], env)] {
        assert_eq!(finished.status.code(), Some(2));
        assert!(finished.stderr.contains("--engine aquatic"), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
}
