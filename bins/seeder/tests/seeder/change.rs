//! Adding and taking away.

use std::{fs, thread};

use seedbed_testkit::{eventually, get, get_json, sha256};
use serde_json::json;

use crate::{
    common::{
        content, hash, healthy, post, seeder, send, synthetic, torrent, torrent_file, tracked,
        tracker,
    },
    peer::Peer,
};

#[test]
fn a_torrent_is_added_by_its_path_and_seeds_and_is_tracked_once_that_is_answered() {
    let content = content(&["a.bin"]);
    let (tracker, announce) = tracker();
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--announce", &announce]);
    fs::create_dir(content.path().join("sub")).unwrap();
    fs::write(content.path().join("sub/new.bin"), "new").unwrap();
    let wanted = json!({"path": "sub/new.bin"});
    let added = send(&seeder, "POST", "/torrents", Some(&wanted));
    assert_eq!(added.status, 201, "{}", added.text());
    let view = added.json();
    let hash = view["hash"].as_str().unwrap();
    assert_eq!(added.header("location"), Some(&*format!("/torrents/{hash}")));
    assert_eq!((&view["name"], &view["state"]), (&"new".into(), &"seeding".into()));
    assert_eq!(tracked(&tracker, hash).len(), 1);
    let mut peer = Peer::connect(seeder.address("tcp"), hash).unwrap();
    peer.interested().unwrap();
    peer.ask(0, 0, 3).unwrap();
    assert_eq!(peer.block().unwrap(), b"new");

    // The same again changes nothing.
    let again = send(&seeder, "POST", "/torrents", Some(&wanted));
    assert_eq!((again.status, &again.json()["hash"]), (200, &view["hash"]));
    assert_eq!(get_json(&seeder.url("/torrents")).as_array().unwrap().len(), 2);
}

#[test]
fn synthetic_content_is_added_with_a_name_a_piece_length_and_private() {
    let seeder = seeder(&["--synthetic", "first=1KiB"]);
    let wanted = json!({
        "synthetic": {"name": "big.bin", "size": 100_000, "seed": 7},
        "name": "mine", "pieceLength": 32768, "private": true,
    });
    let view = post(&seeder, "/torrents", Some(&wanted));
    assert_eq!(
        (&view["name"], &view["pieces"], &view["seed"]),
        (&"mine".into(), &4.into(), &7.into())
    );
    assert_eq!(view["files"][0]["sha256"], sha256(&synthetic(7, 100_000)).as_str());
    assert!(torrent_file(&seeder, "mine").contains("7:privatei1e"));
    assert_eq!(torrent(&seeder, "big.bin")["hash"], view["hash"]);
}

#[test]
fn what_cannot_be_added_is_refused_with_the_field_at_fault() {
    let content = content(&["a.bin", "b/a.bin"]);
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--synthetic", "s=1KiB"]);
    std::os::unix::fs::symlink("/etc", content.path().join("out")).unwrap();
    fs::create_dir(content.path().join("empty")).unwrap();
    fs::write(content.path().join("empty/.hidden"), "hidden").unwrap();
    fs::create_dir(content.path().join("back\\slash")).unwrap();
    fs::write(content.path().join("back\\slash/a"), "a").unwrap();
    let synthetic = |size| json!({"synthetic": {"name": "x", "size": size}});
    for (status, body, wanted) in [
        (400, json!({}), "wanted path or synthetic, got neither"),
        (400, json!({"path": "a.bin", "synthetic": {"name": "x", "size": 1}}), "got both"),
        (400, json!({"path": 1}), "path: invalid type"),
        (400, json!({"pth": "a.bin"}), "pth: unknown field"),
        (400, json!({"path": "../a.bin"}), "path: wanted a relative path"),
        (400, json!({"path": "/etc/passwd"}), "path: wanted a relative path"),
        (400, json!({"path": "empty/.hidden"}), "path: wanted a relative path"),
        (400, json!({"path": "out"}), "path: wanted a file or folder that can be seeded: "),
        (400, json!({"path": "out/passwd"}), "a symbolic link to outside"),
        (400, json!({"path": "empty"}), "is empty"),
        (404, json!({"path": "missing.bin"}), "path: no such file or folder: missing.bin"),
        (400, json!({"path": "a.bin", "pieceLength": 5}), "pieceLength: wanted a piece length"),
        (400, json!({"path": "a.bin", "pieceLength": -1}), "pieceLength: invalid value"),
        (400, json!({"path": "a.bin", "private": "yes"}), "private: invalid type"),
        (400, json!({"path": "a.bin", "name": ""}), "name: wanted a name of 1 to 255 bytes"),
        (400, json!({"path": "a.bin", "name": ".."}), "name: wanted a name"),
        (400, json!({"path": "a.bin", "name": "a\u{1b}[2J"}), "name: wanted a name"),
        (400, json!({"path": "a.bin", "name": "\u{202e}4pm.exe"}), "name: wanted a name"),
        (400, json!({"synthetic": {"name": "C:\\x", "size": 1}}), "synthetic: name: wanted a name"),
        (404, json!({"path": "C:\\x"}), "path: no such file or folder"),
        (400, json!({"path": "back\\slash"}), "wanted a name without a backslash"),
        (400, synthetic(0), "synthetic: wanted a length from 1"),
        (400, synthetic((64_u64 << 30) + 1), "synthetic: wanted at most 68719476736 bytes"),
        (400, json!({"synthetic": {"name": "a/b", "size": 1}}), "synthetic: name: wanted a name"),
        (400, json!({"synthetic": {"name": "x"}}), "synthetic: missing field `size`"),
        (409, json!({"path": "b/a.bin", "name": "s"}), "name: s is the name of another torrent"),
        (409, json!({"path": "b/a.bin", "name": "a"}), "name: a is the name of another torrent"),
        (
            409,
            json!({"path": "a.bin", "name": "other"}),
            "name: the torrent exists already, by the name a",
        ),
    ] {
        let answer = send(&seeder, "POST", "/torrents", Some(&body));
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        let error = answer.json();
        assert_eq!(error["status"], status);
        assert!(error["error"].as_str().unwrap().contains(wanted), "{body}: {error}");
    }
    let not_json = send(&seeder, "POST", "/torrents", None);
    assert_eq!(not_json.status, 400);
    let long = json!({"path": "x".repeat(70_000)});
    assert_eq!(send(&seeder, "POST", "/torrents", Some(&long)).status, 413);
    assert_eq!(get_json(&seeder.url("/torrents")).as_array().unwrap().len(), 3, "none was added");
}

#[test]
fn a_file_that_shares_a_stem_goes_by_its_whole_name() {
    let content = content(&["a.mp4"]);
    let seeder = seeder(&["--content", content.path().to_str().unwrap()]);
    fs::write(content.path().join("a.srt"), "1").unwrap();
    assert_eq!(post(&seeder, "/torrents", Some(&json!({"path": "a.srt"})))["name"], "a.srt");
}

#[test]
fn a_torrent_that_is_deleted_is_gone_from_the_tracker_and_for_peers_and_can_come_again() {
    let content = content(&["a.bin", "b.bin"]);
    let (tracker, announce) = tracker();
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--announce", &announce]);
    healthy(&seeder);
    let hash = hash(&seeder, "a");
    let mut peer = Peer::connect(seeder.address("tcp"), &hash).unwrap();
    peer.interested().unwrap();

    let deleted = send(&seeder, "DELETE", "/torrents/a", None);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert!(tracked(&tracker, &hash).is_empty());
    peer.end();
    assert!(Peer::connect(seeder.address("tcp"), &hash).is_err());
    for path in ["/torrents/a", &format!("/torrents/{hash}"), "/torrents/a.torrent"] {
        assert_eq!(get(&seeder.url(path)).status, 404, "{path}");
    }
    assert_eq!(send(&seeder, "DELETE", "/torrents/a", None).status, 404);
    assert_eq!(get_json(&seeder.url("/health"))["seedingTorrents"], 1);

    let again = send(&seeder, "POST", "/torrents", Some(&json!({"path": "a.bin"})));
    assert_eq!((again.status, again.json()["hash"].as_str()), (201, Some(&*hash)));
    assert_eq!(tracked(&tracker, &hash).len(), 1);
    let mut peer = Peer::connect(seeder.address("tcp"), &hash).unwrap();
    peer.interested().unwrap();
    peer.ask(0, 0, 5).unwrap();
    assert_eq!(peer.block().unwrap(), b"a.bin");

    assert_eq!(send(&seeder, "DELETE", "/torrents", None).status, 204);
    assert_eq!(get_json(&seeder.url("/torrents")), json!([]));
    assert_eq!(get_json(&seeder.url("/health"))["status"], "healthy");
}

#[test]
fn a_torrent_is_listed_while_it_is_hashed_and_can_be_deleted_then() {
    let seeder = seeder(&["--synthetic", "small=1KiB"]);
    // Small pieces, so that the first of them is soon hashed.
    let synthetic = json!({"name": "huge", "size": 64_u64 << 30});
    let wanted = json!({"synthetic": synthetic, "pieceLength": 1 << 20});
    thread::scope(|scope| {
        let adding = scope.spawn(|| send(&seeder, "POST", "/torrents", Some(&wanted)));
        let view = eventually("some of it to be hashed", || {
            let response = get(&seeder.url("/torrents/huge"));
            (response.status == 200).then(|| response.json()).filter(|view| view["hashed"] != 0.0)
        });
        assert_eq!(view["state"], "hashing");
        assert!(view["hashed"].as_f64().unwrap() < 1.0);
        assert!(view.get("hash").is_none());
        assert_eq!(get(&seeder.url("/torrents/huge.torrent")).status, 409);
        assert_eq!(get_json(&seeder.url("/torrents/huge/peers")), json!([]));
        // Meanwhile the others are to be had, but not all is well.
        assert_eq!(torrent(&seeder, "small")["state"], "seeding");
        let health = get(&seeder.url("/health"));
        assert_eq!((health.status, &health.json()["status"]), (503, &"degraded".into()));
        assert_eq!(send(&seeder, "DELETE", "/torrents/huge", None).status, 204);
        let added = adding.join().unwrap();
        assert_eq!(added.status, 409, "{}", added.text());
        assert!(added.text().contains("removed"), "{}", added.text());
    });
    assert_eq!(get(&seeder.url("/health")).status, 200);
}

#[test]
fn an_addition_that_is_cut_short_by_a_removal_is_a_conflict() {
    let seeder = seeder(&["--synthetic", "other=1KiB"]);
    let wanted = json!({"synthetic": {"name": "new", "size": 2 << 20}});
    for _ in 0..10 {
        thread::scope(|scope| {
            let adding = scope.spawn(|| send(&seeder, "POST", "/torrents", Some(&wanted)));
            eventually("the torrent to be there", || {
                (send(&seeder, "DELETE", "/torrents/new", None).status == 204).then_some(())
            });
            let added = adding.join().unwrap();
            // It may have been complete just before.
            assert!([201, 409].contains(&added.status), "{}", added.text());
        });
    }
}
