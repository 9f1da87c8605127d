//! The OpenAPI document is true: each operation is called, and its answer is as described.

use std::fs;

use seedbed_testkit::{OpenApi, get};
use serde_json::json;

use crate::{
    common::{content, hash, seeder, send},
    peer::Peer,
};

#[test]
fn every_operation_answers_as_the_document_says() {
    let content = content(&["a.bin", "show/b", "show/c"]);
    let path = content.path().to_str().unwrap();
    let seeder = seeder(&["--content", path, "--announce", "http://127.0.0.1:9/announce"]);
    fs::write(content.path().join("new.bin"), "new").unwrap();
    let mut peer = Peer::connect(seeder.address("tcp"), &hash(&seeder, "a")).unwrap();
    peer.interested().unwrap();

    let mut document = OpenApi::of(&seeder);
    assert_eq!(document.document()["info"]["title"], "seedbed-seeder");
    let (one, delete) = ("get /torrents/{key}", "delete /torrents/{key}");
    let peers = "get /torrents/{key}/peers";
    let (pause, resume) = ("post /torrents/{key}/pause", "post /torrents/{key}/resume");
    let synthetic = json!({"synthetic": {"name": "s", "size": 10}, "name": "t"});
    for (operation, target, content, status) in [
        ("get /openapi.json", "/openapi.json", None, 200),
        ("get /version", "/version", None, 200),
        ("get /metrics", "/metrics", None, 200),
        ("get /health", "/health", None, 503),
        ("get /peers", "/peers", None, 200),
        (peers, "/torrents/a/peers", None, 200),
        (peers, "/torrents/x/peers", None, 404),
        ("get /torrents", "/torrents", None, 200),
        (one, "/torrents/show", None, 200),
        (one, "/torrents/show.torrent", None, 200),
        (one, "/torrents/x", None, 404),
        ("post /torrents", "/torrents", Some(json!({"path": "new.bin"})), 201),
        ("post /torrents", "/torrents", Some(json!({"path": "new.bin"})), 200),
        ("post /torrents", "/torrents", Some(json!({"path": "none.bin"})), 404),
        ("post /torrents", "/torrents", Some(json!({"path": "new.bin", "name": "x"})), 409),
        ("post /torrents", "/torrents", Some(json!({"path": ".."})), 400),
        ("post /torrents", "/torrents", Some(json!({"path": "x".repeat(70_000)})), 413),
        ("post /torrents", "/torrents", Some(synthetic), 201),
        (one, "/torrents/t", None, 200),
        (pause, "/torrents/a/pause", None, 200),
        (pause, "/torrents/x/pause", None, 404),
        ("get /torrents", "/torrents", None, 200),
        (resume, "/torrents/a/resume", None, 200),
        (resume, "/torrents/x/resume", None, 404),
        ("post /pause", "/pause", None, 200),
        ("get /health", "/health", None, 200),
        ("post /resume", "/resume", None, 200),
        (delete, "/torrents/a", None, 204),
        (delete, "/torrents/a", None, 404),
        ("delete /torrents", "/torrents", None, 204),
        ("get /torrents", "/torrents", None, 200),
    ] {
        let fields = content.as_ref().map(|_| ("Content-Type", "application/json"));
        let answer = document.call(operation, target, fields.as_slice(), content.as_ref());
        assert_eq!(answer.status, status, "{operation}: {target}");
    }
    document.assert_all_called();
}

#[test]
fn nothing_answers_that_the_document_lacks() {
    let seeder = seeder(&["--synthetic", "a=1KiB"]);
    OpenApi::of(&seeder).assert_refuses_other_methods(|path| path.replace("{key}", "a"));
    for unknown in ["/", "/nothing", "/torrents/a/nothing", "/torrents/", "/pause/a", "/control"] {
        let refused = get(&seeder.url(unknown));
        assert_eq!((refused.status, &refused.json()["status"]), (404, &json!(404)), "{unknown}");
    }
    assert_eq!(send(&seeder, "HEAD", "/health", None).status, 200);
}
