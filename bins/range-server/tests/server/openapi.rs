//! The OpenAPI document is true: each operation is called, and its answer is as described.

use std::fs;

use seedbed_testkit::OpenApi;

use crate::Origin;

const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:6.0,\nseg-0.ts\n#EXT-X-ENDLIST\n";

/// Serves a file, and a video as HLS.
fn origin(args: &[&str]) -> Origin {
    let origin = Origin::start(args);
    fs::create_dir_all(origin.path(".hls/video/ts")).unwrap();
    fs::create_dir(origin.path("deep")).unwrap();
    origin.write(".hls/video/ts/index.m3u8", PLAYLIST, 0);
    origin.write(".hls/video/ts/seg-0.ts", "12345", 0);
    origin.write("deep/file.json", "[1, 2]", 0);
    origin
}

/// What a target looks like that a path stands for.
fn target(path: &str) -> String {
    path.replace("{size}", "10")
        .replace("{name}/{container}/{file}", "video/ts/index.m3u8")
        .replace("{path}", "deep/file.json")
}

#[test]
fn every_operation_answers_as_the_document_says() {
    let origin = origin(&["--hls", "--hls-live"]);
    let mut document = OpenApi::of(&origin.server);
    assert_eq!(document.document()["info"]["title"], "seedbed-range");
    for operation in document.operations() {
        let (method, path) = operation.split_once(' ').unwrap();
        let target = target(path);
        let answer = document.call(&operation, &target, &[], None);
        assert_eq!(answer.status, if method == "get" { 200 } else { 204 }, "{operation}");
        if method == "get" {
            for (field, value, status) in [("If-None-Match", "*", 304), ("If-Match", "\"x\"", 412)]
            {
                let answer = document.call(&operation, &target, &[(field, value)], None);
                assert_eq!(answer.status, status, "{operation}");
            }
            let head = origin.send(&format!("HEAD {target}"), &[]);
            assert_eq!((head.status, head.body.len()), (200, 0), "{operation}");
            assert_eq!(head.header("content-type"), answer.header("content-type"), "{operation}");
        }
    }
    document.assert_all_called();

    let [file, synthetic] = ["get /{path}", "get /synthetic/{size}"];
    let [vod, live] =
        ["/hls", "/hls-live"].map(|at| format!("get {at}/{{name}}/{{container}}/{{file}}"));
    for (operation, target, range, status) in [
        (file, "/deep/file.json", "bytes=1-2", 206),
        (file, "/deep/file.json", "bytes=0-0,3-3", 206),
        (file, "/deep/file.json", "bytes=9-", 416),
        (file, "/missing", "", 404),
        (file, "/deep", "", 404),
        (synthetic, "/synthetic/10?seed=7", "bytes=1-2", 206),
        (synthetic, "/synthetic/10", "bytes=x", 416),
        (synthetic, "/synthetic/10?seed=x", "", 400),
        (synthetic, "/synthetic/x", "", 404),
        (&vod, "/hls/video/ts/seg-0.ts", "bytes=1-2", 206),
        (&vod, "/hls/video/ts/seg-0.ts", "bytes=9-", 416),
        (&vod, "/hls/video/ts/seg-1.ts", "", 404),
        (&live, "/hls-live/video/ts/seg-0.ts", "bytes=1-2", 206),
        (&live, "/hls-live/none/ts/index.m3u8", "", 404),
    ] {
        let answer = document.call(operation, target, &[("Range", range)], None);
        assert_eq!(answer.status, status, "{target} {range}");
    }
    let page = document.call("get /", "/", &[("Accept", "text/html")], None);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    origin.write(".hls/video/ts/index.m3u8", "none", 0);
    let playlist = "/hls-live/video/ts/index.m3u8";
    assert_eq!(document.call(&live, playlist, &[], None).status, 500);
    fs::remove_dir_all(origin.path("")).unwrap();
    assert_eq!(document.call("get /health", "/health", &[], None).status, 503);
    assert_eq!(document.call("get /", "/", &[], None).status, 500);
}

#[test]
fn nothing_answers_that_the_document_lacks() {
    let origin = origin(&["--hls", "--hls-live"]);
    OpenApi::of(&origin.server).assert_refuses_other_methods(target);
}

#[test]
fn what_is_switched_off_is_not_described() {
    let origin = origin(&[]);
    let document = OpenApi::of(&origin.server);
    let paths = document.operations().into_iter().filter(|it| it.starts_with("get "));
    let paths: Vec<_> = paths.map(|it| it[4..].to_owned()).collect();
    let rest =
        ["/", "/health", "/metrics", "/openapi.json", "/synthetic/{size}", "/version", "/{path}"];
    assert_eq!(paths, rest);
}

#[test]
fn the_document_hides_a_file_of_its_name() {
    let origin = origin(&[]);
    origin.write("openapi.json", "not me", 0);
    assert_eq!(origin.send("GET /openapi.json", &[]).json()["openapi"], "3.1.0");
    origin.write("deep/openapi.json", "me", 0);
    assert_eq!(origin.send("GET /deep/openapi.json", &[]).text(), "me");
}
