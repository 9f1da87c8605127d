use std::num::NonZeroU16;

use seedbed_metainfo::PeerId;

use super::*;
use crate::messages::{Addresses, Endpoint, Families, Transport, WebPeer};

const TTL: Duration = Duration::from_secs(60);
const INFOHASH: Infohash = Infohash::new([7; 20]);

fn store(order: PeerOrder, seed: u64) -> Store {
    Store::new(order, seed, TTL)
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn id(number: u8) -> PeerId {
    PeerId::new([number; 20])
}

/// An announce of a leecher at 10.0.0.`number`.
fn leecher(number: u8) -> AnnounceRequest {
    from(number, &format!("10.0.0.{number}"))
}

fn from(number: u8, ip: &str) -> AnnounceRequest {
    AnnounceRequest {
        transport: Transport::Http,
        infohash: INFOHASH,
        peer_id: id(number),
        addresses: Addresses::from((ip.parse().unwrap(), NonZeroU16::new(6881).unwrap())),
        web: None,
        event: Event::Empty,
        uploaded: 0,
        downloaded: 0,
        left: Some(1),
        numwant: None,
        families: Families::Both,
        peer_ids: true,
    }
}

fn seeder(number: u8) -> AnnounceRequest {
    AnnounceRequest { left: Some(0), ..leecher(number) }
}

fn event(number: u8, event: Event) -> AnnounceRequest {
    AnnounceRequest { event, ..leecher(number) }
}

/// Announces, and gives the numbers of the peers that are listed.
fn announce(store: &Store, request: &AnnounceRequest, wanted: u32, now: Moment) -> Vec<u8> {
    let (_, listing) = store.announce(request, wanted, now);
    peers(listing).iter().map(|(id, _)| id.as_bytes()[0]).collect()
}

fn peers(listing: Listing) -> Vec<(PeerId, Addresses)> {
    match listing {
        Listing::Peers(peers) => peers,
        // What a peer is told that leaves.
        Listing::Addresses { v4, v6 } if v4.is_empty() && v6.is_empty() => Vec::new(),
        other => panic!("no peers with ids: {other:?}"),
    }
}

fn counts(complete: u32, incomplete: u32, downloaded: u32) -> SwarmCounts {
    SwarmCounts { complete, incomplete, downloaded }
}

#[test]
fn counts_include_the_requester() {
    let store = store(PeerOrder::Random, 0);
    assert_eq!(store.announce(&leecher(1), 50, at(0)).0, counts(0, 1, 0));
    assert_eq!(store.announce(&seeder(2), 50, at(0)).0, counts(1, 1, 0));
    assert_eq!(store.scrape(&INFOHASH, at(0)), counts(1, 1, 0));
}

#[test]
fn a_peer_is_never_listed_to_itself() {
    for order in [PeerOrder::Insertion, PeerOrder::Random] {
        let store = store(order, 0);
        assert!(announce(&store, &leecher(1), 50, at(0)).is_empty());
        assert!(announce(&store, &leecher(1), 50, at(0)).is_empty());
        assert_eq!(announce(&store, &leecher(2), 50, at(0)), [1]);
        assert_eq!(announce(&store, &leecher(1), 50, at(0)), [2]);
    }
}

#[test]
fn a_peer_is_one_under_both_its_addresses_and_not_listed_to_itself_under_the_other() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &from(1, "10.0.0.1"), 50, at(0));
    let (both, listing) = store.announce(&from(1, "fd00::1"), 50, at(0));
    assert_eq!((both, peers(listing).len()), (counts(0, 1, 0), 0));
    let (_, listing) = store.announce(&leecher(2), 50, at(0));
    let addresses: Vec<_> = peers(listing)[0].1.iter().map(|a| a.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1:6881", "[fd00::1]:6881"]);
}

#[test]
fn a_peer_at_the_endpoint_of_another_peer_id_replaces_it() {
    // Swarms have an index by endpoint only from some size on.
    for others in [0, 200] {
        let store = store(PeerOrder::Insertion, 0);
        for number in 0..others {
            announce(&store, &from(100, &format!("10.1.0.{number}")), 0, at(0));
            let request = AnnounceRequest {
                peer_id: PeerId::new([101; 20]),
                ..from(100, &format!("10.2.0.{number}"))
            };
            let mut id = *request.peer_id.as_bytes();
            id[19] = number;
            announce(&store, &AnnounceRequest { peer_id: PeerId::new(id), ..request }, 0, at(0));
        }
        let all = u32::from(others) + u32::from(others > 0);
        announce(&store, &from(1, "10.0.0.9"), 0, at(0));
        announce(&store, &from(2, "10.0.0.8"), 0, at(0));
        assert_eq!(store.scrape(&INFOHASH, at(0)), counts(0, all + 2, 0));
        announce(&store, &from(3, "10.0.0.9"), 0, at(1));
        assert_eq!(store.scrape(&INFOHASH, at(1)), counts(0, all + 2, 0));
        let listed = announce(&store, &leecher(4), 1000, at(1));
        assert!(listed.ends_with(&[2, 3]), "{listed:?}");
        // A peer that moves takes the endpoint of another, too.
        announce(&store, &from(2, "10.0.0.9"), 0, at(2));
        let listed = announce(&store, &leecher(4), 1000, at(2));
        assert!(listed.ends_with(&[2]) && !listed.contains(&3), "{listed:?}");
        assert_eq!(store.scrape(&INFOHASH, at(2)), counts(0, all + 2, 0));
    }
}

#[test]
fn a_peer_keeps_the_endpoint_that_no_other_peer_has_announced() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &from(1, "10.0.0.1"), 50, at(0));
    announce(&store, &from(1, "fd00::1"), 50, at(0));
    announce(&store, &from(2, "10.0.0.1"), 50, at(0));
    let (both, listing) = store.announce(&leecher(3), 50, at(0));
    assert_eq!(both, counts(0, 3, 0));
    let listed: Vec<_> = peers(listing).into_iter().map(|(_, addresses)| addresses).collect();
    assert_eq!(listed, [from(1, "fd00::1").addresses, from(2, "10.0.0.1").addresses]);
    // Both of its endpoints at once, which were of two peers.
    let mut request = from(4, "10.0.0.1");
    request.addresses.set("fd00::1".parse().unwrap(), NonZeroU16::new(6881).unwrap());
    announce(&store, &request, 50, at(0));
    assert_eq!(announce(&store, &leecher(3), 50, at(0)), [4]);
}

#[test]
fn peers_come_go_and_move_and_each_endpoint_is_listed_once() {
    let store = store(PeerOrder::Insertion, 0);
    let mut random = Rng::with_seed(3);
    for step in 0..20_000 {
        let (number, ip) = (random.u8(..120), random.u8(..90));
        let event = if random.u8(..10) < 2 { Event::Stopped } else { Event::Empty };
        let request = from(number, &format!("10.0.0.{ip}"));
        let now = at(step / 40);
        store.announce(&AnnounceRequest { event, ..request }, 0, now);
        if step % 97 == 0 {
            let (counts, peers) = store.swarm(&INFOHASH, now).unwrap();
            let mut all: Vec<_> =
                peers.iter().flat_map(|peer| peer.addresses().iter().collect::<Vec<_>>()).collect();
            let total = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), total, "step {step}");
            assert_eq!(counts.incomplete as usize, peers.len(), "step {step}");
            assert_eq!(total, peers.len(), "step {step}");
        }
    }
}

#[test]
fn sweeping_gives_back_the_tables_of_swarms_that_are_gone() {
    let store = store(PeerOrder::Insertion, 0);
    let mut random = Rng::with_seed(1);
    for _ in 0..100_000 {
        let mut infohash = [0; 20];
        random.fill(&mut infohash);
        let request = AnnounceRequest { infohash: Infohash::new(infohash), ..leecher(1) };
        store.announce(&request, 0, at(0));
    }
    let capacity = || store.shards.iter().map(|shard| lock(shard).capacity()).sum::<usize>();
    assert!(capacity() >= 100_000);
    store.sweep(at(60));
    assert!(capacity() >= 100_000);
    store.sweep(at(61));
    assert_eq!(capacity(), 0);
}

#[test]
fn an_answer_for_one_family_lists_only_peers_of_that_family() {
    let store = store(PeerOrder::Random, 0);
    announce(&store, &from(1, "10.0.0.1"), 50, at(0));
    announce(&store, &from(2, "fd00::2"), 50, at(0));
    announce(&store, &from(3, "10.0.0.3"), 50, at(0));
    announce(&store, &from(3, "fd00::3"), 50, at(0));
    let listed = |families, peer_ids| {
        let request = AnnounceRequest { families, peer_ids, ..leecher(9) };
        let mut listed: Vec<u8> = match store.announce(&request, 50, at(0)).1 {
            Listing::Addresses { v4, v6 } => {
                let v4 = v4.into_iter().map(|Endpoint { ip, .. }| ip.octets()[3]);
                v4.chain(v6.into_iter().map(|Endpoint { ip, .. }| ip.octets()[15])).collect()
            }
            other => peers(other).iter().map(|(id, _)| id.as_bytes()[0]).collect(),
        };
        listed.sort_unstable();
        listed
    };
    assert_eq!(listed(Families::V4, false), [1, 3]);
    assert_eq!(listed(Families::V6, false), [2, 3]);
    assert_eq!(listed(Families::Both, false), [1, 2, 3, 3]);
    assert_eq!(listed(Families::Both, true), [1, 2, 3]);
}

#[test]
fn a_peer_that_moves_is_listed_where_it_is_now() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &from(1, "10.0.0.1"), 50, at(0));
    announce(&store, &from(1, "10.0.0.77"), 50, at(1));
    let (_, listing) = store.announce(&leecher(2), 50, at(1));
    assert_eq!(peers(listing)[0].1, from(1, "10.0.0.77").addresses);
}

#[test]
fn no_more_peers_are_listed_than_wanted_and_each_once() {
    for order in [PeerOrder::Insertion, PeerOrder::Random] {
        let store = store(order, 3);
        for number in 1..=100 {
            announce(&store, &leecher(number), 0, at(0));
        }
        for wanted in [0, 1, 50, 99, 100, 1000] {
            let mut listed = announce(&store, &leecher(1), wanted, at(0));
            listed.sort_unstable();
            listed.dedup();
            assert_eq!(listed.len(), wanted.min(99) as usize, "{order:?}, {wanted}");
        }
    }
}

#[test]
fn insertion_order_survives_departures_and_announces() {
    let store = store(PeerOrder::Insertion, 0);
    for number in 1..=20 {
        announce(&store, &leecher(number), 0, at(0));
    }
    for number in (1..=20).filter(|number| number % 3 != 0) {
        announce(&store, &event(number, Event::Stopped), 0, at(1));
    }
    announce(&store, &leecher(9), 0, at(2));
    announce(&store, &leecher(1), 0, at(2));
    assert_eq!(announce(&store, &leecher(99), 50, at(2)), [3, 6, 9, 12, 15, 18, 1]);
    assert_eq!(announce(&store, &leecher(99), 2, at(2)), [3, 6]);
}

#[test]
fn the_same_seed_gives_the_same_peers_and_another_seed_others() {
    let listings = |seed| -> Vec<Vec<u8>> {
        let store = store(PeerOrder::Random, seed);
        (1..=60).map(|number| announce(&store, &leecher(number), 10, at(0))).collect()
    };
    assert_eq!(listings(1), listings(1));
    assert_ne!(listings(1), listings(2));
}

#[test]
fn other_swarms_do_not_change_which_peers_are_listed() {
    let listings = |others: u8| -> Vec<Vec<u8>> {
        let store = store(PeerOrder::Random, 1);
        let listing = |number| {
            for other in 0..others {
                let infohash = Infohash::new([other; 20]);
                announce(&store, &AnnounceRequest { infohash, ..leecher(number) }, 10, at(0));
            }
            announce(&store, &leecher(number), 10, at(0))
        };
        (1..=60).map(listing).collect()
    };
    assert_eq!(listings(0), listings(5));
}

#[test]
fn every_other_peer_is_listed_now_and_then() {
    let store = store(PeerOrder::Random, 5);
    for number in 1..=100 {
        announce(&store, &leecher(number), 0, at(0));
    }
    let mut seen = [0_u32; 256];
    for _ in 0..1000 {
        for number in announce(&store, &leecher(1), 10, at(0)) {
            seen[usize::from(number)] += 1;
        }
    }
    // 10,000 listings of 99 peers: about a hundred each.
    assert!(seen[2..=100].iter().all(|&times| (50..=160).contains(&times)), "{seen:?}");
}

#[test]
fn stopped_removes_and_is_no_way_in() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &event(1, Event::Stopped), 50, at(0));
    assert_eq!(store.totals(at(0)), Totals::default());
    announce(&store, &leecher(1), 50, at(0));
    announce(&store, &seeder(2), 50, at(0));
    let (left, listed) = store.announce(&event(1, Event::Stopped), 50, at(0));
    assert_eq!((left, listed), (counts(1, 0, 0), Listing::default()));
    let totals = store.totals(at(0));
    assert_eq!(totals, Totals { torrents: 1, active_torrents: 1, peers: 1 });
}

#[test]
fn completed_is_counted_once_a_peer() {
    let store = store(PeerOrder::Insertion, 0);
    for number in [1, 1, 2, 1] {
        announce(&store, &event(number, Event::Completed), 50, at(0));
    }
    assert_eq!(store.scrape(&INFOHASH, at(0)).downloaded, 2);
}

#[test]
fn a_peer_that_says_nothing_of_left_is_a_leecher_until_it_completes_and_then_stays_a_seeder() {
    let store = store(PeerOrder::Insertion, 0);
    let silent = |event| AnnounceRequest { left: None, event, ..leecher(1) };
    let announce = |event| store.announce(&silent(event), 50, at(0)).0;
    assert_eq!(announce(Event::Started), counts(0, 1, 0));
    assert_eq!(announce(Event::Completed), counts(1, 0, 1));
    assert_eq!(announce(Event::Empty), counts(1, 0, 1));
}

#[test]
fn a_peer_is_forgotten_when_it_was_silent_for_too_long() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &leecher(1), 50, at(0));
    announce(&store, &leecher(2), 50, at(30));
    assert_eq!(store.scrape(&INFOHASH, at(60)), counts(0, 2, 0));
    assert_eq!(store.scrape(&INFOHASH, at(61)), counts(0, 1, 0));
    assert_eq!(announce(&store, &leecher(3), 50, at(61)), [2]);
    assert_eq!(store.scrape(&INFOHASH, at(91)), counts(0, 1, 0));
    assert_eq!(store.totals(at(200)).peers, 0);
}

#[test]
fn a_peer_that_keeps_announcing_is_kept() {
    let store = store(PeerOrder::Insertion, 0);
    for seconds in (0..600).step_by(60) {
        assert_eq!(store.announce(&leecher(1), 50, at(seconds)).0, counts(0, 1, 0));
    }
    let (_, peers) = store.swarm(&INFOHASH, at(600)).unwrap();
    assert_eq!((peers[0].first_seen, peers[0].last_seen()), (at(0), at(540)));
}

#[test]
fn an_address_that_is_no_longer_announced_is_forgotten_alone() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &from(1, "10.0.0.1"), 50, at(0));
    announce(&store, &from(1, "fd00::1"), 50, at(50));
    let (both, listing) = store.announce(&leecher(2), 50, at(61));
    assert_eq!(both, counts(0, 2, 0));
    assert_eq!(peers(listing)[0].1, from(1, "fd00::1").addresses);
}

#[test]
fn silent_peers_go_wherever_they_stand_and_the_others_keep_their_order() {
    // Each pattern of 8 peers that stay and go, through every way of closing up.
    for stays in 0..=255_u8 {
        let store = store(PeerOrder::Insertion, 0);
        let (stay, go): (Vec<_>, Vec<_>) = (1..=8).partition(|n| stays & (1 << (n - 1)) != 0);
        for number in 1..=8 {
            announce(&store, &leecher(number), 0, at(0));
        }
        for &number in &stay {
            announce(&store, &leecher(number), 0, at(50));
        }
        assert_eq!(announce(&store, &leecher(99), 50, at(70)), stay, "{go:?} went");
    }
}

#[test]
fn an_empty_swarm_is_forgotten_after_a_while_with_its_downloads() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &event(1, Event::Completed), 50, at(0));
    announce(&store, &event(1, Event::Stopped), 50, at(1));
    store.sweep(at(61));
    assert_eq!(store.scrape(&INFOHASH, at(61)), counts(0, 0, 1));
    store.sweep(at(62));
    assert_eq!(store.totals(at(62)).torrents, 0);
}

#[test]
fn a_swarm_that_nobody_reads_is_swept() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &leecher(1), 50, at(0));
    store.sweep(at(60));
    assert_eq!(store.totals(at(60)).torrents, 1);
    store.sweep(at(61));
    assert!(store.swarm(&INFOHASH, at(61)).is_none());
}

#[test]
fn a_full_scrape_has_every_torrent_in_order() {
    let store = store(PeerOrder::Insertion, 0);
    for number in [200, 3, 100] {
        let infohash = Infohash::new([number; 20]);
        announce(&store, &AnnounceRequest { infohash, ..seeder(1) }, 50, at(0));
    }
    let expected = [3, 100, 200].map(|number| (Infohash::new([number; 20]), counts(1, 0, 0)));
    assert_eq!(store.scrape_all(at(0)).flatten().collect::<Vec<_>>(), expected);
}

#[test]
fn a_peer_takes_little_memory() {
    assert!(size_of::<Option<Peer>>() <= 128, "{}", size_of::<Option<Peer>>());
}

/// An announce of a WebTorrent peer behind a connection.
fn web(number: u8, connection: u64) -> AnnounceRequest {
    let ip = [10, 0, 0, number].into();
    AnnounceRequest {
        transport: Transport::WebSocket,
        addresses: Addresses::default(),
        web: Some(WebPeer { connection: ConnectionNumber(connection), ip }),
        families: Families::Web,
        ..leecher(number)
    }
}

fn connections(store: &Store, request: &AnnounceRequest) -> Vec<u64> {
    let (_, listing) = store.announce(request, 50, at(0));
    match listing {
        Listing::Connections(connections) => connections.iter().map(|it| it.0).collect(),
        other => panic!("no connections: {other:?}"),
    }
}

#[test]
fn webtorrent_peers_are_counted_with_the_others_and_listed_among_themselves() {
    let store = store(PeerOrder::Insertion, 0);
    announce(&store, &leecher(1), 50, at(0));
    assert_eq!(connections(&store, &web(2, 20)), [] as [u64; 0]);
    assert_eq!(connections(&store, &web(3, 30)), [20]);
    assert_eq!(connections(&store, &web(2, 20)), [30]);
    assert_eq!(announce(&store, &leecher(4), 50, at(0)), [1]);
    assert_eq!(store.scrape(&INFOHASH, at(0)), counts(0, 4, 0));
}

#[test]
fn a_webtorrent_peer_is_not_sent_its_own_offers_under_another_peer_id() {
    let store = store(PeerOrder::Insertion, 0);
    connections(&store, &web(1, 10));
    assert_eq!(connections(&store, &web(2, 10)), [] as [u64; 0]);
}

#[test]
fn a_closed_websocket_takes_its_peer_out_unless_it_has_come_back_or_has_an_address() {
    let store = store(PeerOrder::Insertion, 0);
    connections(&store, &web(1, 10));
    connections(&store, &web(1, 11));
    store.disconnect(&INFOHASH, &id(1), ConnectionNumber(10));
    assert_eq!(store.connection(&INFOHASH, &id(1), at(0)), Some(ConnectionNumber(11)));
    announce(&store, &leecher(1), 50, at(0));
    store.disconnect(&INFOHASH, &id(1), ConnectionNumber(11));
    assert_eq!(store.connection(&INFOHASH, &id(1), at(0)), None);
    assert_eq!(store.scrape(&INFOHASH, at(0)), counts(0, 1, 0));
    connections(&store, &web(2, 20));
    store.disconnect(&INFOHASH, &id(2), ConnectionNumber(20));
    assert_eq!(store.scrape(&INFOHASH, at(0)), counts(0, 1, 0));
}
