//! A minute of attacks on every socket of a bed, while real clients download from it.
//!
//! Each attack is a thread that repeats one bounded action, with random numbers of its own seed and an
//! address of its own: the bed may refuse whom it has had enough of, but never the clients. The clients
//! must get the right bytes, `/health` must go on saying so, the bed's memory must stay within a limit,
//! and its descriptors must go back to what they were.

mod attacker;
mod http;
mod peer;
mod udp;

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use seedbed_testkit::{get, get_json, sha256_file, wait_until};
use seedbed_tests::{
    bed::{Bed, Fixture},
    client::{Client, Connect},
};

use attacker::{Attack, Attacker, Targets};

/// How long the bed is attacked.
const DURATION: Duration = Duration::from_secs(60);
/// Most memory that the bed may ever have resident.
const MEMORY: u64 = 150 << 20;
/// Every random number of the attacks derives from it.
const SEED: u64 = 12;
/// How long an attack pauses between two actions. Nothing waits for it: it leaves the processors to the
/// bed and to the clients, which run on the same machine.
const PAUSE: Duration = Duration::from_millis(50);
/// The video that the clients download again and again.
const VIDEO: &str = "test-medium-1080p";

/// Every attack, with the seeds and the addresses of its threads counted in this order.
const ATTACKS: [Attack; 17] = [
    ("junk at the tracker", |attacker| http::junk(attacker, attacker.targets.tracker)),
    ("junk at the seeder", |attacker| http::junk(attacker, attacker.targets.seeder)),
    ("junk at the range server", |attacker| http::junk(attacker, attacker.targets.range)),
    ("junk at the peer port", |attacker| http::junk(attacker, attacker.targets.peers)),
    ("malformed requests", http::malformed),
    ("half requests", http::half_open),
    ("slow readers", http::slow_reader),
    ("request floods", http::flood),
    ("connections that are reset", http::reset),
    ("WebSocket junk", http::websocket_junk),
    ("half handshakes", peer::half_open),
    ("Have out of range", peer::wrong_haves),
    ("requests that are never read", peer::unread_requests),
    ("metadata requests that are never read", peer::unread_metadata),
    ("junk messages", peer::junk_messages),
    ("datagrams at the tracker", udp::tracker),
    ("datagrams at the peer port", udp::utp),
];

#[test]
fn a_bed_under_attack_serves_its_clients_and_stays_within_its_limits() {
    let bed = Bed::start(&[]);
    let mut fixtures = bed.fixtures();
    fixtures.retain(|fixture| fixture.name == VIDEO);
    let fixture = &fixtures[0];
    let targets = Targets::new(&bed, &fixture.hash);

    // What the bed opens once and keeps, such as copies of files, is open after this.
    let listed = get_json(&bed.url("seedbed-range", "/"));
    for file in listed.as_array().unwrap() {
        let path = file["url"].as_str().unwrap();
        let url = bed.url("seedbed-range", "/").join(path).unwrap();
        assert_eq!(get(&url).status, 200, "{url}");
    }
    for client in [Client::Aria2, Client::Qbittorrent] {
        download(&bed, fixture, client);
    }
    assert_eq!(unhealthy(&bed), None);
    wait_until("the clients to be gone", || no_peers(&bed));
    let descriptors_before = descriptors(&bed);

    let over = AtomicBool::new(false);
    let downloads = [const { AtomicUsize::new(0) }; 2];
    let actions = [const { AtomicUsize::new(0) }; ATTACKS.len()];
    thread::scope(|scope| {
        for (index, (name, attack)) in ATTACKS.iter().enumerate() {
            let (over, targets, actions) = (&over, &targets, &actions[index]);
            let mut attacker = Attacker::new(targets, index, SEED);
            let body = move || {
                while !over.load(Ordering::Relaxed) {
                    attack(&mut attacker);
                    actions.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(PAUSE);
                }
            };
            thread::Builder::new().name((*name).to_owned()).spawn_scoped(scope, body).unwrap();
        }
        // However this ends, the attackers have to end too.
        let _end = EndOfAttack(&over);
        let until = Instant::now() + DURATION;
        let clients = [Client::Aria2, Client::Qbittorrent].map(|client| {
            let (bed, done) = (&bed, &downloads[usize::from(client == Client::Qbittorrent)]);
            scope.spawn(move || {
                while Instant::now() < until {
                    download(bed, fixture, client);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let mut wrong = Vec::new();
        while Instant::now() < until && clients.iter().all(|client| !client.is_finished()) {
            wrong.extend(unhealthy(&bed));
            thread::sleep(PAUSE);
        }
        for client in clients {
            client.join().expect("every download during the attack has the right bytes");
        }
        assert!(wrong.is_empty(), "the clients complete, but /health said {wrong:#?}");
    });

    for ((name, _), actions) in ATTACKS.iter().zip(&actions) {
        assert!(actions.load(Ordering::Relaxed) > 0, "{name}: this attack never ran");
    }
    for downloads in &downloads {
        assert!(downloads.load(Ordering::Relaxed) > 0, "each client completed under attack");
    }
    let peak = memory_peak(&bed);
    assert!(peak <= MEMORY, "{} of {} MiB were resident at most", peak >> 20, MEMORY >> 20);
    wait_until("the descriptors to go back to what they were", || {
        descriptors(&bed) <= descriptors_before
    });
    wait_until("the bed to be healthy", || unhealthy(&bed).is_none());
    download(&bed, fixture, Client::Aria2);
}

/// Tells the attackers that the attack is over once it is dropped.
struct EndOfAttack<'a>(&'a AtomicBool);

impl Drop for EndOfAttack<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn download(bed: &Bed, fixture: &Fixture, client: Client) {
    let directory = tempfile::tempdir().unwrap();
    client.download(&fixture.magnet_over("http"), directory.path(), Connect::Tcp);
    for (path, wanted) in &fixture.files {
        let downloaded = sha256_file(&directory.path().join(path));
        assert_eq!(&downloaded, wanted, "{path} as {client:?} got it from {}", bed.0.pid());
    }
}

/// What a server says in `/health` if it is not healthy.
fn unhealthy(bed: &Bed) -> Option<String> {
    ["seedbed-tracker", "seedbed-seeder", "seedbed-range"].iter().find_map(|role| {
        let health = get(&bed.url(role, "/health"));
        let healthy = health.status == 200 && health.json()["status"] == "healthy";
        (!healthy).then(|| format!("{role}: {}", health.text()))
    })
}

fn no_peers(bed: &Bed) -> bool {
    let peers = get_json(&bed.url("seedbed-seeder", "/peers"));
    // One that left is listed for a while, and marked.
    peers.as_array().unwrap().iter().all(|peer| !peer["left"].is_null())
}

/// How many descriptors the bed has open.
fn descriptors(bed: &Bed) -> usize {
    fs::read_dir(format!("/proc/{}/fd", bed.0.pid())).unwrap().count()
}

/// Most bytes that the bed has ever had resident.
fn memory_peak(bed: &Bed) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", bed.0.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes << 10
}
