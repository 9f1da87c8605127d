//! Section 13.2.2: precedence of preconditions.

use crate::{AFTER, BEFORE, OneFile, assert_not_modified, assert_precondition_failed};

#[test]
fn a_failed_if_match_goes_before_if_none_match() {
    let file = OneFile::start();
    let etag = file.etag();
    let lines = [("If-None-Match", &*etag), ("If-Match", "\"old\"")];
    assert_precondition_failed(&file.get(&lines));
}

#[test]
fn a_failed_if_unmodified_since_goes_before_if_none_match() {
    let file = OneFile::start();
    let etag = file.etag();
    let lines = [("If-None-Match", &*etag), ("If-Unmodified-Since", BEFORE)];
    assert_precondition_failed(&file.get(&lines));
}

#[test]
fn if_none_match_goes_before_if_range_and_range() {
    let file = OneFile::start();
    let etag = file.etag();
    for range in ["bytes=0-1", "bytes=5000-", "bytes=x"] {
        let lines = [("If-None-Match", &*etag), ("Range", range), ("If-Range", "\"old\"")];
        assert_not_modified(&file.get(&lines), &etag);
    }
}

#[test]
fn if_modified_since_goes_before_range() {
    let file = OneFile::start();
    let lines = [("If-Modified-Since", AFTER), ("Range", "bytes=0-1")];
    assert_not_modified(&file.get(&lines), &file.etag());
}

#[test]
fn all_that_hold_lead_to_the_range() {
    let file = OneFile::start();
    let etag = file.etag();
    let lines = [
        ("If-Match", &*etag),
        ("If-None-Match", "\"old\""),
        ("If-Range", &*etag),
        ("Range", "bytes=1-2"),
    ];
    file.assert_part(&file.get(&lines), 1, 2);
}

#[test]
fn a_date_that_fails_is_not_looked_at_beside_a_tag_that_holds() {
    let file = OneFile::start();
    let etag = file.etag();
    file.assert_whole(&file.get(&[("If-Match", &etag), ("If-Unmodified-Since", BEFORE)]));
    file.assert_whole(&file.get(&[("If-None-Match", "\"old\""), ("If-Modified-Since", AFTER)]));
}

#[test]
fn a_failed_precondition_goes_before_if_range_and_range() {
    let file = OneFile::start();
    for range in ["bytes=0-1", "bytes=5000-", "bytes=x"] {
        let fields = [("If-Match", "\"old\""), ("Range", range), ("If-Range", "\"old\"")];
        assert_precondition_failed(&file.get(&fields));
        let fields = [("If-Unmodified-Since", BEFORE), ("Range", range)];
        assert_precondition_failed(&file.get(&fields));
    }
}
