//! The tracker over https and wss: clients announce if they trust the CA, and not if they do not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use seedbed_testkit::{Tool, require, run};
use tempfile::TempDir;

use crate::{
    real_clients::{Client, INFOHASH, hex, script},
    support::{Announce, Tracker, escape},
};

/// A tracker over https and wss.
struct Https {
    tracker: Tracker,
    scratch: TempDir,
}

impl Https {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let ca = scratch.path().join("ca.pem");
        let flags = ["--interval", "1", "--tls", "--tls-ca-out", ca.to_str().unwrap()];
        Self { tracker: Tracker::start(&flags), scratch }
    }

    /// The file that the CA is in.
    fn ca(&self) -> PathBuf {
        self.scratch.path().join("ca.pem")
    }

    fn url(&self, path: &str) -> String {
        self.tracker.0.https_url(path).to_string()
    }

    fn curl(&self, path: &str) -> String {
        let ca = self.ca();
        let args = ["-sS", "--fail", "--cacert", ca.to_str().unwrap(), &self.url(path)];
        let finished = run(&require(Tool::CURL), args);
        assert!(finished.status.success(), "{}", finished.stderr);
        finished.stdout
    }

    /// Starts libtorrent, which announces port 6881. It trusts the CA in `trusted`.
    fn libtorrent(&self, trusted: &Path, directory: &Path) -> Client {
        let url = escape(self.url("/announce").as_bytes());
        let magnet = format!("magnet:?xt=urn:btih:{}&tr={url}", hex(&INFOHASH));
        let mut command = Command::new(require(Tool::LIBTORRENT));
        command.arg(script("libtorrent_client.py")).arg("0").arg(magnet).arg(directory);
        Client::start("libtorrent", command.env("SSL_CERT_FILE", trusted))
    }
}

#[test]
fn libtorrent_finds_a_peer_through_an_https_tracker_if_it_trusts_the_ca() {
    let server = Https::start();
    let peer = Announce::of(1).with("info_hash", escape(&INFOHASH)).with("left", "0");
    let _announced = server.curl(&peer.target());
    let directory = tempfile::tempdir().unwrap();

    let libtorrent = server.libtorrent(&server.ca(), directory.path());
    let reply = format!("reply {} ", server.url("/announce"));
    libtorrent.wait_for("a peer over https", |line| {
        line.strip_prefix(&reply).is_some_and(|count| count != "0")
    });
    drop(libtorrent);

    let nothing = directory.path().join("nothing.pem");
    fs::write(&nothing, "").unwrap();
    let untrusting = server.libtorrent(&nothing, directory.path());
    untrusting.wait_for("a certificate that it cannot verify", |line| {
        line.starts_with("error ") && line.contains("certificate verify failed")
    });
    assert!(!untrusting.printed().iter().any(|line| line.starts_with("reply ")));
}

#[test]
fn the_statistics_and_the_udp_port_go_on_beside_https() {
    let server = Https::start();
    let udp = server.tracker.udp();
    let _answer = udp.ask(&udp.announce(7, 0, 2, 10));
    let torrents = server.curl("/api/torrents");
    assert!(torrents.contains("\"complete\":1"), "{torrents}");
}

#[test]
fn web_torrent_clients_meet_over_wss_if_they_trust_the_ca() {
    let server = Https::start();
    let url = server.url("/").replace("https://", "wss://");
    let trusting = |name, peer_id| {
        Client::npm_with(name, &url, peer_id, 1, |command| {
            command.env("NODE_EXTRA_CA_CERTS", server.ca());
        })
    };
    let first = trusting("first npm over wss", "-SE0001-first-wss---");
    let second = trusting("second npm over wss", "-SE0001-second-wss--");
    first.wait_for("its like", |line| line == format!("peer {}", hex(b"-SE0001-second-wss--")));
    second.wait_for("its like", |line| line == format!("peer {}", hex(b"-SE0001-first-wss---")));
    let untrusting = Client::npm("untrusting npm over wss", &url, "-SE0001-third-wss---", 1);
    untrusting
        .wait_for("an error", |line| line.starts_with("warning") || line.starts_with("error"));
}
