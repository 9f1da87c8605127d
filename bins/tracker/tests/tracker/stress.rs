//! Big swarms, many swarms, and junk between announces.

use std::collections::HashSet;

use crate::support::{Announce, KeptAlive, Tracker, UdpClient, answer};

/// An announce over UDP of a leecher that is known by `number`.
fn announce(client: &UdpClient, infohash: [u8; 20], number: u32, numwant: i32) -> Vec<u8> {
    let mut datagram = client.announce(1, 1, 2, numwant);
    datagram[16..36].copy_from_slice(&infohash);
    datagram[52..56].copy_from_slice(&number.to_be_bytes());
    datagram[84..88].copy_from_slice(&address(number));
    datagram
}

fn address(number: u32) -> [u8; 4] {
    let [_, a, b, c] = number.to_be_bytes();
    [10, a, b, c]
}

#[test]
fn a_swarm_of_20_000_peers_lists_no_more_than_are_wanted_and_never_the_requester() {
    const PEERS: u32 = 20_000;
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let before = tracker.resident();
    for number in 0..PEERS {
        let wanted = [0, 1, 50, 82, 1000][number as usize % 5];
        let reply = client.ask_raw(&announce(&client, [7; 20], number, wanted));
        let peers: Vec<&[u8]> = reply[20..].chunks(6).collect();
        assert_eq!(peers.len(), (wanted.min(82) as usize).min(number as usize));
        assert!(peers.iter().all(|peer| peer[..4] != address(number)), "{number}");
        let distinct: HashSet<_> = peers.iter().collect();
        assert_eq!(distinct.len(), peers.len(), "{number}");
    }
    assert_eq!(tracker.json("/health")["peers"], PEERS);
    let each = (tracker.resident() - before) / f64::from(PEERS);
    println!("{each:.0} bytes a peer");
    assert!(each < 450.0, "{each:.0} bytes a peer");
}

#[test]
fn a_hundred_thousand_swarms_of_one_peer_are_answered() {
    const SWARMS: u32 = 100_000;
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let before = tracker.resident();
    for number in 0..SWARMS {
        // Infohashes are as good as random in each byte.
        let mut infohash = [0; 20];
        fastrand::Rng::with_seed(number.into()).fill(&mut infohash);
        let reply = client.ask_raw(&announce(&client, infohash, number, 50));
        assert_eq!(reply.len(), 20);
        assert_eq!(reply[12..20], [0, 0, 0, 1, 0, 0, 0, 0]);
    }
    assert_eq!(tracker.json("/health")["torrents"], SWARMS);
    let each = (tracker.resident() - before) / f64::from(SWARMS);
    println!("{each:.0} bytes a swarm of one peer");
    assert!(each < 1200.0, "{each:.0} bytes a swarm of one peer");
}

#[test]
fn ten_thousand_junk_datagrams_between_announces_hold_up_none() {
    let tracker = Tracker::start(&[]);
    let client = tracker.udp();
    let mut random = fastrand::Rng::with_seed(7);
    let mut junk = [0; 600];
    for round in 0..100 {
        for _ in 0..100 {
            let length = random.usize(..junk.len());
            random.fill(&mut junk[..length]);
            // No connect: that would be answered.
            junk[3] |= 1;
            client.send(&junk[..length]);
        }
        let datagram = announce(&client, [7; 20], round, 0);
        client.send(&datagram);
        // Rubbish that looks like a request with a wrong connection id has an error as its reply.
        while client.receive()[..4] != [0, 0, 0, 1] {}
    }
    assert_eq!(tracker.json("/health")["peers"], 100);
}

#[test]
fn a_thousand_malformed_requests_between_announces_hold_up_none() {
    let tracker = Tracker::start(&[]);
    let mut connection = KeptAlive::open(&tracker);
    let mut random = fastrand::Rng::with_seed(7);
    let good = Announce::of(1).target();
    for _ in 0..1000 {
        let mut target = good.clone().into_bytes();
        // One to three bytes of the query are anything but what ends a line.
        for _ in 0..random.usize(1..=3) {
            let at = random.usize(10..target.len());
            target[at] = random.u8(14..);
        }
        let body = connection.ask(&target);
        assert!(body.starts_with(b"d") && body.ends_with(b"e"), "{}", body.escape_ascii());
        connection.ask(Announce::of(2).with("event", "stopped").target().as_bytes());
    }
    // The tracker still answers, whatever the swarm is now.
    let fresh = Announce::of(1).with("info_hash", "%01".repeat(20)).target();
    assert_eq!(connection.ask(fresh.as_bytes()), answer(0, 1, &[]));
}
