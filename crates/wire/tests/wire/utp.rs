//! Peers over uTP, played by librqbit-utp.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use librqbit_utp::{SocketOpts, UtpSocketUdp, UtpSocketUdpOpts};
use seedbed_wire::{
    Handshake, PeerInfo, Policy, Transport,
    frame::FrameHeader,
    policy::{Direction, Occasion, Plan},
};
use tokio::{io::AsyncWriteExt as _, time::timeout};

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

/// Reads nothing of what a peer says.
struct Deaf;

impl Policy for Deaf {
    fn frame(&self, _: Occasion, _: &PeerInfo, direction: Direction, _: FrameHeader) -> Plan {
        match direction {
            Direction::ToEngine => Plan::hold(),
            Direction::ToPeer => Plan::default(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_over_utp_cannot_have_more_than_64_kib_reassembled() {
    const OWN_BUFFER: usize = 32 << 10;
    let bed = bed_with(|config| config.policy = Arc::new(Deaf)).await;
    let options = SocketOpts {
        vsock_tx_bufsize_bytes_initial: NonZeroUsize::new(OWN_BUFFER),
        vsock_tx_bufsize_bytes_max: NonZeroUsize::new(OWN_BUFFER),
        ..SocketOpts::default()
    };
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let socket = UtpSocketUdp::new_udp_with_opts(address, options, UtpSocketUdpOpts::default());
    let socket = socket.await.unwrap();
    let mut peer = within(socket.connect(bed.address)).await.unwrap();
    peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    let (_, _engine) = bed.engine_side().await;
    read_handshake(&mut peer).await;
    let mut sent = 0;
    // It ends with the first write that does not go on. On a slow machine that may be an early one.
    while let Ok(written) = timeout(Duration::from_secs(1), peer.write(&[0; 4096])).await {
        sent += written.unwrap();
        assert!(sent <= (64 << 10) + (16 << 10) + 2 * OWN_BUFFER, "{sent} bytes were taken");
    }
}
