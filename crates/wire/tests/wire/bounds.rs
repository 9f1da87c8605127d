//! What no peer can do: fill memory, use up connections or descriptors, or keep others out.

use std::{sync::Arc, time::Duration};

use seedbed_testkit::wait_until;
use seedbed_wire::{Descriptors, Handshake, policy::ClosedBy};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::bed::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_closes_its_peer_and_no_other() {
    let bed = bed().await;
    let (mut other, mut other_engine) = bed.bridged().await;
    let (mut peer, mut engine) = bed.bridged().await;
    let reading = tokio::spawn(async move {
        let mut requests = Vec::new();
        engine.read_to_end(&mut requests).await.map(|_| requests.len() / 17)
    });
    let flood = requests(1000).repeat(20);
    let _closed_before_the_end = peer.write_all(&flood).await;
    expect_closed(&mut peer).await;
    let reached = within(reading).await.unwrap().unwrap_or(256);
    assert_eq!(reached, 256, "the engine's window");
    wait_until("the peer to have left", || bed.wire.departed().len() == 1);
    let left = bed.wire.departed()[0].left.clone().unwrap();
    assert_eq!(left.by, ClosedBy::Wire);
    assert!(left.reason.contains("1024 requests in flight"), "{left:?}");
    other.write_all(INTERESTED).await.unwrap();
    expect(&mut other_engine, INTERESTED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_haves_of_pieces_that_do_not_exist_reaches_nobody_and_closes_its_peer() {
    let bed = bed().await;
    let (mut peer, mut engine) = bed.bridged().await;
    let have = [0, 0, 0, 5, 4, 0xff, 0xff, 0xff, 0xff];
    let _closed_before_the_end = peer.write_all(&have.repeat(2000)).await;
    expect_closed(&mut engine).await;
    wait_until("the peer to have left", || bed.wire.departed().len() == 1);
    let [left] = &bed.wire.departed()[..] else { panic!("one peer left") };
    assert_eq!(left.breaches, 64);
    assert!(left.left.as_ref().unwrap().reason.contains("Have"), "{left:?}");
}

#[tokio::test]
async fn peers_without_a_handshake_keep_nobody_out() {
    let bed = bed_with(|config| config.limits.half_open = 4).await;
    let mut half_open = Vec::new();
    for _ in 0..20 {
        half_open.push(bed.connect().await);
    }
    // The first of them have made room.
    for stream in &mut half_open[..16] {
        expect_closed(stream).await;
    }
    bed.bridged().await;
}

#[tokio::test]
async fn an_idle_peer_that_wants_nothing_makes_room_for_a_new_one() {
    for limit in ["total", "per_torrent", "descriptors"] {
        let bed = bed_with(|config| {
            config.limits.idle = Duration::ZERO;
            match limit {
                "total" => config.limits.total = 2,
                "per_torrent" => config.limits.per_torrent = 2,
                _ => config.descriptors = Arc::new(Descriptors::new(6)),
            }
        });
        let bed = bed.await;
        let (mut wanting, mut wanting_engine) = bed.bridged().await;
        wanting.write_all(INTERESTED).await.unwrap();
        expect(&mut wanting_engine, INTERESTED).await;
        let (mut idle, _idle_engine) = bed.bridged().await;
        let (mut new, mut new_engine) = bed.bridged().await;
        expect_closed(&mut idle).await;
        new.write_all(INTERESTED).await.unwrap();
        expect(&mut new_engine, INTERESTED).await;
        // All want something now.
        let mut refused = bed.connect().await;
        let _closed = refused.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await;
        expect_closed(&mut refused).await;
        wanting_engine.write_all(UNCHOKE).await.unwrap();
        expect(&mut wanting, UNCHOKE).await;
    }
}

#[tokio::test]
async fn one_address_gets_no_more_than_its_share() {
    let bed = bed_with(|config| config.limits.per_address = 1).await;
    let (mut first, mut engine) = bed.bridged().await;
    first.write_all(INTERESTED).await.unwrap();
    expect(&mut engine, INTERESTED).await;
    expect_closed(&mut bed.connect().await).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut other: TcpStream = socket.connect(bed.address).await.unwrap();
    other.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    bed.engine_side().await;
    read_handshake(&mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_32_peers_that_left_are_remembered() {
    let bed = bed().await;
    for _ in 0..34 {
        drop(bed.bridged().await);
    }
    wait_until("all to have left", || bed.wire.peers().is_empty());
    let departed = bed.wire.departed();
    assert_eq!(departed.len(), 32);
    assert!(departed.iter().all(|peer| peer.left.is_some() && peer.infohash == SERVED));
}
