//! A running tracker, and clients of it.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::Path,
};

use aquatic_udp_protocol::{self as udp, ConnectionId, TransactionId};
use seedbed_testkit::{DEADLINE, Response, Server, request};
use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_seedbed-tracker");

/// The infohash of the tests: some bytes that are no text.
pub(crate) const INFOHASH: [u8; 20] = *b"\x00\xff\x80 seedbed swarm+&%";

pub(crate) struct Tracker(pub(crate) Server);

impl Tracker {
    /// A tracker on a free port of loopback.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with_env(flags, &[])
    }

    /// A tracker on another address.
    pub(crate) fn start_at(address: &str, flags: &[&str]) -> Self {
        Self(Server::start(Path::new(BINARY), [&["--listen", address], flags].concat()))
    }

    pub(crate) fn start_with_env(flags: &[&str], env: &[(&str, &str)]) -> Self {
        let args = ["--listen", "127.0.0.1:0"].iter().chain(flags);
        Self(Server::start_with_env(Path::new(BINARY), args, env.iter().copied()))
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        request(self.0.address("http"), &format!("GET {target} HTTP/1.1"))
    }

    pub(crate) fn json(&self, target: &str) -> Value {
        let response = self.get(target);
        assert_eq!(response.status, 200, "GET {target}: {}", response.text());
        response.json()
    }

    /// Announces over HTTP and gives the body, which is status 200 whatever it says.
    pub(crate) fn announce(&self, announce: &Announce) -> Vec<u8> {
        let response = self.get(&announce.target());
        assert_eq!(response.status, 200, "{}", response.text());
        response.body
    }

    pub(crate) fn scrape(&self) -> Vec<u8> {
        self.get(&format!("/scrape?info_hash={}", escape(&INFOHASH))).body
    }

    /// The resident memory of the process, in bytes.
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    }

    pub(crate) fn udp(&self) -> UdpClient {
        UdpClient::connect(self.0.address("udp"))
    }
}

/// A connection over which one request after the other is made.
pub(crate) struct KeptAlive {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl KeptAlive {
    pub(crate) fn open(tracker: &Tracker) -> Self {
        let writer = TcpStream::connect(tracker.0.address("http")).unwrap();
        writer.set_read_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(writer.try_clone().unwrap());
        Self { writer, reader }
    }

    /// Gets a target, which may be any bytes, and gives the body of the answer.
    pub(crate) fn ask(&mut self, target: &[u8]) -> Vec<u8> {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        self.writer.write_all(&request).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "closed");
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                let mut body = vec![0; length];
                self.reader.read_exact(&mut body).unwrap();
                return body;
            }
        }
    }
}

/// An announce over HTTP; by default of a leecher that wants compact responses.
#[derive(Clone)]
pub(crate) struct Announce(Vec<(&'static str, String)>);

impl Announce {
    /// Peer `number`, at 10.0.0.`number`:6881.
    pub(crate) fn of(number: u8) -> Self {
        Self(vec![
            ("info_hash", escape(&INFOHASH)),
            ("peer_id", escape(&peer_id(number))),
            ("ip", format!("10.0.0.{number}")),
            ("port", "6881".into()),
            ("left", "1".into()),
            ("compact", "1".into()),
        ])
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.retain(|(other, _)| *other != key);
        self.0.push((key, value.into()));
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.0.retain(|(other, _)| *other != key);
        self
    }

    pub(crate) fn target(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("/announce?{}", pairs.join("&"))
    }
}

/// The id of peer `number`.
pub(crate) fn peer_id(number: u8) -> [u8; 20] {
    let mut id = *b"-SE0100-\xf0\x9f\x8c\xb1\x00\x01\x02\x03\x04\x05\x06\x07";
    id[19] = number;
    id
}

/// The entry of peer `number` in a compact list.
pub(crate) fn compact(number: u8) -> [u8; 6] {
    [10, 0, 0, number, 0x1a, 0xe1]
}

/// The compact answer of a tracker with these counts and peers, all of them IPv4.
pub(crate) fn answer(complete: u32, incomplete: u32, peers: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "d8:completei{complete}e10:incompletei{incomplete}e8:intervali10e5:peers{}:",
        6 * peers.len()
    )
    .into_bytes();
    body.extend(peers.iter().copied().flat_map(compact));
    body.extend(b"6:peers60:e");
    body
}

/// The numbers of the peers in a compact answer.
pub(crate) fn listed(body: &[u8]) -> Vec<u8> {
    use aquatic_http_protocol::response::Response::{self, Announce};
    match Response::parse_bytes(body) {
        Ok(Announce(response)) => {
            response.peers.0.iter().map(|peer| peer.ip_address.octets()[3]).collect()
        }
        other => panic!("no compact answer: {other:?}, {}", body.escape_ascii()),
    }
}

pub(crate) fn failure(reason: &str) -> Vec<u8> {
    format!("d14:failure reason{}:{reason}e", reason.len()).into_bytes()
}

pub(crate) fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    })
}

/// Bytes as a failing test can show them.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], expected: &[u8]) {
    assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// A client that speaks BEP 15.
pub(crate) struct UdpClient {
    socket: UdpSocket,
    pub(crate) connection_id: ConnectionId,
}

impl UdpClient {
    fn connect(tracker: SocketAddr) -> Self {
        let any = if tracker.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(tracker).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut client = Self { socket, connection_id: ConnectionId::new(0) };
        let connect = udp::ConnectRequest { transaction_id: TransactionId::new(1) };
        let mut bytes = Vec::new();
        connect.write_bytes(&mut bytes).unwrap();
        match client.ask(&bytes) {
            udp::Response::Connect(response) => client.connection_id = response.connection_id,
            other => panic!("not connected: {other:?}"),
        }
        client
    }

    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).unwrap();
    }

    pub(crate) fn ask_raw(&self, datagram: &[u8]) -> Vec<u8> {
        self.send(datagram);
        self.receive()
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut reply = [0; 65_536];
        let length = self.socket.recv(&mut reply).unwrap();
        reply[..length].to_vec()
    }

    pub(crate) fn ask(&self, datagram: &[u8]) -> udp::Response {
        let ipv4 = self.socket.local_addr().unwrap().is_ipv4();
        udp::Response::parse_bytes(&self.ask_raw(datagram), ipv4).unwrap()
    }

    /// An announce of peer `number`, at 10.0.0.`number`:6881, as BEP 15 lays it out.
    pub(crate) fn announce(&self, number: u8, left: i64, event: i32, numwant: i32) -> Vec<u8> {
        let fields: [&[u8]; 13] = [
            &self.connection_id.0.get().to_be_bytes(),
            &1_i32.to_be_bytes(),
            &0x1234_5678_i32.to_be_bytes(),
            &INFOHASH,
            &peer_id(number),
            &0_i64.to_be_bytes(),
            &left.to_be_bytes(),
            &0_i64.to_be_bytes(),
            &event.to_be_bytes(),
            &[10, 0, 0, number],
            &0_i32.to_be_bytes(),
            &numwant.to_be_bytes(),
            &6881_u16.to_be_bytes(),
        ];
        fields.concat()
    }

    pub(crate) fn scrape(&self, infohashes: &[[u8; 20]]) -> Vec<u8> {
        let mut datagram = self.connection_id.0.get().to_be_bytes().to_vec();
        datagram.extend(2_i32.to_be_bytes());
        datagram.extend(0x1234_5678_i32.to_be_bytes());
        datagram.extend(infohashes.concat());
        datagram
    }
}
