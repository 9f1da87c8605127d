//! The list of peers, and the bytes sent to each.

use seedbed_testkit::{eventually, get_json};
use serde_json::{Value, json};

use crate::{
    common::{addresses, content, hash, seeder},
    peer::{PEER_ID, Peer},
};

#[test]
fn a_peer_is_listed_with_its_client_and_what_it_got_until_it_goes() {
    let content = content(&["a.bin", "b.bin"]);
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--seeders", "2"]);
    let hash = hash(&seeder, "a");
    assert_eq!(get_json(&seeder.url("/peers")), json!([]));
    let second = addresses(&seeder, "tcp")[1];
    let mut peer = Peer::connect(second, &hash).unwrap();
    let listed = |wanted: fn(&Value) -> bool| {
        eventually("the peer to be listed so", || {
            let peers = get_json(&seeder.url("/torrents/a/peers"));
            peers.as_array().unwrap().first().filter(|peer| wanted(peer)).cloned()
        })
    };
    let before = listed(|_| true);
    for (key, value) in [
        ("hash", json!(hash)),
        ("id", json!(hex::encode(PEER_ID))),
        ("seeder", json!(1)),
        ("transport", json!("tcp")),
        ("encrypted", json!(false)),
        ("origin", json!("incoming")),
        ("interested", json!(false)),
        ("choked", json!(true)),
        ("bytes", json!(0)),
        ("blocks", json!(0)),
    ] {
        assert_eq!(before[key], value, "{key}");
    }
    assert!(before["since"].as_u64() < Some(60_000), "{before}");
    assert!(before["client"].as_str().unwrap().starts_with("Transmission"), "{before}");
    assert!(before["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{before}");

    peer.interested().unwrap();
    peer.ask(0, 0, 5).unwrap();
    peer.block().unwrap();
    let after = listed(|peer| peer["blocks"] == 1);
    assert_eq!((&after["interested"], &after["choked"]), (&json!(true), &json!(false)));
    assert_eq!(after["bytes"], 5);
    assert_eq!(get_json(&seeder.url("/peers")), json!([after.clone()]));
    assert_eq!(get_json(&seeder.url("/torrents/b/peers")), json!([]));

    drop(peer);
    eventually("the peer to be gone", || {
        (get_json(&seeder.url("/peers")) == json!([])).then_some(())
    });
    let peers = get_json(&seeder.url("/torrents/a/peers"));
    let left = &peers[0];
    assert_eq!((&left["id"], &left["bytes"]), (&json!(hex::encode(PEER_ID)), &json!(5)));
    assert_eq!(left["left"]["by"], "peer", "{left}");
    assert_eq!(peers.as_array().unwrap().len(), 1);
    assert!(after.get("left").is_none());
    assert_eq!(get_json(&seeder.url("/torrents/b/peers")), json!([]));
}
