//! Real clients meet in one swarm, as far as their transports let them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::support::{Tracker, escape};
use seedbed_testkit::{Tool, require, wait_until};

const NODE: Tool = Tool {
    command: "node",
    probe: &["--version"],
    install: "apt-get install nodejs npm, then make setup-test",
};

pub(crate) const INFOHASH: [u8; 20] = *b"real clients meet on";

/// A client, which runs until it is dropped, and the lines that it prints.
pub(crate) struct Client {
    name: &'static str,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Client {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = child.stdout.take().unwrap();
        let printed = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                printed.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { name, child, lines }
    }

    pub(crate) fn npm(name: &'static str, url: &str, peer_id: &str, port: u16) -> Self {
        Self::npm_with(name, url, peer_id, port, |_| ())
    }

    /// As [`Client::npm`], of a command that `change` changes.
    pub(crate) fn npm_with(
        name: &'static str,
        url: &str,
        peer_id: &str,
        port: u16,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node_modules");
        let modules = modules.canonicalize().expect("`make setup-test` installs the npm packages");
        let mut command = Command::new(require(NODE));
        change(&mut command);
        command.arg(script("npm_client.mjs")).arg(modules).arg(url).arg(hex(&INFOHASH));
        Self::start(name, command.arg(hex(peer_id.as_bytes())).arg(port.to_string()))
    }

    pub(crate) fn printed(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it prints a line that is `what` to `matches`.
    pub(crate) fn wait_for(&self, what: &str, matches: impl Fn(&str) -> bool) {
        wait_until(&format!("{} to be told of {what}", self.name), || {
            self.printed().iter().any(|line| matches(line))
        });
    }

    /// Waits until the tracker lists a peer on loopback to it.
    fn wait_for_peer(&self, port: u16) {
        let expected = format!("peer 127.0.0.1:{port}");
        self.wait_for(&expected, |line| line == expected);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            println!("--- {} printed ---\n{}", self.name, self.printed().join("\n"));
        }
    }
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tracker/clients").join(name)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    escape(bytes).replace('%', "").to_lowercase()
}

/// A free port for a client to listen on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn magnet(tracker: SocketAddr) -> String {
    let infohash = hex(&INFOHASH);
    let http = format!("http%3A%2F%2F{tracker}%2Fannounce");
    let udp = format!("udp%3A%2F%2F{tracker}");
    format!("magnet:?xt=urn:btih:{infohash}&tr={http}&tr={udp}")
}

fn aria2(magnet: &str, directory: &Path, port: u16) -> Client {
    let mut command = Command::new(require(Tool::ARIA2));
    command.arg("--dir").arg(directory).arg(format!("--listen-port={port}")).args([
        "--no-conf",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
        "--enable-peer-exchange=false",
        "--summary-interval=0",
        magnet,
    ]);
    Client::start("aria2", &mut command)
}

fn transmission(magnet: &str, directory: &Path, port: u16) -> Client {
    let settings = r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false,
        "utp-enabled": false, "port-forwarding-enabled": false}"#;
    fs::write(directory.join("settings.json"), settings).unwrap();
    let mut command = Command::new(require(Tool::TRANSMISSION));
    command.arg("--config-dir").arg(directory).arg("--download-dir").arg(directory);
    command.arg("--port").arg(port.to_string()).arg("--no-portmap").arg(magnet);
    Client::start("transmission", &mut command)
}

fn libtorrent(magnet: &str, directory: &Path, port: u16) -> Client {
    let mut command = Command::new(require(Tool::LIBTORRENT));
    command.arg(script("libtorrent_client.py")).arg(port.to_string()).arg(magnet).arg(directory);
    Client::start("libtorrent", &mut command)
}

/// Whether a client has dialled `listener` to talk about the torrent, as one does that was told
/// of the peer there.
fn dialled(listener: &TcpListener) -> bool {
    let Ok((mut stream, _)) = listener.accept() else { return false };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(seedbed_testkit::DEADLINE)).unwrap();
    let mut handshake = [0; 48];
    stream.read_exact(&mut handshake).is_ok() && handshake[28..] == INFOHASH
}

/// The peers of the swarm: their ports, those behind a WebSocket as 0.
fn swarm(tracker: &Tracker) -> Vec<u16> {
    let torrent = tracker.get(&format!("/api/torrents/{}", hex(&INFOHASH)));
    let json: serde_json::Value = serde_json::from_slice(&torrent.body).unwrap_or_default();
    let peers = json["peers"].as_array().cloned().unwrap_or_default();
    let port = |peer: &serde_json::Value| {
        let address = peer["address"].as_str()?;
        Some(address.parse::<SocketAddr>().ok()?.port())
    };
    let mut ports: Vec<_> = peers.iter().map(|peer| port(peer).unwrap_or(0)).collect();
    ports.sort_unstable();
    ports
}

#[test]
fn npm_clients_over_http_udp_and_websocket_libtorrent_transmission_and_aria2_meet_in_one_swarm() {
    let tracker = Tracker::start(&["--interval", "1", "--expire-after", "600"]);
    let address = tracker.0.address("http");
    let (http, udp, ws) = (
        format!("http://{address}/announce"),
        format!("udp://{address}"),
        format!("ws://{address}"),
    );
    let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
    // The npm client announces this port, so only clients that the tracker lists it to dial it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let over_http = listener.local_addr().unwrap().port();
    let [over_udp, of_libtorrent, of_transmission, of_aria2] = [(); 4].map(|()| free_port());

    let npm_http = Client::npm("npm over HTTP", &http, "-SE0001-over-http---", over_http);
    let npm_udp = Client::npm("npm over UDP", &udp, "-SE0001-over-udp----", over_udp);
    let first = Client::npm("first npm over WebSocket", &ws, "-SE0001-first-ws----", 1);
    let second = Client::npm("second npm over WebSocket", &ws, "-SE0001-second-ws---", 1);
    npm_http.wait_for_peer(over_udp);
    npm_udp.wait_for_peer(over_http);
    // The client prints a WebRTC peer once an offer or an answer comes from it.
    first.wait_for("its like", |line| line == format!("peer {}", hex(b"-SE0001-second-ws---")));
    second.wait_for("its like", |line| line == format!("peer {}", hex(b"-SE0001-first-ws----")));

    let magnet = magnet(address);
    let libtorrent = libtorrent(&magnet, directories[0].path(), of_libtorrent);
    libtorrent.wait_for("peers over HTTP", |line| {
        line.strip_prefix(&format!("reply {http} ")).is_some_and(|count| count != "0")
    });
    libtorrent.wait_for("peers over UDP", |line| {
        line.starts_with("reply udp://") && !line.ends_with(" 0")
    });
    wait_until("libtorrent to dial the npm client", || dialled(&listener));
    let aria2 = aria2(&magnet, directories[1].path(), of_aria2);
    wait_until("aria2 to dial the npm client", || dialled(&listener));
    // transmission never dials a loopback address, so the test only sees that it is listed.
    let transmission = transmission(&magnet, directories[2].path(), of_transmission);
    for port in [of_libtorrent, of_aria2, of_transmission] {
        npm_http.wait_for_peer(port);
        npm_udp.wait_for_peer(port);
    }
    let mut expected =
        [0, 0, over_http, over_udp, of_libtorrent, of_transmission, of_aria2].to_vec();
    expected.sort_unstable();
    wait_until("all seven to be in the swarm", || swarm(&tracker) == expected);
    // transmission says of a magnet link that nothing is left.
    let seven = |line: &str| matches!(line, "update 0 7" | "update 1 6");
    npm_http.wait_for("seven peers", seven);
    npm_udp.wait_for("seven peers", seven);
    first.wait_for("seven peers", seven);
    drop((first, second));
    expected.drain(..2);
    wait_until("those behind a closed WebSocket to be gone", || swarm(&tracker) == expected);
    drop((aria2, transmission));
}
