//! Who is connected, and who is not.

use std::net::Ipv4Addr;

use seedbed_metainfo::Infohash;
use seedbed_testkit::wait_until;
use seedbed_wire::{Config, Origin, Transport, Wire, handshake::Handshake};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::bed::*;

#[tokio::test]
async fn a_peer_is_bridged_to_the_engine_and_neither_hears_of_fast_or_dht() {
    let bed = bed().await;
    let mut peer = bed.connect().await;
    let hello = Handshake { reserved: ALL_EXTENSIONS, ..Handshake::new(SERVED, THEIRS) };
    peer.write_all(&hello.to_bytes()).await.unwrap();
    let (heard, mut engine) = bed.engine_side().await;
    assert_eq!(heard, Handshake::new(SERVED, THEIRS));
    assert_eq!(read_handshake(&mut peer).await, Handshake::new(SERVED, OURS));

    let port = [0, 0, 0, 3, 9, 0x1a, 0xe1];
    peer.write_all(&[&port, INTERESTED].concat()).await.unwrap();
    expect(&mut engine, INTERESTED).await;
    engine.write_all(UNCHOKE).await.unwrap();
    expect(&mut peer, UNCHOKE).await;
    let status = only_peer(&bed.wire);
    assert_eq!((status.infohash, status.peer_id), (SERVED, THEIRS));
    assert_eq!((status.origin, status.address), (Origin::Incoming, peer.local_addr().unwrap()));
    assert!(status.interested && !status.choked);
}

#[tokio::test]
async fn a_handshake_for_a_torrent_that_is_not_served_or_from_ourselves_or_of_none_is_closed() {
    let bed = bed().await;
    let other = Handshake::new(Infohash::new([0xbb; 20]), THEIRS).to_bytes();
    let ourselves = Handshake::new(SERVED, OURS).to_bytes();
    for hello in [&other[..], &ourselves, b"GET /announce HTTP/1.1\r\n\r\n"] {
        let mut peer = bed.connect().await;
        peer.write_all(hello).await.unwrap();
        expect_closed(&mut peer).await;
    }
    assert_eq!(bed.wire.peers(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_is_exact_and_outlives_the_connection() {
    let bed = bed().await;
    for round in 1..=2 {
        let (mut peer, mut engine) = bed.bridged().await;
        let stream = [&blocks(100), &blocks(1)[..5000]].concat();
        let (sent, ()) = tokio::join!(engine.write_all(&stream), expect(&mut peer, &stream));
        sent.unwrap();
        let status = only_peer(&bed.wire);
        assert_eq!((status.blocks, status.uploaded), (100, 100 * 16384));
        assert_eq!(bed.wire.uploaded(SERVED), round * 100 * 16384);
        drop((peer, engine));
        wait_until("the peer to be gone", || bed.wire.peers().is_empty());
        assert_eq!(bed.wire.uploaded(SERVED), round * 100 * 16384);
        assert_eq!(bed.wire.blocks(SERVED), round * 100);
    }
}

#[tokio::test]
async fn withdrawing_a_torrent_closes_its_connections_until_it_is_served_again() {
    let bed = bed().await;
    let (mut peer, mut engine) = bed.bridged().await;
    bed.wire.withdraw(SERVED);
    expect_closed(&mut peer).await;
    expect_closed(&mut engine).await;
    let mut refused = bed.connect().await;
    refused.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    expect_closed(&mut refused).await;
    assert!(!bed.wire.dial(SERVED, bed.address, None));
    bed.wire.serve(SERVED, torrent());
    bed.bridged().await;
}

#[tokio::test]
async fn a_peer_is_closed_where_the_engine_is_unreachable_or_goes() {
    let bed = bed().await;
    let (mut peer, engine) = bed.bridged().await;
    drop(engine);
    expect_closed(&mut peer).await;

    let Bed { address, engine, run: _run, .. } = bed;
    drop(engine);
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    expect_closed(&mut peer).await;
}

#[tokio::test]
async fn the_engine_may_be_named_by_host_and_hears_each_peer_from_an_address_of_its_own() {
    let named = |config: &mut Config| {
        config.upstream = config.upstream.replace("127.0.0.1", "localhost");
    };
    let bed = bed_with(named).await;
    let (_one, first) = bed.bridged().await;
    let (_two, second) = bed.bridged().await;
    let address = |engine: TcpStream| engine.peer_addr().unwrap().ip();
    assert_ne!(address(first), address(second));
}

#[tokio::test]
async fn a_peer_that_is_dialled_is_bridged_as_if_it_had_come() {
    let bed = bed().await;
    let remote = listener().await;
    let address = remote.local_addr().unwrap();
    assert!(bed.wire.dial(SERVED, address, None));
    assert!(!bed.wire.dial(SERVED, address, None), "it is being dialled");
    let (mut peer, _) = within(remote.accept()).await.unwrap();
    assert_eq!(read_handshake(&mut peer).await, Handshake::new(SERVED, OURS));
    let hello = Handshake { reserved: ALL_EXTENSIONS, ..Handshake::new(SERVED, THEIRS) };
    peer.write_all(&hello.to_bytes()).await.unwrap();
    let (heard, mut engine) = bed.engine_side().await;
    assert_eq!(heard, Handshake::new(SERVED, THEIRS));

    // The first that the peer hears is a frame: the engine's handshake went no further.
    engine.write_all(&blocks(1)).await.unwrap();
    expect(&mut peer, &blocks(1)).await;
    let status = only_peer(&bed.wire);
    assert_eq!((status.origin, status.address), (Origin::Outgoing, address));

    let elsewhere = listener().await;
    let other_address = elsewhere.local_addr().unwrap();
    assert!(!bed.wire.dial(SERVED, other_address, Some(THEIRS)), "it is connected");
    assert!(!bed.wire.dial(SERVED, other_address, Some(OURS)), "it is ourselves");
    assert!(bed.wire.dial(SERVED, other_address, None), "nobody knows who it is");
    let (mut again, _) = within(elsewhere.accept()).await.unwrap();
    read_handshake(&mut again).await;
    again.write_all(&hello.to_bytes()).await.unwrap();
    expect_closed(&mut again).await;
    assert_eq!(bed.wire.peers().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_fails_is_not_repeated_at_once() {
    let bed = bed().await;
    let remote = listener().await;
    let address = remote.local_addr().unwrap();
    assert!(bed.wire.dial(SERVED, address, None));
    let (mut peer, _) = within(remote.accept()).await.unwrap();
    read_handshake(&mut peer).await;
    let other = Handshake::new(Infohash::new([0xbb; 20]), THEIRS).to_bytes();
    peer.write_all(&other).await.unwrap();
    expect_closed(&mut peer).await;
    assert!(!bed.wire.dial(SERVED, address, None));
    wait_until("the pause to be over", || bed.wire.dial(SERVED, address, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_that_dials_itself_hangs_up() {
    let bed = bed().await;
    assert!(bed.wire.dial(SERVED, bed.address, None));
    wait_until("the dial to have ended", || bed.wire.dial(SERVED, bed.address, None));
    assert_eq!(bed.wire.peers(), []);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_handshake_is_closed_after_five_seconds() {
    let wire = Wire::new(Config::new("127.0.0.1:1", OURS));
    let (mut peer, transport) = tokio::io::duplex(100);
    wire.accept(transport, (Ipv4Addr::LOCALHOST, 2).into(), Transport::Tcp);
    peer.write_all(b"\x13BitTorrent protocol").await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_peer_beyond_the_limit_is_closed() {
    let bed = bed_with(|config| config.limits.total = 1).await;
    let _first = bed.bridged().await;
    expect_closed(&mut bed.connect().await).await;
    assert!(!bed.wire.dial(SERVED, bed.address, None));
}

#[tokio::test]
async fn shutdown_closes_every_connection() {
    let bed = bed().await;
    let (mut peer, mut engine) = bed.bridged().await;
    let mut silent = bed.connect().await;
    bed.shutdown.cancel();
    within(bed.run).await.unwrap();
    for stream in [&mut peer, &mut engine, &mut silent] {
        expect_closed(stream).await;
    }
    assert_eq!(bed.wire.peers(), []);
}
