//! The inventory: names, files and state of torrents.

use std::fs;

use seedbed_testkit::{get, get_json, sha256};
use serde_json::Value;

use crate::common::{content, hash, seeder, synthetic, torrent, torrent_file};

/// Finds a torrent by its name, as the helpers of projects that use the seeder do.
fn look_up<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|torrent| torrent["name"] == name).unwrap()
}

#[test]
fn a_fixture_has_hash_and_magnet_link_by_its_name_in_health_and_in_torrents() {
    let content = content(&["test-small-720p.mp4", "season/e01.mkv"]);
    let seeder = seeder(&["--content", content.path().to_str().unwrap()]);
    let health = get_json(&seeder.url("/health"));
    assert_eq!((&health["status"], &health["seedingTorrents"]), (&"healthy".into(), &2.into()));
    let torrents = get_json(&seeder.url("/torrents"));
    for name in ["test-small-720p", "season"] {
        let known = look_up(&health["knownHashes"], name);
        let listed = look_up(&torrents, name);
        let hash = known["hash"].as_str().unwrap();
        assert!(hash.len() == 40 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        assert_eq!(known["hash"], listed["hash"]);
        assert_eq!(known["magnetURI"], listed["magnetURI"]);
        let magnet = known["magnetURI"].as_str().unwrap();
        assert!(magnet.starts_with(&format!("magnet:?xt=urn:btih:{hash}")), "{magnet}");
    }
    assert!(torrents.to_string().contains("dn=test-small-720p.mp4"));
}

#[test]
fn a_torrent_is_found_by_infohash_by_name_and_by_the_name_of_its_file() {
    let content = content(&["a b.mp4"]);
    let seeder = seeder(&["--content", content.path().to_str().unwrap()]);
    let by_name = torrent(&seeder, "a%20b");
    assert_eq!(by_name["state"], "seeding");
    assert_eq!(by_name["hashed"], 1.0);
    assert_eq!(by_name["files"][0]["sha256"], sha256(b"a b.mp4").as_str());
    assert_eq!(torrent(&seeder, by_name["hash"].as_str().unwrap()), by_name);
    assert_eq!(torrent(&seeder, "a%20b.mp4"), by_name);
    let unknown = get(&seeder.url("/torrents/c"));
    assert_eq!((unknown.status, unknown.json()["status"].as_u64()), (404, Some(404)));
}

#[test]
fn two_namespaces_share_no_infohash_and_one_gives_the_same_whatever_the_file_system_says() {
    let files = ["show/a/1", "show/a/2", "show/b", "z.bin", "b.bin", "a.bin"];
    let other_way: Vec<_> = files.iter().rev().copied().collect();
    let (first, second) = (content(&files), content(&other_way));
    let hashes = |root: &tempfile::TempDir, run: &str| {
        let path = root.path().to_str().unwrap();
        let seeder = seeder(&["--content", path, "--namespace", run]);
        ["show", "z", "b", "a"].map(|name| hash(&seeder, name))
    };
    let one = hashes(&first, "one");
    assert_eq!(one, hashes(&second, "one"));
    assert!(hashes(&first, "two").iter().all(|hash| !one.contains(hash)));
}

#[test]
fn synthetic_content_needs_no_directory_and_is_that_of_the_range_server() {
    let seeder = seeder(&["--synthetic", "big.bin=1MiB,seed=7", "--synthetic", "small=1000"]);
    let big = torrent(&seeder, "big");
    assert_eq!((&big["size"], &big["seed"]), (&1_048_576.into(), &7.into()));
    assert_eq!(big["files"][0]["path"], "big.bin");
    assert_eq!(big["files"][0]["sha256"], sha256(&synthetic(7, 1 << 20)).as_str());
    let small = torrent(&seeder, "small");
    assert_eq!(small["files"][0]["sha256"], sha256(&synthetic(0, 1000)).as_str());
}

#[test]
fn a_spec_says_what_is_seeded_of_the_directory() {
    let content = content(&["a.bin", "b.bin", "sub/c.bin"]);
    let spec = content.path().join(".spec");
    fs::write(&spec, "# of this run\nsub/c.bin\n\nsynthetic big=1KiB,seed=3\n").unwrap();
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--spec", spec.to_str().unwrap()]);
    let torrents = get_json(&seeder.url("/torrents"));
    let names: Vec<_> = torrents.as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["c", "big"]);
}

#[test]
fn private_pad_files_and_piece_length_are_in_the_info_dictionary() {
    let content = content(&["show/a", "show/b"]);
    let path = content.path().to_str().unwrap();
    let plain = seeder(&["--content", path]);
    let flags = ["--private", "--pad-files", "--piece-length", "65536"];
    let seeder = seeder(&[&["--content", path], &flags[..]].concat());
    let file = torrent_file(&seeder, "show");
    for key in ["7:privatei1e", "4:attr1:p", "12:piece lengthi65536e"] {
        assert!(file.contains(key), "{file}");
        assert!(!torrent_file(&plain, "show").contains(key));
    }
    let show = torrent(&seeder, "show");
    assert_eq!(show["pieceLength"], 65536);
    let paths: Vec<_> = show["files"].as_array().unwrap().iter().map(|f| &f["path"]).collect();
    assert_eq!(paths, ["show/a", "show/b"], "pad files are nothing that anybody wants");
}

#[test]
fn trackers_are_in_tiers_and_a_web_seed_is_where_the_directory_is_served() {
    let content = content(&["a.bin", "sub/dir/b.bin", "show/c"]);
    let spec = content.path().join(".spec");
    fs::write(&spec, "a.bin\nsub/dir/b.bin\nshow\nsynthetic s=1\n").unwrap();
    let seeder = seeder(&[
        "--content",
        content.path().to_str().unwrap(),
        "--spec",
        spec.to_str().unwrap(),
        "--announce",
        "http://127.0.0.1:1/announce|udp://127.0.0.1:2",
        "--announce",
        "http://127.0.0.1:3/announce",
        "--web-seed",
        "http://range:3002/",
    ]);
    let file = torrent_file(&seeder, "a");
    let tiers = "13:announce-listll27:http://127.0.0.1:1/announce17:udp://127.0.0.1:2e\
                 l27:http://127.0.0.1:3/announceee";
    assert!(file.contains(tiers), "{file}");
    for (name, url) in [
        ("a", "http://range:3002/a.bin"),
        ("b", "http://range:3002/sub/dir/b.bin"),
        ("show", "http://range:3002/"),
    ] {
        let file = torrent_file(&seeder, name);
        assert!(file.contains(&format!("8:url-listl{}:{url}e", url.len())), "{file}");
    }
    assert!(!torrent_file(&seeder, "s").contains("url-list"), "it is in no directory");
    assert!(
        torrent(&seeder, "a")["magnetURI"].as_str().unwrap().contains("&ws=http%3A%2F%2Frange")
    );
    let trackers = torrent(&seeder, "a")["trackers"].as_array().unwrap().len();
    assert_eq!(trackers, 2, "one for each tier");
}
