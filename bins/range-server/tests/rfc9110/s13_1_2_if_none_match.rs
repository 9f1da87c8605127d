//! Section 13.1.2: If-None-Match.

use crate::{OneFile, assert_not_modified};

#[test]
fn the_current_tag_gives_304() {
    let file = OneFile::start();
    let etag = file.etag();
    assert_not_modified(&file.get(&[("If-None-Match", &etag)]), &etag);
    assert_not_modified(&file.get(&[("If-None-Match", &format!("\"a\" ,{etag}"))]), &etag);
    assert_not_modified(&file.get(&[("If-None-Match", "*")]), &etag);
}

#[test]
fn the_comparison_is_weak() {
    let file = OneFile::start();
    let etag = file.etag();
    assert_not_modified(&file.get(&[("If-None-Match", &format!("W/{etag}"))]), &etag);
}

#[test]
fn every_line_of_the_field_counts() {
    let file = OneFile::start();
    let etag = file.etag();
    let lines = [("If-None-Match", "\"a\""), ("If-None-Match", &etag), ("If-None-Match", "\"b\"")];
    assert_not_modified(&file.get(&lines), &etag);
}

#[test]
fn other_tags_give_200() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-None-Match", "\"old\"")]));
    file.assert_whole(&file.get(&[("If-None-Match", "")]));
    file.assert_whole(&file.get(&[("If-None-Match", "old")]));
}

#[test]
fn is_evaluated_for_head_and_for_what_has_no_file() {
    let file = OneFile::start();
    let etag = file.etag();
    assert_not_modified(&file.origin.send("HEAD /file.mp4", &[("If-None-Match", &etag)]), &etag);
    for path in ["/", "/version", "/synthetic/10"] {
        let get = format!("GET {path}");
        let etag = file.origin.send(&get, &[]).header("etag").unwrap().to_owned();
        let cached = file.origin.send(&get, &[("If-None-Match", &etag)]);
        assert_eq!((cached.status, cached.header("etag")), (304, Some(&*etag)), "{path}");
        assert_eq!((cached.body.len(), cached.header("content-type")), (0, None), "{path}");
        assert_eq!(file.status(&get, &[("If-None-Match", "*")]), 304, "{path}");
        assert_eq!(file.status(&get, &[("If-None-Match", "\"old\"")]), 200, "{path}");
    }
}
