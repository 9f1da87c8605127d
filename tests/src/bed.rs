//! A whole bed on free ports, and its inventory.

use std::path::PathBuf;

use seedbed_testkit::{Server, binary, get_json};
use serde_json::Value;
use url::Url;

/// `seedbed up` on loopback and on free ports.
#[derive(Debug)]
pub struct Bed(pub Server);

/// A torrent as the inventory lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// The infohash in hex.
    pub hash: String,
    /// The fixture's name.
    pub name: String,
    /// Its magnet link, as the inventory gives it.
    pub magnet: String,
    /// The path below a download directory and the SHA-256 in hex of each file.
    pub files: Vec<(String, String)>,
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The directory of the stock videos.
///
/// # Panics
/// The videos are missing.
#[must_use]
pub fn stock_videos() -> PathBuf {
    let directory = repository().join("videos/out");
    assert!(directory.is_dir(), "{directory:?} is missing: make it with `make videos`");
    directory
}

/// Flags that make every service listen on a free port of loopback.
pub const FREE_PORTS: [&str; 8] = free_ports("127.0.0.1:0");

/// Flags that make every service listen on this address.
const fn free_ports(address: &str) -> [&str; 8] {
    [
        "--tracker-listen",
        address,
        "--seeder-listen",
        address,
        "--seeder-peer-listen",
        address,
        "--range-listen",
        address,
    ]
}

impl Bed {
    /// Starts a bed with the stock videos, and with these flags besides [`FREE_PORTS`].
    ///
    /// # Panics
    /// It does not become ready.
    #[must_use]
    pub fn start(flags: &[&str]) -> Self {
        Self::start_at(FREE_PORTS, flags)
    }

    /// As [`Bed::start`], on IPv6 only.
    ///
    /// # Panics
    /// It does not become ready.
    #[must_use]
    pub fn start_on_ipv6(flags: &[&str]) -> Self {
        Self::start_at(free_ports("[::1]:0"), flags)
    }

    fn start_at(addresses: [&str; 8], flags: &[&str]) -> Self {
        let videos = stock_videos();
        let videos = videos.to_str().expect("the repository's path is UTF-8");
        let line = [&["up", "--content", videos], &addresses[..], flags].concat();
        Self(Server::start(&binary("seedbed"), line))
    }

    /// The URL of `path` on one of its services (`seedbed-seeder`).
    ///
    /// # Panics
    /// `path` does not make a URL.
    #[must_use]
    pub fn url(&self, role: &str, path: &str) -> Url {
        let address = self.0.address_of(role, "http");
        format!("http://{address}{path}").parse().expect("a path makes a URL")
    }

    /// The torrents that `/torrents` lists.
    ///
    /// # Panics
    /// The response breaks the contract.
    #[must_use]
    pub fn fixtures(&self) -> Vec<Fixture> {
        fixtures(&get_json(&self.url("seedbed-seeder", "/torrents")))
    }
}

/// Reads a response of `/torrents`.
///
/// # Panics
/// The response breaks the contract.
#[must_use]
pub fn fixtures(inventory: &Value) -> Vec<Fixture> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let list = inventory.as_array().expect("/torrents is an array").iter();
    list.map(|torrent| Fixture {
        hash: text(&torrent["hash"]),
        name: text(&torrent["name"]),
        magnet: text(&torrent["magnetURI"]),
        files: torrent["files"]
            .as_array()
            .expect("files is an array")
            .iter()
            .map(|file| (text(&file["path"]), text(&file["sha256"])))
            .collect(),
    })
    .collect()
}

impl Fixture {
    /// The magnet link with only the trackers of this scheme (`http`, `udp`).
    ///
    /// # Panics
    /// It has no such tracker.
    #[must_use]
    pub fn magnet_over(&self, scheme: &str) -> String {
        let wanted = format!("tr={scheme}%3A");
        let (trackers, rest): (Vec<_>, Vec<_>) =
            self.magnet.split('&').partition(|part| part.starts_with("tr="));
        let trackers: Vec<_> =
            trackers.into_iter().filter(|tracker| tracker.starts_with(&wanted)).collect();
        assert!(!trackers.is_empty(), "no {scheme} tracker in {}", self.magnet);
        [rest, trackers].concat().join("&")
    }
}
