//! Peers over uTP, played by librqbit-utp.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use librqbit_utp::UtpSocketUdp;
use seedbed_wire::{Transport, handshake::Handshake};
use tokio::io::AsyncWriteExt as _;

use crate::bed::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_over_utp_is_bridged_like_any_other_by_ipv4_and_ipv6() {
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let wildcard = Ipv6Addr::UNSPECIFIED.into();
    for (listens, dials) in [(v4, v4), (v6, v6), (wildcard, v4), (wildcard, v6)] {
        let bed = bed_at(SocketAddr::new(listens, 0), |_| {}).await;
        let socket = UtpSocketUdp::new_udp(SocketAddr::new(dials, 0)).await.unwrap();
        let server = SocketAddr::new(dials, bed.address.port());
        let mut peer = within(socket.connect(server)).await.unwrap();
        peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
        let (heard, mut engine) = bed.engine_side().await;
        assert_eq!(heard, Handshake::new(SERVED, THEIRS));
        assert_eq!(read_handshake(&mut peer).await, Handshake::new(SERVED, OURS));

        peer.write_all(INTERESTED).await.unwrap();
        expect(&mut engine, INTERESTED).await;
        let stream = blocks(100);
        let (sent, ()) = tokio::join!(engine.write_all(&stream), expect(&mut peer, &stream));
        sent.unwrap();
        let status = only_peer(&bed.wire);
        assert_eq!((status.transport, status.address.ip()), (Transport::Utp, dials));
        assert_eq!((status.blocks, status.interested), (100, true));

        drop(engine);
        expect_closed(&mut peer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_torrent_and_a_shutdown_close_peers_over_utp_too() {
    let bed = bed().await;
    let socket = UtpSocketUdp::new_udp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    for shutdown in [false, true] {
        let mut peer = within(socket.connect(bed.address)).await.unwrap();
        peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
        let (_, _engine) = bed.engine_side().await;
        read_handshake(&mut peer).await;
        if shutdown {
            bed.shutdown.cancel();
        } else {
            bed.wire.withdraw(SERVED);
            bed.wire.serve(SERVED, torrent());
        }
        expect_closed(&mut peer).await;
    }
}
