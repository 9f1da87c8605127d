//! Section 13.1.1: If-Match.

use crate::{OneFile, assert_precondition_failed};

#[test]
fn holds_if_any_tag_is_the_current_one() {
    let file = OneFile::start();
    let list = format!("\"old\", {}", file.etag());
    file.assert_whole(&file.get(&[("If-Match", &list)]));
    file.assert_whole(&file.get(&[("If-Match", "\"old\""), ("If-Match", &file.etag())]));
}

#[test]
fn a_star_holds_for_any_file_that_is_there() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-Match", "*")]));
    assert_eq!(file.origin.send("GET /missing", &[("If-Match", "*")]).status, 404);
}

#[test]
fn fails_with_412_if_no_tag_is_the_current_one() {
    let file = OneFile::start();
    assert_precondition_failed(&file.get(&[("If-Match", "\"old\"")]));
    assert_precondition_failed(&file.get(&[("If-Match", "\"old\""), ("Range", "bytes=0-1")]));
}

#[test]
fn a_weak_tag_does_not_match_in_a_strong_comparison() {
    let file = OneFile::start();
    let weak = format!("W/{}", file.etag());
    assert_precondition_failed(&file.get(&[("If-Match", &weak)]));
}

#[test]
fn a_list_with_a_star_in_it_is_no_list() {
    let file = OneFile::start();
    assert_precondition_failed(&file.get(&[("If-Match", "*, \"old\"")]));
    assert_precondition_failed(&file.get(&[("If-Match", "*"), ("If-Match", "\"old\"")]));
    assert_precondition_failed(&file.get(&[("If-Match", "")]));
}

#[test]
fn is_evaluated_for_head_and_for_what_has_no_file() {
    let file = OneFile::start();
    assert_eq!(file.status("HEAD /file.mp4", &[("If-Match", "\"old\"")]), 412);
    for path in ["/", "/version", "/synthetic/10"] {
        let get = format!("GET {path}");
        let etag = file.origin.send(&get, &[]).header("etag").unwrap().to_owned();
        assert_eq!(file.status(&get, &[("If-Match", "\"old\"")]), 412, "{path}");
        assert_eq!(file.status(&get, &[("If-Match", &etag)]), 200, "{path}");
    }
}
