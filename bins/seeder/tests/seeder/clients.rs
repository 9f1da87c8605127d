//! Real clients, where a raw peer would not do.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use seedbed_testkit::{Tool, eventually, get_json, require, sha256_file, wait_until};
use seedbed_tests::client::{Client, Connect, Running};

use crate::common::{hash, healthy, post, seeder, synthetic, torrent, tracked, tracker};

#[test]
fn a_leecher_that_waits_while_the_torrent_is_paused_completes_once_it_is_resumed() {
    let (tracker, announce) = tracker();
    // Slow enough to be paused in the middle.
    let seeder = seeder(&[
        "--synthetic",
        "a.bin=4MiB",
        "--announce",
        &announce,
        "--dial",
        "--announce-interval",
        "1",
        "--upload-limit",
        "1000000",
    ]);
    healthy(&seeder);
    let view = torrent(&seeder, "a");
    let directory = tempfile::tempdir().unwrap();
    let magnet = view["magnetURI"].as_str().unwrap();
    let mut client = Client::Libtorrent.start(magnet, directory.path(), Connect::Tcp);
    wait_until("some of it to have come", || torrent(&seeder, "a")["uploaded"].as_u64() > Some(0));

    let paused = post(&seeder, "/torrents/a/pause", None);
    assert_eq!(paused["peers"], 0);
    let uploaded = paused["uploaded"].as_u64().unwrap();
    assert!(uploaded < 4 << 20, "it was not complete yet");
    let hash = hash(&seeder, "a");
    let seeders = || tracked(&tracker, &hash).iter().filter(|peer| peer["left"] == 0).count();
    assert_eq!(seeders(), 0);
    // Meanwhile the tracker lists only the leecher, which goes on announcing.
    assert_eq!(torrent(&seeder, "a")["uploaded"], uploaded, "not a byte more");
    assert!(!client.is_done());

    post(&seeder, "/torrents/a/resume", None);
    assert_eq!(seeders(), 1);
    wait_until("the client to complete", || client.is_done());
    assert_eq!(
        sha256_file(&directory.path().join("a.bin")),
        view["files"][0]["sha256"].as_str().unwrap()
    );
}

#[test]
fn a_leecher_completes_from_partial_seeders_and_takes_from_each() {
    let (_tracker, announce) = tracker();
    let seeder = seeder(&[
        "--synthetic",
        "a.bin=4MiB",
        "--announce",
        &announce,
        "--dial",
        "--announce-interval",
        "1",
        "--seeders",
        "3",
        "--partial",
        "0.4",
        "--upload-limit",
        "4000000",
    ]);
    healthy(&seeder);
    let view = torrent(&seeder, "a");
    let directory = tempfile::tempdir().unwrap();
    let magnet = view["magnetURI"].as_str().unwrap();
    let mut client = Client::Libtorrent.start(magnet, directory.path(), Connect::Tcp);
    let mut took_from = [0; 3];
    wait_until("the client to complete", || {
        for peer in get_json(&seeder.url("/peers")).as_array().unwrap() {
            let from = usize::try_from(peer["seeder"].as_u64().unwrap()).unwrap();
            took_from[from] = took_from[from].max(peer["bytes"].as_u64().unwrap());
        }
        client.is_done()
    });
    assert_eq!(
        sha256_file(&directory.path().join("a.bin")),
        view["files"][0]["sha256"].as_str().unwrap()
    );
    assert!(took_from.iter().all(|bytes| *bytes > 0), "{took_from:?}");
}

/// libtorrent as the seeder: where it listens.
fn upstream(torrent: &Path, directory: &Path) -> (Running, SocketAddr) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/libtorrent_seed.py");
    let mut command = Command::new(require(Tool::LIBTORRENT));
    let client =
        Running::start("libtorrent", command.arg(script).arg(torrent).arg(directory), directory);
    let address = eventually("libtorrent to seed", || {
        client.log().lines().find_map(|line| line.strip_prefix("seeding at ")?.parse().ok())
    });
    (client, address)
}

#[test]
fn the_wire_stands_before_another_client_just_as_well() {
    const FLAGS: [&str; 4] = ["--synthetic", "a.bin=3MiB,seed=5", "--namespace", "upstream"];
    let (tracker, announce) = tracker();
    // The infohash does not depend on who has the content.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.torrent");
    {
        let seeder = seeder(&FLAGS);
        let torrent = seedbed_testkit::get(&seeder.url("/torrents/a.torrent"));
        fs::write(&file, torrent.body).unwrap();
    }
    fs::write(directory.path().join("a.bin"), synthetic(5, 3 << 20)).unwrap();
    let (_upstream, at) = upstream(&file, directory.path());
    let at = at.to_string();
    let seeder = seeder(&[&FLAGS[..], &["--upstream", &at, "--announce", &announce]].concat());
    healthy(&seeder);
    let view = torrent(&seeder, "a");
    assert_eq!(
        tracked(&tracker, view["hash"].as_str().unwrap()).len(),
        1,
        "the wire, not the client"
    );
    let into = tempfile::tempdir().unwrap();
    let magnet = view["magnetURI"].as_str().unwrap();
    let mut client = Client::Aria2.start(magnet, into.path(), Connect::Tcp);
    wait_until("aria2 to complete", || client.is_done());
    assert_eq!(
        sha256_file(&into.path().join("a.bin")),
        view["files"][0]["sha256"].as_str().unwrap()
    );
    assert!(torrent(&seeder, "a")["uploaded"].as_u64() >= Some(3 << 20), "it passed the wire");
}
