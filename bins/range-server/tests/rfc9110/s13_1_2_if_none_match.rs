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
