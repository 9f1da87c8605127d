//! Trackers that a test plays itself, and what every test needs of an announcer.

use std::{collections::HashMap, net::SocketAddr, num::NonZeroU16};

use aquatic_udp_protocol::{Request, Response};
use futures_util::future::poll_immediate;
use seedbed_announcer::{Announcer, Config, PeersFound, Progress, TrackerUrl};
use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use seedbed_testkit::DEADLINE;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    sync::mpsc,
    time::timeout,
};

pub(crate) const OWN_ID: [u8; 20] = *b"-SE0100-0123456789ab";

pub(crate) fn infohash(letter: u8) -> Infohash {
    Infohash::new([letter; 20])
}

/// A seeder that has everything and has uploaded nothing.
pub(crate) fn seeding() -> Progress {
    Progress::default()
}

/// An announcer, and what belongs to it.
pub(crate) struct Bed {
    pub(crate) announcer: Announcer,
    pub(crate) peers: mpsc::Receiver<PeersFound>,
    pub(crate) shutdown: Shutdown,
}

impl Bed {
    /// With a tier for each tracker.
    pub(crate) fn start(trackers: &[String]) -> Self {
        Self::configured(&trackers.chunks(1).collect::<Vec<_>>(), |_| {})
    }

    pub(crate) fn tiers(tiers: &[&[String]]) -> Self {
        Self::configured(tiers, |_| {})
    }

    pub(crate) fn configured(tiers: &[&[String]], configure: impl FnOnce(&mut Config)) -> Self {
        let parse = |url: &String| url.parse::<TrackerUrl>().expect("a tracker's URL");
        let mut config = Config {
            trackers: tiers.iter().map(|tier| tier.iter().map(parse).collect()).collect(),
            peer_id: PeerId::new(OWN_ID),
            port: NonZeroU16::MIN,
            announce_ip: None,
            max_interval: None,
            numwant: 50,
        };
        configure(&mut config);
        let shutdown = Shutdown::new();
        let (announcer, peers) = Announcer::start(config, shutdown.clone());
        Self { announcer, peers, shutdown }
    }

    /// Waits until the announcer is in a state that a test wants.
    pub(crate) async fn until(&self, wanted: impl Fn(&Announcer) -> bool) {
        let mut changes = self.announcer.changes();
        within(async {
            while !wanted(&self.announcer) {
                changes.changed().await.expect("the announcer is there");
            }
        })
        .await;
    }
}

/// Whether a tracker of each tier lists the torrent.
pub(crate) fn accepted_by_all(announcer: &Announcer, infohash: Infohash) -> bool {
    let status = announcer.status(infohash);
    !status.is_empty() && status.iter().all(|tier| tier.accepted)
}

/// Whether a tracker of at least one tier lists the torrent.
pub(crate) fn accepted_by_any(announcer: &Announcer, infohash: Infohash) -> bool {
    announcer.status(infohash).iter().any(|tier| tier.accepted)
}

/// Fails the test where something takes far too long.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it happens before the deadline")
}

/// A bound socket, so that the port stays ours, which refuses connections until it listens.
pub(crate) fn tracker_that_is_down() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let url = format!("http://{}/announce", socket.local_addr().expect("bound"));
    (socket, url)
}

/// An HTTP tracker whose every answer the test gives.
pub(crate) struct HttpTracker(TcpListener);

/// An announce that waits for its answer; dropping it closes the connection.
pub(crate) struct Announce {
    stream: BufReader<TcpStream>,
    query: HashMap<String, String>,
}

impl HttpTracker {
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    pub(crate) async fn start_on(address: &str) -> Self {
        Self(TcpListener::bind(address).await.expect("a free port"))
    }

    pub(crate) fn listening(listener: TcpListener) -> Self {
        Self(listener)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/announce", self.0.local_addr().expect("bound"))
    }

    /// Whether a connection waits to be accepted.
    pub(crate) async fn was_asked(&self) -> bool {
        poll_immediate(std::pin::pin!(self.0.accept())).await.is_some()
    }

    pub(crate) async fn announce(&self) -> Announce {
        within(async {
            let (stream, _) = self.0.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let read = stream.read_line(&mut head).await.expect("a request");
                assert_ne!(read, 0, "the connection ends after {head:?}");
            }
            let target = head.split(' ').nth(1).expect("a request line");
            let query = target.strip_prefix("/announce?").expect("an announce");
            let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            Announce { stream, query }
        })
        .await
    }
}

impl Announce {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    pub(crate) fn event(&self) -> Option<&str> {
        self.get("event")
    }

    pub(crate) async fn answer(self, body: &str) {
        self.respond("200 OK", body).await;
    }

    pub(crate) async fn respond(mut self, status: &str, body: &str) {
        let length = body.len();
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(response.as_bytes()).await.expect("the announcer reads");
    }
}

/// A UDP tracker whose every packet the test sends.
pub(crate) struct UdpTracker(UdpSocket);

impl UdpTracker {
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    pub(crate) async fn start_on(address: &str) -> Self {
        Self(UdpSocket::bind(address).await.expect("a free port"))
    }

    pub(crate) fn url(&self) -> String {
        format!("udp://{}", self.0.local_addr().expect("bound"))
    }

    pub(crate) async fn receive(&self) -> (Request, SocketAddr) {
        let mut packet = [0; 2048];
        let (length, from) = within(self.0.recv_from(&mut packet)).await.expect("a packet");
        (Request::parse_bytes(&packet[..length], 1).expect("a packet of BEP 15"), from)
    }

    pub(crate) async fn send(&self, response: Response, to: SocketAddr) {
        let mut packet = Vec::new();
        response.write_bytes(&mut packet).expect("a packet");
        self.0.send_to(&packet, to).await.expect("a packet is sent");
    }
}
