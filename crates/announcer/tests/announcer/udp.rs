//! Announces to UDP trackers (BEP 15).

use std::{
    net::{Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use crate::support::{Bed, OWN_ID, UdpTracker, accepted_by_all, infohash, seeding, within};
use aquatic_udp_protocol::{
    AnnounceEvent, AnnounceInterval, AnnounceRequest, AnnounceResponse, AnnounceResponseFixedData,
    ConnectResponse, ConnectionId, ErrorResponse, Ipv4AddrBytes, Ipv6AddrBytes, NumberOfPeers,
    Port, Request, Response, ResponsePeer, TransactionId,
};
use seedbed_announcer::Progress;

async fn expect_connect(tracker: &UdpTracker) -> (TransactionId, SocketAddr) {
    match tracker.receive().await {
        (Request::Connect(request), from) => (request.transaction_id, from),
        (other, _) => panic!("wanted a connect request, got {other:?}"),
    }
}

async fn expect_announce(tracker: &UdpTracker) -> (AnnounceRequest, SocketAddr) {
    match tracker.receive().await {
        (Request::Announce(request), from) => (request, from),
        (other, _) => panic!("wanted an announce request, got {other:?}"),
    }
}

fn connected(transaction_id: TransactionId, id: i64) -> Response {
    ConnectResponse { transaction_id, connection_id: ConnectionId::new(id) }.into()
}

fn fixed(transaction_id: TransactionId, interval: i32) -> AnnounceResponseFixedData {
    AnnounceResponseFixedData {
        transaction_id,
        announce_interval: AnnounceInterval::new(interval),
        leechers: NumberOfPeers::new(2),
        seeders: NumberOfPeers::new(1),
    }
}

fn announced(transaction_id: TransactionId, interval: i32) -> Response {
    let peer = ResponsePeer {
        ip_address: Ipv4AddrBytes([127, 0, 0, 1]),
        port: Port::new(6881.try_into().expect("not zero")),
    };
    AnnounceResponse { fixed: fixed(transaction_id, interval), peers: vec![peer] }.into()
}

fn refused(transaction_id: TransactionId, message: &'static str) -> Response {
    ErrorResponse { transaction_id, message: message.into() }.into()
}

/// Answers connect requests with `id` until an announce comes that carries it.
async fn connect(tracker: &UdpTracker, id: i64) -> (AnnounceRequest, SocketAddr) {
    loop {
        match tracker.receive().await {
            (Request::Connect(request), from) => {
                tracker.send(connected(request.transaction_id, id), from).await;
            }
            (Request::Announce(announce), from) => {
                assert_eq!(announce.connection_id, ConnectionId::new(id));
                return (announce, from);
            }
            (other, _) => panic!("wanted an announce, got {other:?}"),
        }
    }
}

/// As [`connect`], and accepts the announce.
async fn accept(tracker: &UdpTracker, id: i64, interval: i32) -> AnnounceRequest {
    let (announce, from) = connect(tracker, id).await;
    tracker.send(announced(announce.transaction_id, interval), from).await;
    announce
}

#[tokio::test]
async fn a_client_connects_then_announces_started() {
    let tracker = UdpTracker::start().await;
    let mut bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), || Progress { uploaded: 7, downloaded: 0, left: 9 });
    let announce = accept(&tracker, 42, 600).await;
    assert_eq!(announce.info_hash.0, [b'a'; 20]);
    assert_eq!(announce.peer_id.0, OWN_ID);
    assert_eq!(announce.bytes_uploaded.0.get(), 7);
    assert_eq!(announce.bytes_left.0.get(), 9);
    assert_eq!(announce.ip_address.0, [0; 4]);
    assert_eq!(announce.peers_wanted.0.get(), 50);
    assert_eq!(AnnounceEvent::from(announce.event), AnnounceEvent::Started);
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
    let status = &bed.announcer.status(infohash(b'a'))[0];
    assert_eq!((status.complete, status.incomplete), (Some(1), Some(2)));
    assert_eq!(status.interval, Some(Duration::from_secs(600)));
    let (_, peers) = within(bed.peers.recv()).await.expect("peers");
    assert_eq!(peers[0].addr.to_string(), "127.0.0.1:6881");
}

#[tokio::test]
async fn a_connection_id_is_used_for_the_announces_of_one_minute() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let first = accept(&tracker, 42, 1).await;
    let (second, from) = expect_announce(&tracker).await;
    assert_eq!(second.connection_id, ConnectionId::new(42));
    assert_ne!(first.transaction_id, second.transaction_id);
    assert_eq!(AnnounceEvent::from(second.event), AnnounceEvent::None);
    tracker.send(announced(second.transaction_id, 600), from).await;
    bed.until(|announcer| announcer.status(infohash(b'a'))[0].announces == 2).await;
    bed.shutdown.cancel();
    let (stopped, from) = expect_announce(&tracker).await;
    assert_eq!(AnnounceEvent::from(stopped.event), AnnounceEvent::Stopped);
    tracker.send(announced(stopped.transaction_id, 600), from).await;
    within(bed.announcer.finished()).await;
}

#[tokio::test]
async fn a_lost_packet_is_sent_again() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let _lost = expect_connect(&tracker).await;
    let _lost = connect(&tracker, 42).await;
    accept(&tracker, 43, 600).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
}

#[tokio::test]
async fn a_packet_with_another_transaction_id_is_ignored() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let (transaction, from) = expect_connect(&tracker).await;
    let another = TransactionId::new(transaction.0.get().wrapping_sub(1));
    tracker.send(connected(another, 41), from).await;
    tracker.send(refused(another, "not for you"), from).await;
    tracker.send(connected(transaction, 42), from).await;
    let (announce, from) = expect_announce(&tracker).await;
    assert_eq!(announce.connection_id, ConnectionId::new(42));
    tracker.send(announced(another, 1), from).await;
    tracker.send(announced(announce.transaction_id, 600), from).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
    let status = &bed.announcer.status(infohash(b'a'))[0];
    assert_eq!(status.interval, Some(Duration::from_secs(600)));
}

#[tokio::test]
async fn an_error_packet_is_told_and_the_announce_is_retried() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let (transaction, from) = expect_connect(&tracker).await;
    tracker.send(refused(transaction, "not today"), from).await;
    bed.until(|announcer| announcer.status(infohash(b'a'))[0].last_error.is_some()).await;
    assert_eq!(
        bed.announcer.status(infohash(b'a'))[0].last_error.as_deref(),
        Some("the tracker refused the announce: not today")
    );
    accept(&tracker, 42, 600).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
}

#[tokio::test]
async fn a_tracker_that_refuses_an_old_connection_id_is_connected_to_anew() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    accept(&tracker, 42, 1).await;
    let (announce, from) = expect_announce(&tracker).await;
    tracker.send(refused(announce.transaction_id, "unknown connection id"), from).await;
    accept(&tracker, 43, 600).await;
    bed.until(|announcer| announcer.status(infohash(b'a'))[0].announces == 2).await;
    assert_eq!(bed.announcer.status(infohash(b'a'))[0].last_error, None);
}

#[tokio::test]
async fn a_name_is_resolved_and_all_its_addresses_are_tried() {
    let tracker = UdpTracker::start().await;
    // On most machines this is ::1 first, where nothing listens.
    let bed = Bed::start(&[tracker.url().replace("127.0.0.1", "localhost")]);
    bed.announcer.add(infohash(b'a'), seeding);
    accept(&tracker, 42, 600).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
}

#[tokio::test]
async fn the_port_and_the_address_that_are_announced_are_the_configured_ones() {
    let tracker = UdpTracker::start().await;
    let bed = Bed::configured(&[&[tracker.url()]], |config| {
        config.port = NonZeroU16::new(6881).unwrap();
        config.announce_ip = Some([192, 0, 2, 1].into());
    });
    bed.announcer.add(infohash(b'a'), seeding);
    let announce = accept(&tracker, 42, 600).await;
    assert_eq!(announce.port.0.get(), 6881);
    assert_eq!(announce.ip_address.0, [192, 0, 2, 1]);
}

#[tokio::test]
async fn over_ipv6_the_announce_has_no_address_and_the_peers_have_theirs() {
    let tracker = UdpTracker::start_on("[::1]:0").await;
    let mut bed = Bed::configured(&[&[tracker.url()]], |config| {
        config.announce_ip = Some(Ipv6Addr::LOCALHOST.into());
    });
    bed.announcer.add(infohash(b'a'), seeding);
    let (announce, from) = connect(&tracker, 42).await;
    assert_eq!(announce.ip_address.0, [0; 4]);
    let peer = ResponsePeer {
        ip_address: Ipv6AddrBytes(Ipv6Addr::LOCALHOST.octets()),
        port: Port::new(6881.try_into().expect("not zero")),
    };
    let fixed = fixed(announce.transaction_id, 600);
    tracker.send(AnnounceResponse { fixed, peers: vec![peer] }.into(), from).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
    let (_, peers) = within(bed.peers.recv()).await.expect("peers");
    assert_eq!(peers[0].addr.to_string(), "[::1]:6881");
}
