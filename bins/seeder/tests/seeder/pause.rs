//! Pausing and resuming: "stop the seeder for a while".

use seedbed_testkit::{eventually, get, get_json};

use crate::{
    common::{content, hash, healthy, post, seeder, send, torrent, tracked, tracker},
    peer::Peer,
};

#[test]
fn a_paused_torrent_sends_nothing_is_gone_from_the_tracker_and_is_back_once_resumed() {
    let content = content(&["a.bin", "b.bin"]);
    let (tracker, announce) = tracker();
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--announce", &announce]);
    healthy(&seeder);
    let (a, b) = (hash(&seeder, "a"), hash(&seeder, "b"));
    let address = seeder.address("tcp");
    let mut connected = Peer::connect(address, &a).unwrap();
    connected.interested().unwrap();
    let mut other = Peer::connect(address, &b).unwrap();

    let paused = post(&seeder, "/torrents/a/pause", None);
    assert_eq!((&paused["state"], &paused["peers"]), (&"paused".into(), &0.into()));
    assert!(tracked(&tracker, &a).is_empty(), "the tracker has been told");
    let _asked_in_vain = connected.ask(0, 0, 5);
    assert_eq!(connected.end(), 0, "no byte more");
    assert!(Peer::connect(address, &a).is_err(), "nor a handshake");
    assert_eq!(torrent(&seeder, "a")["uploaded"], 0);

    // The other torrent is not touched, and nothing is wrong.
    assert_eq!(tracked(&tracker, &b).len(), 1);
    other.interested().unwrap();
    let health = get(&seeder.url("/health"));
    assert_eq!((health.status, &health.json()["seedingTorrents"]), (200, &1.into()));
    assert_eq!(health.json()["knownHashes"].as_array().unwrap().len(), 2);

    assert_eq!(post(&seeder, "/torrents/a/resume", None)["state"], "seeding");
    assert_eq!(tracked(&tracker, &a).len(), 1);
    let mut peer = Peer::connect(address, &a).unwrap();
    peer.interested().unwrap();
    peer.ask(0, 0, 5).unwrap();
    assert_eq!(peer.block().unwrap(), b"a.bin");
    // What was uploaded counts on.
    eventually("the block to be counted", || {
        (torrent(&seeder, "a")["uploaded"] == 5).then_some(())
    });
    post(&seeder, "/torrents/a/pause", None);
    assert_eq!(torrent(&seeder, "a")["uploaded"], 5);
}

#[test]
fn all_are_paused_and_resumed_at_once_and_doing_so_twice_changes_nothing() {
    let content = content(&["a.bin", "b.bin", "c.bin"]);
    let (tracker, announce) = tracker();
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--announce", &announce]);
    healthy(&seeder);
    let seeders = || get_json(&tracker.url("/stats.json"))["peersSeederOnly"].clone();
    for _ in 0..2 {
        let torrents = post(&seeder, "/pause", None);
        assert!(torrents.as_array().unwrap().iter().all(|torrent| torrent["state"] == "paused"));
        assert_eq!(seeders(), 0);
    }
    for _ in 0..2 {
        let torrents = post(&seeder, "/resume", None);
        assert!(torrents.as_array().unwrap().iter().all(|torrent| torrent["state"] == "seeding"));
        assert_eq!(seeders(), 1);
    }
    assert_eq!(get_json(&seeder.url("/health"))["seedingTorrents"], 3);
}

#[test]
fn pausing_what_is_not_there_is_404_and_with_get_405() {
    let seeder = seeder(&["--synthetic", "a=1KiB"]);
    for call in ["pause", "resume"] {
        let unknown = send(&seeder, "POST", &format!("/torrents/b/{call}"), None);
        assert_eq!((unknown.status, unknown.json()["status"].as_u64()), (404, Some(404)));
        for path in [format!("/torrents/a/{call}"), format!("/{call}")] {
            let refused = get(&seeder.url(&path));
            assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")), "{path}");
            assert_eq!(refused.json()["error"], "wanted one of POST");
        }
    }
}

#[test]
fn a_tracker_that_is_away_does_not_hold_up_pause_or_resume() {
    let seeder = seeder(&["--synthetic", "a=1KiB", "--announce", "http://127.0.0.1:9/announce"]);
    assert_eq!(post(&seeder, "/torrents/a/pause", None)["state"], "paused");
    assert_eq!(post(&seeder, "/torrents/a/resume", None)["state"], "seeding");
    let health = get(&seeder.url("/health"));
    assert_eq!(health.status, 503);
    assert!(health.json()["reason"].as_str().unwrap().contains("127.0.0.1:9"));
}
