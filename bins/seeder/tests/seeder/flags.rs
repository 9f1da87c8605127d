//! Each other flag takes effect.

use std::{fs, net::UdpSocket, time::Instant};

use seedbed_testkit::{Server, eventually};

use crate::{
    common::{
        addresses, content, fails, hash, healthy, seeder, seeder_binary, synthetic, torrent,
        tracked, tracker,
    },
    peer::Peer,
};

const BLOCK: u32 = 16 << 10;

/// Downloads the first `length` bytes, and returns how many seconds that took.
fn download(seeder: &Server, length: u32) -> f64 {
    let mut peer = Peer::connect(seeder.address("tcp"), &hash(seeder, "a")).unwrap();
    let started = Instant::now();
    peer.interested().unwrap();
    for block in 0..length / BLOCK {
        peer.ask(block, 0, BLOCK).unwrap();
    }
    let blocks: Vec<_> = (0..length / BLOCK).map(|_| peer.block().unwrap()).collect();
    assert_eq!(blocks.concat(), synthetic(0, length as usize));
    started.elapsed().as_secs_f64()
}

#[test]
fn an_upload_limit_slows_a_peer_and_so_does_one_for_each_peer() {
    for flag in ["--upload-limit", "--peer-upload-limit"] {
        let seeder = seeder(&["--synthetic", "a=2MiB", flag, "524288"]);
        // Some of it may come at once.
        let took = download(&seeder, 1 << 20);
        assert!(took >= 1.0, "{flag}: 1 MiB at 512 KiB/s took {took} s");
    }
}

#[test]
fn encryption_says_which_streams_are_taken() {
    for (kind, is_taken) in [("plaintext", true), ("both", true), ("rc4", false)] {
        let seeder = seeder(&["--synthetic", "a=1KiB", "--encryption", kind]);
        let plain = Peer::connect(seeder.address("tcp"), &hash(&seeder, "a"));
        assert_eq!(plain.is_ok(), is_taken, "{kind}");
    }
    let (code, error) = fails(&["--synthetic", "a=1", "--encryption", "none"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("wanted plaintext, rc4 or both"), "{error}");
}

#[test]
fn utp_is_on_the_udp_port_of_the_same_number_unless_it_is_turned_off() {
    let on = seeder(&["--synthetic", "a=1KiB"]);
    assert_eq!(addresses(&on, "utp"), addresses(&on, "tcp"));
    assert!(UdpSocket::bind(on.address("utp")).is_err(), "the port is taken");
    let off = seeder(&["--synthetic", "a=1KiB", "--utp", "false"]);
    assert!(addresses(&off, "utp").is_empty());
    assert!(UdpSocket::bind(off.address("tcp")).is_ok(), "the port is free");
}

#[test]
fn within_a_tier_the_next_tracker_is_announced_to_where_the_first_is_away() {
    let (tracker, announce) = tracker();
    let tier = format!("http://127.0.0.1:9/announce|{announce}");
    let seeder = seeder(&["--synthetic", "a=1KiB", "--announce", &tier]);
    healthy(&seeder);
    assert_eq!(tracked(&tracker, &hash(&seeder, "a")).len(), 1);
}

#[test]
fn hashes_are_remembered_but_never_trusted_more_than_the_content() {
    // Files that have been left alone for a while: this crate's.
    let content = env!("CARGO_MANIFEST_DIR");
    let cache = tempfile::tempdir().unwrap();
    let spec = cache.path().join("spec");
    fs::write(&spec, "src\n").unwrap();
    let directory = cache.path().join("cache");
    let flags = ["--content", content, "--spec", spec.to_str().unwrap()];
    let start = || {
        let seeder = seeder(&[&flags[..], &["--cache-dir", directory.to_str().unwrap()]].concat());
        torrent(&seeder, "src")["hash"].clone()
    };
    let entries = || -> Vec<_> {
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let hash = start();
    let [entry] = &entries()[..] else { panic!("wanted one entry, got {:?}", entries()) };
    let remembered = fs::read(entry).unwrap();
    assert_eq!(start(), hash);
    assert_eq!(fs::read(entry).unwrap(), remembered);
    // An entry that lies, wherever it does.
    for place in [remembered.len() - 1, remembered.len() / 2, 20] {
        let mut lie = remembered.clone();
        lie[place] ^= 1;
        fs::write(entry, lie).unwrap();
        assert_eq!(start(), hash, "with byte {place} wrong");
    }
}

#[test]
fn a_cache_directory_that_cannot_be_written_is_done_without() {
    let content = content(&["a.bin"]);
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--cache-dir", "/proc/none"]);
    assert_eq!(torrent(&seeder, "a")["state"], "seeding");
    assert_eq!(seeder.terminate().stderr, "");
}

#[test]
fn flags_are_environment_variables_too() {
    let flags = ["--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"];
    let environment = [
        ("SEEDBED_SYNTHETIC", "a.bin=1KiB,seed=1;b.bin=2KiB"),
        ("SEEDBED_SEEDERS", "2"),
        ("SEEDBED_PRIVATE", "true"),
        ("SEEDBED_UTP", "false"),
    ];
    let seeder = Server::start_with_env(seeder_binary(), flags, environment);
    assert_eq!(
        (torrent(&seeder, "a")["size"].clone(), torrent(&seeder, "b")["size"].clone()),
        (1024.into(), 2048.into())
    );
    assert_eq!((addresses(&seeder, "tcp").len(), addresses(&seeder, "utp").len()), (2, 0));
}

#[test]
fn a_mistake_is_one_line_that_names_it() {
    let missing = "/no/such/directory";
    for (flags, wanted) in [
        (&["--content", missing][..], missing),
        (&["--synthetic", "a"], "wanted NAME=SIZE[,seed=N]"),
        (&["--synthetic", "a=1", "--synthetic", "a=2"], "wanted names that differ, got a twice"),
        (&["--synthetic", "a=65GiB"], "wanted at most 68719476736 bytes"),
        (&["--spec", missing], "failed to read the spec /no/such/directory"),
        (&["--synthetic", "a=1", "--seeders", "0"], "0 is not in 1..=256"),
        (&["--synthetic", "a=1", "--announce", "ftp://x"], "ftp"),
        (&["--synthetic", "a=1", "--web-seed", "x"], "wanted the URL of a folder"),
        (&["--synthetic", "a=1", "--upstream", "x"], "wanted HOST:PORT, got x"),
        (&["--synthetic", "a=1", "--upload-limit", "0"], "--upload-limit"),
        (&[], "--content"),
    ] {
        let (code, error) = fails(flags);
        assert_eq!(code, Some(2), "{flags:?}: {error}");
        assert!(error.contains(wanted), "{flags:?}: {error}");
    }
}

#[test]
fn a_seeder_that_ends_announces_stopped_for_each_of_its_peers() {
    let (tracker, announce) = tracker();
    let seeder = seeder(&["--synthetic", "a=1KiB", "--seeders", "2", "--announce", &announce]);
    healthy(&seeder);
    let hash = hash(&seeder, "a");
    assert_eq!(tracked(&tracker, &hash).len(), 2);
    let ended = seeder.terminate();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
    eventually("the tracker to have forgotten", || {
        tracked(&tracker, &hash).is_empty().then_some(())
    });
}
