//! Several seeders in one process, and partial ones.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};

use seedbed_testkit::{Server, get_json, wait_until};
use serde_json::Value;

use crate::{
    common::{addresses, fails, hash, healthy, seeder, seeder_binary, torrent, tracked, tracker},
    peer::{BITFIELD, Peer},
};

/// Which pieces a peer at `address` says that it has.
fn pieces(address: std::net::SocketAddr, hash: &str, count: usize) -> Vec<bool> {
    let bits = Peer::connect(address, hash).unwrap().until(BITFIELD).unwrap();
    (0..count).map(|piece| bits[piece / 8] & (0x80 >> (piece % 8)) != 0).collect()
}

fn ids(peers: &[Value]) -> BTreeSet<String> {
    peers.iter().map(|peer| peer["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_seeder_has_a_peer_id_and_a_port_of_its_own_and_says_so_to_the_tracker() {
    let (tracker, announce) = tracker();
    let start = |seed| {
        let flags = ["--synthetic", "a=100KiB", "--seeders", "3", "--announce", &announce];
        let seeder = seeder(&[&flags[..], &["--seed", seed]].concat());
        healthy(&seeder);
        let peers = tracked(&tracker, &hash(&seeder, "a"));
        let ports: BTreeSet<_> = addresses(&seeder, "tcp").iter().map(|a| a.port()).collect();
        let announced: BTreeSet<_> = peers.iter().map(port).collect();
        assert_eq!((ports.len(), &ports), (3, &announced));
        assert!(seeder.terminate().status.success());
        ids(&peers)
    };
    let first = start("1");
    assert_eq!(first.len(), 3);
    assert_eq!(first, start("1"), "they are functions of the seed");
    assert!(first.is_disjoint(&start("2")));
}

#[test]
fn seeders_of_one_process_do_not_dial_each_other() {
    let (tracker, announce) = tracker();
    let flags = ["--synthetic", "a=100KiB", "--seeders", "3", "--dial", "--announce-interval", "1"];
    let seeder = seeder(&[&flags[..], &["--announce", &announce]].concat());
    healthy(&seeder);
    // All have been told of all once each has announced a second time.
    let announced = || {
        let view = torrent(&seeder, "a");
        let trackers = view["trackers"].as_array().unwrap();
        trackers.iter().all(|tracker| tracker["announces"].as_u64() > Some(1))
    };
    wait_until("each to have announced twice", announced);
    assert_eq!(get_json(&seeder.url("/peers")), serde_json::json!([]));
    assert_eq!(tracked(&tracker, &hash(&seeder, "a")).len(), 3);
}

fn port(peer: &Value) -> u16 {
    let address = peer["address"].as_str().unwrap();
    address.parse::<std::net::SocketAddr>().unwrap().port()
}

#[test]
fn partial_seeders_have_everything_together_and_each_a_share_which_the_tracker_knows() {
    let (tracker, announce) = tracker();
    let start = |seed| {
        let flags = ["--synthetic", "a=1000000,seed=1", "--seeders", "3", "--partial", "0.5"];
        seeder(&[&flags[..], &["--announce", &announce, "--seed", seed]].concat())
    };
    let shares_of = |seeder: &Server| {
        let view = torrent(seeder, "a");
        let count = usize::try_from(view["pieces"].as_u64().unwrap()).unwrap();
        let hash = view["hash"].as_str().unwrap();
        let shares = addresses(seeder, "tcp").into_iter().map(|at| (at, pieces(at, hash, count)));
        shares.collect::<Vec<_>>()
    };
    let seeder = start("1");
    healthy(&seeder);
    let shares = shares_of(&seeder);
    let count = shares[0].1.len();
    assert_eq!((shares.len(), count), (3, 62));
    assert!((0..count).all(|piece| shares.iter().any(|(_, share)| share[piece])));
    assert!(shares.iter().all(|(_, share)| !share.iter().all(|has| *has)));
    let peers = tracked(&tracker, &hash(&seeder, "a"));
    for (address, share) in &shares {
        let peer = peers.iter().find(|peer| port(peer) == address.port()).unwrap();
        // The last piece is what is left of a million bytes.
        let length = |piece: usize| if piece + 1 == count { 576 } else { 16384 };
        let lacking = (0..count).filter(|piece| !share[*piece]).map(length).sum::<u64>();
        assert_eq!(peer["left"], lacking);
    }
    drop(seeder);
    let only =
        |shares: Vec<(_, Vec<bool>)>| -> Vec<_> { shares.into_iter().map(|s| s.1).collect() };
    let first = only(shares);
    assert_eq!(only(shares_of(&start("1"))), first, "the shares are functions of the seed");
    assert_ne!(only(shares_of(&start("2"))), first);
}

#[test]
fn a_seeder_has_the_port_after_the_one_before_it() {
    let is_free = |port: &u16| {
        (*port..port + 3).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
    };
    let first = (20_000..60_000).step_by(7).find(is_free).expect("three ports are free");
    let at = format!("127.0.0.1:{first}");
    let flags = ["--synthetic", "a=1", "--listen", "127.0.0.1:0", "--peer-listen", &at];
    let seeder = Server::start(seeder_binary(), flags.iter().chain(&["--seeders", "3"]));
    let ports: Vec<_> = addresses(&seeder, "tcp").iter().map(|address| address.port()).collect();
    assert_eq!(ports, [first, first + 1, first + 2]);
    assert_eq!(addresses(&seeder, "utp"), addresses(&seeder, "tcp"));
}

#[test]
fn a_share_needs_others_and_is_above_0_and_below_1() {
    let partial = |fraction, seeders| {
        fails(&["--synthetic", "a=1", "--partial", fraction, "--seeders", seeders])
    };
    let (code, error) = partial("0.5", "1");
    assert_eq!(code, Some(2));
    assert!(error.contains("--seeders of 2 or more"), "{error}");
    for wrong in ["0", "1", "half"] {
        let (code, error) = partial(wrong, "2");
        assert_eq!(code, Some(2));
        assert!(error.contains("wanted a fraction above 0 and below 1"), "{error}");
    }
}
