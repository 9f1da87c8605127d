//! `seedbed fetch`: what it downloads it verifies and sums; what it cannot get it names.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use seedbed_testkit::{Finished, Server, binary, get, get_json, run, sha256, sha256_file};
use seedbed_tests::bed::{Bed, FREE_PORTS, fixtures};

fn fetch(arguments: &[&str]) -> Finished {
    run(&binary("seedbed"), [&["fetch"], arguments].concat())
}

#[track_caller]
fn fails(arguments: &[&str], code: i32, wanted: &[&str]) {
    let finished = fetch(arguments);
    assert_eq!(finished.status.code(), Some(code), "{arguments:?}: {}", finished.stderr);
    for wanted in wanted {
        assert!(
            finished.stderr.contains(wanted),
            "{wanted:?} of {arguments:?}: {}",
            finished.stderr
        );
    }
    assert_eq!(finished.stderr.trim().lines().count(), 1, "{}", finished.stderr);
}

#[test]
fn it_prints_what_the_inventory_says_and_leaves_nothing() {
    let bed = Bed::start(&[]);
    let scratch = tempfile::tempdir().unwrap();
    for fixture in bed.fixtures() {
        let url = bed.url("seedbed-seeder", &format!("/torrents/{}.torrent", fixture.hash));
        let finished = seedbed_testkit::run_with_env(
            &binary("seedbed"),
            ["fetch", url.as_str()],
            [("TMPDIR", scratch.path().to_str().unwrap())],
        );
        let sums: String =
            fixture.files.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
        assert_eq!(finished.stdout, sums, "{}", finished.stderr);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "{}", fixture.name);
    }
}

#[test]
fn a_named_peer_is_enough_and_out_keeps_the_files() {
    let bed = Bed::start(&[]);
    let fixture = &bed.fixtures()[0];
    let peers = bed.0.address_of("seedbed-seeder", "tcp").to_string();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let magnet = format!("magnet:?xt=urn:btih:{}", fixture.hash);
    let finished = fetch(&[&magnet, "--peer", &peers, "--out", out]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (path, sum) = &fixture.files[0];
    assert_eq!(&sha256_file(&directory.path().join(path)), sum);
}

#[test]
fn synthetic_content_is_the_range_servers_and_that_of_openssl() {
    const SIZE: usize = 3_000_001;
    let content = tempfile::tempdir().unwrap();
    fs::write(content.path().join("one"), "1").unwrap();
    let synthetic = format!("noise={SIZE},seed=7");
    let content = content.path().to_str().unwrap();
    let line = [&["up", "--content", content, "--synthetic", &synthetic], &FREE_PORTS[..]].concat();
    let bed = Bed(Server::start(&binary("seedbed"), line));
    let inventory = get_json(&bed.url("seedbed-seeder", "/torrents"));
    let fixture = fixtures(&inventory).into_iter().find(|found| found.name == "noise").unwrap();

    let directory = tempfile::tempdir().unwrap();
    let finished = fetch(&[&fixture.magnet, "--out", directory.path().to_str().unwrap()]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let fetched = fs::read(directory.path().join("noise")).unwrap();
    let served = get(&bed.url("seedbed-range", &format!("/synthetic/{SIZE}?seed=7")));
    assert_eq!(fetched.len(), SIZE);
    assert!(fetched == served.body, "the fetched bytes are those of the range server");
    assert_eq!(sha256(&fetched), fixture.files[0].1);
    assert!(fetched == openssl(SIZE, 7), "the fetched bytes are those of openssl");
}

/// The content as the README says to make it in a shell.
fn openssl(size: usize, seed: u64) -> Vec<u8> {
    let script = format!(
        "key=$(printf 'seedbed:{seed}' | sha256sum | head -c 32)
         head -c {size} /dev/zero | openssl enc -aes-128-ctr -K \"$key\" -iv {:032}",
        0
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "this test needs openssl: apt-get install openssl");
    output.stdout
}

#[test]
fn what_is_no_source_is_named_and_is_wrong_usage() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.torrent");
    fs::write(&broken, "d4:infod6:lengthi99999999999999999999e").unwrap();
    let broken = broken.to_str().unwrap();
    fails(&["missing.torrent"], 2, &["missing.torrent"]);
    fails(&[broken], 2, &["broken.torrent"]);
    fails(&["magnet:?dn=x"], 2, &["magnet:?dn=x"]);
    fails(&["ftp://host/a.torrent"], 1, &["ftp://host/a.torrent"]);
}

#[test]
fn a_torrent_that_nobody_serves_is_given_up_with_its_name() {
    // It accepts, and says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let peer = silent.local_addr().unwrap().to_string();
    let infohash = "ab".repeat(20);
    let magnet = format!("magnet:?xt=urn:btih:{infohash}");
    fails(&[&magnet, "--peer", &peer, "--timeout", "1"], 1, &[&infohash, "1s"]);
}

#[test]
fn a_torrent_file_that_the_url_has_not_is_named_with_the_status() {
    let bed = Bed::start(&[]);
    let url = bed.url("seedbed-seeder", "/torrents/none.torrent").to_string();
    fails(&[&url], 1, &[&url, "404"]);
}
