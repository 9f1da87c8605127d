//! How a bed comes up, goes, and comes back.

use std::{collections::BTreeMap, fs, time::Instant};

use seedbed_testkit::wait_until;
use seedbed_tests::containers::{Bed, alone, beside_others, docker, figure, inspect, try_docker};
use serde_json::Value;

use crate::client::shell;

/// Resident memory of a container's process, in bytes.
fn resident(container: &str) -> u64 {
    let pid = inspect(container)["State"]["Pid"].as_u64().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_bed_is_healthy_within_three_seconds_and_takes_less_than_60_mb() {
    let _guard = alone();
    // The fastest of three: whatever else this machine does is not the bed's.
    let mut fastest = f64::INFINITY;
    let mut last = None;
    for _ in 0..3 {
        drop(last.take());
        let bed = Bed::new(&[]);
        let begun = Instant::now();
        last = Some(bed.up());
        let took = begun.elapsed().as_secs_f64();
        figure(format_args!("from `up -d` to all healthy: {took:.2} s (at most 3)"));
        fastest = fastest.min(took);
    }
    let bed = last.unwrap();
    let mut sum = 0;
    for service in ["tracker", "seeder", "range"] {
        let bytes = resident(&bed.container(service));
        figure(format_args!("{service}: {:.1} MB resident", bytes as f64 / 1e6));
        sum += bytes;
    }
    figure(format_args!("in sum: {:.1} MB (at most 60)", sum as f64 / 1e6));
    assert!(fastest < 3.0, "healthy after {fastest:.2} s");
    assert!(sum < 60_000_000, "{sum} bytes");
}

#[test]
fn down_leaves_no_container_network_or_volume() {
    let _guard = beside_others();
    // With a volume of its own.
    let bed = Bed::new(&[("SEEDBED_VIDEOS", "videos"), ("COMPOSE_PROFILES", "tracker")]);
    bed.compose(&["up", "-d"]);
    docker(&[
        "volume",
        "create",
        "--label",
        &format!("com.docker.compose.project={}", bed.project),
        &format!("{}_videos", bed.project),
    ]);
    assert!(!things_of(&bed).is_empty());
    bed.down();
    assert_eq!(things_of(&bed), [""; 0]);
}

/// All that belongs to a project.
fn things_of(bed: &Bed) -> Vec<String> {
    let name = format!("name={}", bed.project);
    let mut things = bed.containers();
    for kind in ["network", "volume"] {
        let list = docker(&[kind, "ls", "--quiet", "--filter", &name]);
        things.extend(list.lines().map(str::to_owned));
    }
    things
}

#[test]
fn a_bed_that_was_killed_starts_again() {
    let _guard = beside_others();
    let bed = Bed::new(&[("SEEDBED_NAMESPACE", "killed")]).up();
    let hashes = |bed: &Bed| -> BTreeMap<String, String> {
        bed.videos().into_iter().map(|video| (video.name, video.hash)).collect()
    };
    let before = hashes(&bed);
    bed.compose(&["kill", "-s", "SIGKILL"]);
    bed.compose(&["up", "-d"]);
    bed.wait_until_healthy();
    assert_eq!(hashes(&bed), before);
    wait_until("the tracker to list them all again", || {
        let list = bed.tracker("/api/torrents");
        list.as_array().unwrap().iter().filter(|torrent| torrent["complete"] == 1).count()
            >= before.len()
    });
}

#[test]
fn an_internal_bed_publishes_nothing_and_works_inside() {
    let _guard = beside_others();
    let bed = Bed::new(&[("SEEDBED_INTERNAL", "true")]).up();
    let network = bed.network();
    assert_eq!(inspect(&network)["Internal"], true);
    // Inside, all is there.
    let health = shell(&network, "curl -sf http://seeder:3001/health");
    assert_eq!(serde_json::from_str::<Value>(&health).unwrap()["status"], "healthy");
    for service in ["tracker", "seeder", "range"] {
        let ports = docker(&["port", &bed.container(service)]);
        assert_eq!(ports, "", "{service} publishes nothing");
    }
}

#[test]
fn ports_are_published_on_loopback_alone() {
    let _guard = beside_others();
    let bed = Bed::new(&[]).up();
    for (service, port) in
        [("tracker", "8000/tcp"), ("tracker", "8000/udp"), ("seeder", "6881/tcp")]
    {
        let published = docker(&["port", &bed.container(service), port]);
        assert!(published.starts_with("127.0.0.1:"), "{service}: {published}");
    }
    let output = try_docker(&["port", &bed.container("range"), "3002/tcp"]);
    let address = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let url = format!("http://{address}/test-small-720p.mp4").parse().unwrap();
    assert_eq!(seedbed_testkit::get(&url).body.len(), 1_048_576);
}
