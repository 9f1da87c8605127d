//! A seeder, a tracker and content for them.

use std::{fs, net::SocketAddr, path::Path};

use seedbed_testkit::{
    Finished, Response, Server, binary, eventually, get_json, request_with, run,
};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) fn seeder_binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_seedbed-seeder"))
}

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"];

/// A seeder on free ports.
pub(crate) fn seeder(flags: &[&str]) -> Server {
    Server::start(seeder_binary(), FREE_PORTS.iter().chain(flags))
}

/// As [`seeder`], but expects it to fail: returns its exit code and its line on stderr.
pub(crate) fn fails(flags: &[&str]) -> (Option<i32>, String) {
    let Finished { status, stdout, stderr } = run(seeder_binary(), FREE_PORTS.iter().chain(flags));
    assert_eq!(stdout, "", "it never prints that it listens");
    (status.code(), stderr)
}

/// A directory with these files, whose bytes are their names.
pub(crate) fn content(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    root
}

/// A tracker on a free port, and its announce URL.
pub(crate) fn tracker() -> (Server, String) {
    let tracker = Server::start(&binary("seedbed-tracker"), ["--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/announce", tracker.address("http"));
    (tracker, url)
}

/// The peers of an infohash that a tracker lists.
pub(crate) fn tracked(tracker: &Server, hash: &str) -> Vec<Value> {
    let response = seedbed_testkit::get(&tracker.url(&format!("/api/torrents/{hash}")));
    match response.status {
        200 => response.json()["peers"].as_array().unwrap().clone(),
        _ => Vec::new(),
    }
}

/// Sends a request with JSON, or without content, and reads the answer.
pub(crate) fn send(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Response {
    let mut head = format!("{method} {path} HTTP/1.1");
    if body.is_some() {
        head += "\nContent-Type: application/json";
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    request_with(server.address("http"), &head, body.as_bytes())
}

/// As [`send`], of which 200 or 201 is expected.
pub(crate) fn post(server: &Server, path: &str, body: Option<&Value>) -> Value {
    let response = send(server, "POST", path, body);
    assert!([200, 201].contains(&response.status), "POST {path}: {}", response.text());
    response.json()
}

/// One torrent of the inventory.
pub(crate) fn torrent(seeder: &Server, key: &str) -> Value {
    get_json(&seeder.url(&format!("/torrents/{key}")))
}

/// Its infohash.
pub(crate) fn hash(seeder: &Server, key: &str) -> String {
    torrent(seeder, key)["hash"].as_str().unwrap().to_owned()
}

/// Its metainfo file, with bytes that are no text escaped.
pub(crate) fn torrent_file(seeder: &Server, key: &str) -> String {
    let response = seedbed_testkit::get(&seeder.url(&format!("/torrents/{key}.torrent")));
    assert_eq!(response.header("content-type"), Some("application/x-bittorrent"));
    response.body.escape_ascii().to_string()
}

/// Waits until the seeder is healthy: every tracker has every torrent.
pub(crate) fn healthy(seeder: &Server) {
    eventually("the seeder to be healthy", || {
        (seedbed_testkit::get(&seeder.url("/health")).status == 200).then_some(())
    });
}

/// The addresses that it listens on with `scheme`, in order.
pub(crate) fn addresses(seeder: &Server, scheme: &str) -> Vec<SocketAddr> {
    let prefix = format!("listening on {scheme}://");
    let lines = seeder.stdout().iter();
    lines.filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect()
}

/// The first bytes of synthetic content.
pub(crate) fn synthetic(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    seedbed_synthetic::Keystream::new(seed).fill(0, &mut bytes);
    bytes
}
