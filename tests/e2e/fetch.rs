//! `seedbed fetch` verifies and hashes its downloads, and names what it cannot get.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
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
fn it_prints_the_hashes_of_the_inventory_and_leaves_no_files() {
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

/// The content, computed as `docs/range-server.md` shows.
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
fn an_invalid_source_is_named_and_is_wrong_usage() {
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
    // Accepts connections and sends nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let peer = silent.local_addr().unwrap().to_string();
    let infohash = "ab".repeat(20);
    let magnet = format!("magnet:?xt=urn:btih:{infohash}");
    fails(&[&magnet, "--peer", &peer, "--timeout", "1"], 1, &[&infohash, "1s"]);
}

#[test]
fn a_url_without_a_torrent_file_is_named_with_its_status() {
    let bed = Bed::start(&[]);
    let url = bed.url("seedbed-seeder", "/torrents/none.torrent").to_string();
    fails(&[&url], 1, &[&url, "404"]);
}

/// A tracker that lists one peer, and the parameters of each announce that it gets.
struct ListingTracker {
    listener: TcpListener,
    peer: SocketAddr,
}

impl ListingTracker {
    fn start(peer: SocketAddr) -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), peer }
    }

    fn url(&self) -> String {
        format!("http://{}/announce", self.listener.local_addr().unwrap())
    }

    /// Answers announces until `stopped` comes.
    fn announces(&self) -> Vec<HashMap<String, String>> {
        let mut announces = Vec::new();
        loop {
            let (stream, _) = self.listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let target = line.split(' ').nth(1).unwrap().to_owned();
            while line.trim() != "" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            let (ip, port) = (self.peer.ip().to_string(), self.peer.port());
            let peer = format!("d2:ip{}:{ip}4:porti{port}ee", ip.len());
            let body = format!("d8:intervali600e5:peersl{peer}ee");
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.get_mut().write_all((head + &body).as_bytes()).unwrap();
            let (_, query) = target.split_once('?').unwrap();
            let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
            let announce: HashMap<_, _> =
                parameters.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let stopped = announce.get("event").is_some_and(|event| event == "stopped");
            announces.push(announce);
            if stopped {
                return announces;
            }
        }
    }
}

#[test]
fn it_announces_what_is_left_and_that_it_completed_and_stopped() {
    let bed = Bed::start(&[]);
    let fixture = &bed.fixtures()[0];
    let size = get_json(&bed.url("seedbed-seeder", &format!("/torrents/{}", fixture.hash)))["size"]
        .as_u64()
        .unwrap();
    let tracker = ListingTracker::start(bed.0.address_of("seedbed-seeder", "tcp"));
    let magnet = format!(
        "magnet:?xt=urn:btih:{}&xl={size}&tr={}",
        fixture.hash,
        tracker.url().replace(':', "%3A").replace('/', "%2F")
    );
    let torrent = get(&bed.url("seedbed-seeder", &format!("/torrents/{}.torrent", fixture.hash)));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.torrent");
    fs::write(&file, with_tracker(&torrent.body, &tracker.url())).unwrap();
    let (size, nothing) = (size.to_string(), "0".to_owned());
    for source in [&magnet, file.to_str().unwrap()] {
        let announces = thread::scope(|scope| {
            let announces = scope.spawn(|| tracker.announces());
            let finished = fetch(&[source]);
            assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
            announces.join().unwrap()
        });
        let reported: Vec<_> = announces.iter().map(|a| (&*a["event"], &a["left"])).collect();
        let wanted = [("started", &size), ("completed", &nothing), ("stopped", &nothing)];
        assert_eq!(reported, wanted, "{source}");
        let ports: Vec<_> = announces.iter().map(|announce| &announce["port"]).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != "0"), "{ports:?}");
    }
}

/// A .torrent file whose only tracker is another.
fn with_tracker(torrent: &[u8], tracker: &str) -> Vec<u8> {
    let info = torrent.windows(7).position(|window| window == b"4:infod").unwrap();
    let end = torrent.windows(10).position(|window| window == b"8:url-list");
    let info = &torrent[info..end.unwrap_or(torrent.len() - 1)];
    [format!("d8:announce{}:{tracker}", tracker.len()).as_bytes(), info, b"e"].concat()
}
