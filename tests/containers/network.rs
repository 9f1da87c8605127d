//! What a client sees of a network that is slow, lossy, cut, or behind a router.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use seedbed_testkit::wait_until;
use seedbed_tests::{
    bed::Fixture,
    containers::{Bed, beside_others, docker, figure, inspect, try_docker},
};
use serde_json::{Value, json};

use crate::client::{Download, shell};

/// A bed with its profile `network`, whose tracker asks for an announce each second.
fn bed() -> Bed {
    Bed::new(&[("SEEDBED_INTERVAL", "1")]).with_network().up()
}

/// The network that the bed's servers are in.
fn network(bed: &Bed) -> String {
    format!("{}_bed", bed.project)
}

/// The network behind the gateway, as clients join it.
fn lan(bed: &Bed) -> String {
    format!("container:{}", bed.container("lan"))
}

/// Runs a command of the sidecar of the seeder.
fn conditions(bed: &Bed, args: &[&str]) -> String {
    docker(&[&["exec", &bed.container("conditions"), "conditions"], args].concat())
}

fn torrent(bed: &Bed, name: &str) -> Fixture {
    bed.videos().into_iter().find(|fixture| fixture.name == name).unwrap()
}

fn uploaded(bed: &Bed, torrent: &Fixture) -> u64 {
    bed.seeder(&format!("/torrents/{}", torrent.hash))["uploaded"].as_u64().unwrap()
}

/// Packets that the sidecar has thrown away.
fn lost(bed: &Bed) -> u64 {
    let show = conditions(bed, &["show"]);
    let counters = show.split("counter packets ").skip(1);
    counters.map(|rest| rest.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The peers that the tracker lists and that still have to get something.
fn leechers(bed: &Bed, torrent: &Fixture) -> Vec<Value> {
    let swarm = bed.tracker(&format!("/api/torrents/{}", torrent.hash));
    let peers = swarm["peers"].as_array().unwrap().iter();
    peers.filter(|peer| peer["left"] != 0).cloned().collect()
}

fn host(address: &Value) -> String {
    address.as_str().unwrap().parse::<SocketAddr>().unwrap().ip().to_canonical().to_string()
}

/// A container's address in a network.
fn address(container: &str, network: &str) -> String {
    let networks = &inspect(container)["NetworkSettings"]["Networks"];
    networks[network]["IPAddress"].as_str().unwrap().to_owned()
}

/// Whether a client's container reaches the seeder. It has a second for it.
fn reaches_the_seeder(client: &Download) -> bool {
    let probe = ["curl", "-s", "-o", "/dev/null", "--max-time", "1", "http://seeder:3001/health"];
    try_docker(&[&["exec", client.container()], &probe[..]].concat()).status.success()
}

/// What a client's files hold.
fn files(client: &Download) -> String {
    docker(&["exec", client.container(), "sh", "-c", "sha256sum /downloads/*.mp4"])
}

/// Starts a client that takes 20 s for the large video, and returns when it has a part of it. It
/// writes what it gets at once.
fn start_download(bed: &Bed, network: &str, torrent: &Fixture) -> Download {
    conditions(bed, &["set", "--rate", "8000"]);
    let client = Download::start(network, std::slice::from_ref(torrent), "--disk-cache=0");
    wait_until("the client to have a part", || uploaded(bed, torrent) > 1 << 20);
    assert!(client.is_running());
    client
}

#[test]
fn a_rate_holds_a_transfer_back_until_it_is_cleared() {
    const BITS: f64 = 16e6;
    let _guard = beside_others();
    let settings =
        [("SEEDBED_CONDITIONS_TARGET", "range"), ("SEEDBED_CONDITIONS", "set --rate 16000")];
    let bed = Bed::new(&settings).with_network().up();
    let transfer = || {
        let script = "curl -sf -o /dev/null -w '%{size_download} %{time_total}' \
            http://range:3002/test-medium-1080p.mp4";
        let printed = shell(&network(&bed), script);
        let (bytes, seconds) = printed.split_once(' ').unwrap();
        let (bytes, seconds): (f64, f64) = (bytes.parse().unwrap(), seconds.parse().unwrap());
        assert_eq!(bytes, 5_242_880.0);
        8.0 * bytes / seconds / BITS
    };
    let limited = transfer();
    conditions(&bed, &["clear"]);
    let free = transfer();
    figure(format!("{limited:.3} of the rate with it set, {free:.1} without"));
    // The first 20 kB are for nothing, and headers of packets count.
    assert!(limited < 1.01, "{limited}");
    assert!(free > 2.0, "{free}");
}

#[test]
fn a_download_completes_though_packets_are_lost() {
    let _guard = beside_others();
    let bed = bed();
    let torrents = [torrent(&bed, "test-medium-1080p")];
    conditions(&bed, &["set", "--loss", "2.5"]);
    let before = lost(&bed);
    Download::start(&network(&bed), &torrents, "").finish(&torrents);
    let lost = lost(&bed) - before;
    figure(format!("{lost} packets lost"));
    assert!(lost > 0);
}

#[test]
fn nothing_comes_through_a_partition_and_the_rest_when_it_heals() {
    let _guard = beside_others();
    let bed = bed();
    let large = torrent(&bed, "test-large-4k");
    let client = start_download(&bed, &network(&bed), &large);
    let seen = || leechers(&bed, &large).first().map(|peer| peer["lastSeen"].clone());

    conditions(&bed, &["partition", &address(client.container(), &network(&bed))]);
    // What was on its way when the partition came is there by the next announce.
    let mut last = seen();
    let mut announced = |what: &str| {
        wait_until(what, || seen() != last);
        last = seen();
    };
    announced("the client to announce in the partition");
    let (before, had, tried) = (uploaded(&bed, &large), files(&client), lost(&bed));
    for _ in 0..3 {
        announced("the client to announce again");
        assert!(!reaches_the_seeder(&client));
        assert_eq!(uploaded(&bed, &large), before);
        assert_eq!(files(&client), had);
    }
    assert!(lost(&bed) > tried, "something was tried");

    conditions(&bed, &["heal"]);
    conditions(&bed, &["clear"]);
    client.finish(&[large]);
}

#[test]
fn a_client_behind_nat_completes_and_is_listed_with_the_address_of_the_router() {
    let _guard = beside_others();
    let bed = bed();
    let large = torrent(&bed, "test-large-4k");
    let client = start_download(&bed, &lan(&bed), &large);
    let router = BTreeSet::from([address(&bed.container("gateway"), &network(&bed))]);
    let peers = leechers(&bed, &large);
    let listed: BTreeSet<_> = peers.iter().map(|peer| host(&peer["address"])).collect();
    assert_eq!(listed, router);
    let peers = bed.seeder("/peers");
    let connected = peers.as_array().unwrap().iter().map(|peer| host(&peer["address"]));
    assert_eq!(connected.collect::<BTreeSet<_>>(), router);
    // Who is outside has no way in.
    let inside = address(&bed.container("lan"), &format!("{}_lan", bed.project));
    let refused = shell(&network(&bed), &format!("curl -s --max-time 1 {inside}:6881 || echo $?"));
    assert_eq!(refused, "28", "curl's code for too late");
    conditions(&bed, &["clear"]);
    client.finish(&[large]);
}

#[test]
fn no_peer_traffic_passes_while_the_gateway_is_stopped() {
    let _guard = beside_others();
    let bed = bed();
    let large = torrent(&bed, "test-large-4k");
    let client = start_download(&bed, &lan(&bed), &large);
    assert!(reaches_the_seeder(&client));

    let gateway = bed.container("gateway");
    docker(&["stop", &gateway]);
    assert!(!reaches_the_seeder(&client));
    let (before, had) = (uploaded(&bed, &large), files(&client));
    for _ in 0..3 {
        assert!(!reaches_the_seeder(&client));
        assert_eq!(uploaded(&bed, &large), before);
        assert_eq!(files(&client), had);
    }

    docker(&["start", &gateway]);
    bed.wait_until_healthy();
    // It may have another address.
    docker(&["exec", &bed.container("lan"), "conditions", "route", "lan-gateway"]);
    wait_until("the client to reach the seeder", || reaches_the_seeder(&client));
    conditions(&bed, &["clear"]);
    client.finish(&[large]);
}

#[test]
#[ignore = "needs netem, which not every kernel has; tests/run.sh runs it where there is"]
fn a_delay_is_added_to_every_round_trip() {
    let _guard = beside_others();
    let bed = bed();
    let connect = || {
        let script = "curl -s -o /dev/null -w '%{time_connect}' http://seeder:3001/health";
        Duration::from_secs_f64(shell(&network(&bed), script).parse().unwrap())
    };
    conditions(&bed, &["set", "--delay", "300", "--jitter", "0", "--reorder", "5"]);
    assert!(conditions(&bed, &["show"]).contains("netem"));
    assert!(connect() >= Duration::from_millis(300));
    conditions(&bed, &["clear"]);
    assert!(connect() < Duration::from_millis(300));
}

#[test]
fn the_sidecars_alone_may_change_networks_and_nothing_else() {
    let _guard = beside_others();
    let bed = bed();
    for (service, added) in [
        ("tracker", Value::Null),
        ("seeder", Value::Null),
        ("range", Value::Null),
        ("conditions", json!(["NET_ADMIN"])),
        ("gateway", json!(["NET_ADMIN"])),
        ("lan", json!(["NET_ADMIN"])),
    ] {
        let host = inspect(&bed.container(service))["HostConfig"].take();
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{service}");
        assert_eq!(host["CapAdd"], added, "{service}");
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["Privileged"], false, "{service}");
    }
}

/// Runs a command of `conditions` in a network of its own, and gives its exit code and output.
fn try_conditions(args: &[&str]) -> (i32, String) {
    let run = ["run", "--rm", "--network", "none", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"];
    let image = ["--env", "INTERFACE=lo", "seedbed-network"];
    let output = try_docker(&[&run[..], &image, args].concat());
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_wrong_condition_is_refused_with_the_name_of_the_flag() {
    let _guard = beside_others();
    for (args, wanted) in [
        (&["set", "--rate", "fast"][..], "--rate: wanted a whole number, got \"fast\""),
        (&["set", "--loss", "100.1"], "--loss: wanted at most 100, got 100.1"),
        (&["set", "--jitter", "5"], "--jitter and --reorder: wanted --delay with them"),
        (&["partition", "seeder; true"], "wanted an IP address, got \"seeder; true\""),
        (&["set", "--rte", "5"], "set: unknown flag --rte; wanted --rate, --loss,"),
        (&["set", "--rate"], "--rate: wanted a value"),
        (&["route"], "route: wanted one gateway"),
        (&["sett"], "unknown command sett"),
    ] {
        let (code, text) = try_conditions(args);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains(wanted), "{args:?}: {text}");
    }
}

#[test]
fn a_condition_that_the_kernel_does_not_support_has_an_exit_code_of_its_own() {
    let _guard = beside_others();
    let (code, features) = try_conditions(&["supports"]);
    assert_eq!(code, 0, "{features}");
    for (feature, flags) in
        [("tbf", ["--rate", "1000"]), ("loss", ["--loss", "1"]), ("netem", ["--delay", "10"])]
    {
        let is_there = features.lines().any(|line| line == format!("{feature} yes"));
        let is_missing = features.lines().any(|line| line == format!("{feature} no"));
        assert!(is_there != is_missing, "{features}");
        figure(format!("{feature}: {is_there}"));
        let (code, text) = try_conditions(&[&["set"], &flags[..]].concat());
        assert_eq!(code, if is_there { 0 } else { 3 }, "{feature}: {text}");
    }
}
