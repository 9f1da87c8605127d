//! A wire with a peer and an engine that the tests play themselves.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use seedbed_metainfo::{Infohash, PeerId, PieceLength};
use seedbed_service::Shutdown;
use seedbed_testkit::DEADLINE;
use seedbed_wire::{Config, Layout, Listeners, PeerStatus, Torrent, Wire, handshake::Handshake};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

pub(crate) const SERVED: Infohash = Infohash::new([0xaa; 20]);
pub(crate) const OURS: PeerId = PeerId::new(*b"-SE0100-ourselves...");
pub(crate) const THEIRS: PeerId = PeerId::new(*b"-XX0100-peer........");
/// Extension protocol, Fast, DHT.
pub(crate) const ALL_EXTENSIONS: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0x05];
pub(crate) const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];
pub(crate) const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];

/// A wire that serves [`SERVED`], and the engine behind it.
pub(crate) struct Bed {
    pub(crate) wire: Wire,
    pub(crate) address: SocketAddr,
    pub(crate) engine: TcpListener,
    pub(crate) shutdown: Shutdown,
    pub(crate) run: JoinHandle<()>,
}

pub(crate) fn torrent() -> Torrent {
    let piece_length = PieceLength::new(16 << 10).unwrap();
    Torrent::whole(Layout { piece_length, length: 100 << 20 })
}

pub(crate) async fn bed() -> Bed {
    bed_with(|_| {}).await
}

pub(crate) async fn bed_with(change: impl FnOnce(&mut Config)) -> Bed {
    bed_at((Ipv4Addr::LOCALHOST, 0).into(), change).await
}

/// A bed whose wire listens at `address`, over TCP and uTP.
pub(crate) async fn bed_at(address: SocketAddr, change: impl FnOnce(&mut Config)) -> Bed {
    let engine = listener().await;
    let mut config = Config::new(engine.local_addr().unwrap().to_string(), OURS);
    change(&mut config);
    let (wire, shutdown) = (Wire::new(config), Shutdown::new());
    wire.serve(SERVED, torrent());
    let (tcp, utp) = seedbed_service::bind::tcp_and_udp(address).unwrap();
    let address = tcp.local_addr().unwrap();
    let run = tokio::spawn({
        let (wire, shutdown) = (wire.clone(), shutdown.clone());
        async move { wire.run(Listeners { tcp, utp: Some(utp) }, shutdown).await.unwrap() }
    });
    Bed { wire, address, engine, shutdown, run }
}

impl Bed {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A peer that is bridged: its connection, and the engine's.
    pub(crate) async fn bridged(&self) -> (TcpStream, TcpStream) {
        let mut peer = self.connect().await;
        peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
        let (_, engine) = self.engine_side().await;
        read_handshake(&mut peer).await;
        (peer, engine)
    }

    /// The engine's side of the next connection, past the handshakes, and the peer's handshake.
    pub(crate) async fn engine_side(&self) -> (Handshake, TcpStream) {
        let (mut stream, _) = within(self.engine.accept()).await.unwrap();
        let theirs = read_handshake(&mut stream).await;
        let ours = Handshake {
            reserved: ALL_EXTENSIONS,
            infohash: theirs.infohash,
            peer_id: PeerId::new([b'e'; 20]),
        };
        stream.write_all(&ours.to_bytes()).await.unwrap();
        (theirs, stream)
    }
}

/// The one peer that is connected.
pub(crate) fn only_peer(wire: &Wire) -> PeerStatus {
    let mut peers = wire.peers();
    assert_eq!(peers.len(), 1, "{peers:?}");
    peers.remove(0)
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("nothing happened in time")
}

pub(crate) async fn read_handshake(stream: &mut (impl AsyncRead + Unpin)) -> Handshake {
    let mut bytes = [0; 68];
    within(stream.read_exact(&mut bytes)).await.unwrap();
    Handshake::parse(&bytes).unwrap()
}

pub(crate) async fn expect(stream: &mut (impl AsyncRead + Unpin), wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    within(stream.read_exact(&mut bytes)).await.unwrap();
    assert!(bytes == wanted, "other bytes came");
}

pub(crate) async fn expect_closed(stream: &mut (impl AsyncRead + Unpin)) {
    match within(stream.read(&mut [0])).await {
        Ok(0) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        other => panic!("wanted a closed connection, got {other:?}"),
    }
}

/// `count` blocks of 16 KiB as the engine sends them.
pub(crate) fn blocks(count: u32) -> Vec<u8> {
    let block = |index: u32| {
        let head = [&(9 + 16384_u32).to_be_bytes()[..], &[7], &index.to_be_bytes(), &[0; 4]];
        [head.concat(), vec![index.to_le_bytes()[0]; 16384]].concat()
    };
    (0..count).flat_map(block).collect()
}

/// Requests for these blocks.
pub(crate) fn requests(count: u32) -> Vec<u8> {
    let request = |index: u32| {
        let fields = [index, 0, 16384].map(u32::to_be_bytes).concat();
        [&[0, 0, 0, 13, 6], &fields[..]].concat()
    };
    (0..count).flat_map(request).collect()
}
