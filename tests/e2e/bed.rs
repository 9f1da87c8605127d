//! `seedbed up` has the same infohashes each time, runs beside another bed, and prints one clear line if it
//! cannot start.

use std::{
    collections::BTreeMap, fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path,
};

use seedbed_testkit::{binary, get, get_json, run, run_with_env};
use seedbed_tests::bed::{Bed, FREE_PORTS, repository, stock_videos};

fn hashes(bed: &Bed) -> BTreeMap<String, String> {
    bed.fixtures().into_iter().map(|fixture| (fixture.name, fixture.hash)).collect()
}

/// Runs `seedbed up`, which must fail. Returns its exit code and its one line on stderr.
fn fails(flags: &[&str]) -> (i32, String) {
    let line = [&["up"], &FREE_PORTS[..], flags].concat();
    let finished = run(&binary("seedbed"), line);
    assert!(!finished.stdout.contains("ready"), "{}", finished.stdout);
    let stderr = finished.stderr.trim_end().to_owned();
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    (finished.status.code().expect("it exits"), stderr)
}

#[test]
fn two_beds_have_the_same_infohashes_which_are_those_of_the_lock() {
    let (first, second) = (hashes(&Bed::start(&[])), hashes(&Bed::start(&[])));
    assert_eq!(first, second);
    let lock = fs::read_to_string(repository().join("videos/lock.toml")).unwrap();
    for name in ["test-small-720p", "test-medium-1080p", "test-large-4k", "one-minute-720p30"] {
        assert_eq!(first[name].len(), 40);
        assert!(lock.contains(&first[name]), "{name} {} is in the lock", first[name]);
    }
}

#[test]
fn two_namespaces_share_no_infohash_and_run_side_by_side() {
    let beds = [Bed::start(&["--namespace", "one"]), Bed::start(&["--namespace", "two"])];
    let [one, two] = beds.each_ref().map(hashes);
    assert_eq!(one.len(), two.len());
    assert!(one.values().all(|hash| !two.values().any(|other| other == hash)));
    for (bed, own) in beds.iter().zip([&one, &two]) {
        let tracked = get_json(&bed.url("seedbed-tracker", "/api/torrents"));
        let tracked = tracked.as_array().unwrap();
        assert_eq!(tracked.len(), own.len());
        assert!(tracked.iter().all(|torrent| {
            own.values().any(|hash| torrent["infohash"].as_str() == Some(hash))
        }));
    }
}

#[test]
fn the_banner_lists_each_torrent_with_infohash_magnet_link_and_range_url() {
    let bed = Bed::start(&[]);
    let banner = bed.0.stdout().join("\n");
    for fixture in bed.fixtures() {
        let (path, _) = &fixture.files[0];
        let range = bed.url("seedbed-range", &format!("/{path}"));
        for part in [&fixture.name, &fixture.hash, &fixture.magnet, range.as_str()] {
            assert!(banner.contains(part), "{part} in {banner}");
        }
        let tracker = bed.0.address_of("seedbed-tracker", "http");
        for scheme in ["http", "udp"] {
            assert!(fixture.magnet_over(scheme).contains(&tracker.port().to_string()));
        }
    }
}

#[test]
fn a_fixture_is_found_by_name_and_by_infohash_and_has_its_torrent_file() {
    let bed = Bed::start(&[]);
    for fixture in bed.fixtures() {
        let one = |key: &str| get_json(&bed.url("seedbed-seeder", &format!("/torrents/{key}")));
        assert_eq!(one(&fixture.name)["hash"], fixture.hash.as_str());
        let torrent = one(&fixture.hash);
        assert_eq!(torrent["name"], fixture.name.as_str());
        let file = get(&torrent["torrentUrl"].as_str().unwrap().parse().unwrap());
        assert_eq!(file.header("content-type"), Some("application/x-bittorrent"));
        assert!(file.body.starts_with(b"d8:announce"));
    }
    let unknown = get(&bed.url("seedbed-seeder", "/torrents/unknown"));
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("unknown"));
}

#[test]
fn ctrl_c_ends_it_cleanly() {
    let ended = Bed::start(&[]).0.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_port_in_use_is_one_line_that_names_the_server_and_the_flag_that_helps() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let port = taken.port();
    for (flag, default, server) in [
        ("--tracker-listen", 8000, "tracker"),
        ("--seeder-listen", 3001, "seeder"),
        ("--seeder-peer-listen", 6881, "seeder's peers"),
        ("--range-listen", 3002, "range server"),
    ] {
        // A flag given twice is refused: leave the free port out.
        let free: Vec<_> = FREE_PORTS.chunks(2).filter(|pair| pair[0] != flag).flatten().collect();
        let videos = stock_videos();
        let offset = port - default;
        for (flags, advice) in [
            ([flag, &taken.to_string()], format!("another {flag}")),
            (["--port-offset", &offset.to_string()], format!("--port-offset {}", offset + 100)),
        ] {
            let line = ["up", "--content", videos.to_str().unwrap()].into_iter().chain(flags);
            let finished = run(&binary("seedbed"), line.chain(free.iter().map(|flag| **flag)));
            assert_eq!(finished.status.code(), Some(1), "{flag}");
            let wanted = format!("seedbed: port {port} is in use ({server}, tcp); try {advice}\n");
            assert_eq!(finished.stderr, wanted);
            assert_eq!(finished.stdout, "");
        }
    }
}

#[test]
fn while_the_videos_are_made_a_client_is_refused_and_not_left_waiting() {
    let scratch = tempfile::tempdir().unwrap();
    let tracker = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // A stand-in for ffmpeg that connects to the tracker and fails with the error that it gets.
    let ffmpeg = scratch.path().join("ffmpeg");
    let script = format!("#!/bin/bash\n: >/dev/tcp/127.0.0.1/{}\nexit 1\n", tracker.port());
    fs::write(&ffmpeg, script).unwrap();
    fs::set_permissions(&ffmpeg, fs::Permissions::from_mode(0o755)).unwrap();

    let catalog = repository().join("videos/catalog.toml");
    let [out, lock] = ["out", "lock.toml"].map(|name| scratch.path().join(name));
    let names = ["FFMPEG", "CATALOG", "OUT", "LOCK"].map(|name| format!("SEEDBED_VIDEOS_{name}"));
    let env = names.iter().zip([&ffmpeg, &catalog, &out, &lock]);
    let tracker = tracker.to_string();
    let line =
        ["up", "--tracker-listen", &tracker].into_iter().chain(FREE_PORTS[2..].iter().copied());
    let finished = run_with_env(&binary("seedbed"), line, env);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("Connection refused"), "{}", finished.stderr);
}

#[test]
fn a_missing_content_directory_is_one_line_that_names_it() {
    let (code, line) = fails(&["--content", "/no/such/directory"]);
    assert_eq!(code, 2);
    assert!(line.contains("/no/such/directory"), "{line}");
}

#[test]
fn an_empty_content_directory_is_one_line_that_names_it() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let (code, line) = fails(&["--content", path]);
    assert_eq!(code, 2);
    assert!(line.contains(path), "{line}");
}

#[test]
fn content_is_served_as_it_lies_in_folders() {
    let content = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &str| {
        let path = content.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("season/e01.mkv", "first");
    write("season/subs/e01.srt", "1");
    let line = [&["up", "--content", content.path().to_str().unwrap()], &FREE_PORTS[..]].concat();
    let bed = Bed(seedbed_testkit::Server::start(&binary("seedbed"), line));
    let [season] = &bed.fixtures()[..] else { panic!("one torrent") };
    assert_eq!(season.name, "season");
    for (path, sha256) in &season.files {
        assert!(Path::new(path).starts_with("season"));
        let served = get(&bed.url("seedbed-range", &format!("/{path}")));
        assert_eq!(&seedbed_testkit::sha256(&served.body), sha256);
    }
}

#[test]
fn the_range_server_of_a_bed_has_hls_unless_it_is_switched_off() {
    const PLAYLISTS: [&str; 2] =
        ["/hls/one-minute-720p30/ts/index.m3u8", "/hls-live/one-minute-720p30/fmp4/index.m3u8"];
    for (flags, status) in [(&[][..], 200), (&["--hls", "false", "--hls-live", "false"], 404)] {
        let bed = Bed::start(flags);
        for playlist in PLAYLISTS {
            assert_eq!(get(&bed.url("seedbed-range", playlist)).status, status, "{playlist}");
        }
    }
}
