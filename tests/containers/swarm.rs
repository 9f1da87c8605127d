//! Clients in containers of their own download from a bed.

use std::{collections::BTreeSet, net::SocketAddr};

use seedbed_testkit::{get_json, request, wait_until};
use seedbed_tests::{
    bed::Fixture,
    containers::{Bed, beside_others, docker, inspect},
};
use serde_json::Value;
use url::Url;

use crate::client::Download;

/// The tracker asks for an announce each second, so that nothing is waited for long.
const SOON: (&str, &str) = ("SEEDBED_INTERVAL", "1");

fn download(bed: &Bed, torrents: &[Fixture]) {
    Download::start(&bed.network(), torrents, "").finish(torrents);
}

fn post(bed: &Bed, path: &str) {
    let url = bed.url("seeder", 3001, path);
    let address = *url.socket_addrs(|| None).unwrap().first().unwrap();
    let response = request(address, &format!("POST {path} HTTP/1.1\nContent-Length: 0"));
    assert!((200..300).contains(&response.status), "POST {path}: {}", response.text());
}

/// What the tracker says of a torrent.
fn swarm(bed: &Bed, torrent: &Fixture) -> Value {
    bed.tracker(&format!("/api/torrents/{}", torrent.hash))
}

#[test]
fn a_client_downloads_all_three_by_magnet_link_before_and_after_the_tracker_is_killed() {
    let _guard = beside_others();
    let bed = Bed::new(&[SOON]).up();
    let torrents = bed.videos();
    download(&bed, &torrents);

    let (tracker, seeder) = (bed.container("tracker"), bed.container("seeder"));
    let started = inspect(&seeder)["State"]["StartedAt"].clone();
    docker(&["kill", "--signal", "KILL", &tracker]);
    docker(&["start", &tracker]);
    bed.wait_until_healthy();
    wait_until("the tracker to list the seeder again", || {
        let list = bed.tracker("/api/torrents");
        let list = list.as_array().unwrap();
        torrents.iter().all(|torrent| {
            let is_it = |listed: &&Value| listed["infohash"] == torrent.hash.as_str();
            list.iter().find(is_it).is_some_and(|listed| listed["complete"] == 1)
        })
    });
    download(&bed, &torrents);
    assert_eq!(inspect(&seeder)["State"]["StartedAt"], started, "nobody touched the seeder");
}

#[test]
fn a_client_waits_for_a_paused_seeder_and_completes_when_it_resumes() {
    let _guard = beside_others();
    let bed = Bed::new(&[SOON]).up();
    let torrents = bed.videos();
    post(&bed, "/pause");
    let client = Download::start(&bed.network(), &torrents[..1], "");
    let announced = || swarm(&bed, &torrents[0])["peers"].as_array().map_or(0, Vec::len);
    wait_until("the client to announce", || announced() == 1);
    // It announces again and again, and gets nothing.
    let first = swarm(&bed, &torrents[0])["peers"][0]["lastSeen"].clone();
    wait_until("the client to announce again", || {
        swarm(&bed, &torrents[0])["peers"][0]["lastSeen"] != first
    });
    assert!(client.is_running());
    assert_eq!(bed.seeder(&format!("/torrents/{}", torrents[0].hash))["uploaded"], 0);
    post(&bed, "/resume");
    client.finish(&torrents[..1]);
}

/// The addresses of all peers in all swarms of a tracker, and the infohashes.
fn listed(tracker: &Url) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut hosts, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for torrent in get_json(&tracker.join("/api/torrents").unwrap()).as_array().unwrap() {
        let hash = torrent["infohash"].as_str().unwrap();
        hashes.insert(hash.to_owned());
        let swarm = get_json(&tracker.join(&format!("/api/torrents/{hash}")).unwrap());
        hosts.extend(swarm["peers"].as_array().unwrap().iter().map(|peer| host(&peer["address"])));
    }
    (hosts, hashes)
}

fn host(address: &Value) -> String {
    address.as_str().unwrap().parse::<SocketAddr>().unwrap().ip().to_canonical().to_string()
}

#[test]
fn two_beds_at_once_never_see_a_peer_of_each_other() {
    let _guard = beside_others();
    let beds = ["one", "two"].map(|run| Bed::new(&[SOON, ("SEEDBED_NAMESPACE", run)]).up());
    let torrents = beds.each_ref().map(Bed::videos);
    // Slow enough that both are looked at while both download.
    let clients = [0, 1].map(|i| {
        Download::start(&beds[i].network(), &torrents[i][..], "--max-overall-download-limit=4M")
    });
    let mut seen = [(BTreeSet::new(), BTreeSet::new()), (BTreeSet::new(), BTreeSet::new())];
    let mut connected = [BTreeSet::new(), BTreeSet::new()];
    let urls = beds
        .each_ref()
        .map(|bed| (bed.url("tracker", 8000, "/"), bed.url("seeder", 3001, "/peers")));
    wait_until("both to download", || {
        for (i, (tracker, peers)) in urls.iter().enumerate() {
            let (hosts, hashes) = listed(tracker);
            seen[i].0.extend(hosts);
            seen[i].1.extend(hashes);
            let peers = get_json(peers);
            connected[i]
                .extend(peers.as_array().unwrap().iter().map(|peer| host(&peer["address"])));
        }
        !clients.iter().any(Download::is_running)
    });
    for (client, torrents) in clients.into_iter().zip(&torrents) {
        client.finish(torrents);
    }
    for i in [0, 1] {
        // The seeder and the client, both of this bed's network.
        assert_eq!(seen[i].0.len(), 2, "{:?}", seen[i].0);
        assert_eq!(connected[i].len(), 1, "{:?}", connected[i]);
        assert!(connected[i].is_subset(&seen[i].0));
    }
    assert!(seen[0].0.is_disjoint(&seen[1].0));
    assert!(seen[0].1.is_disjoint(&seen[1].1));
}
