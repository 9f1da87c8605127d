//! Section 13.1.5: If-Range.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{AFTER, BEFORE, MODIFIED, OneFile};

const RANGE: (&str, &str) = ("Range", "bytes=10-19");

#[test]
fn the_current_strong_tag_lets_the_range_count() {
    let file = OneFile::start();
    let etag = file.etag();
    file.assert_part(&file.get(&[RANGE, ("If-Range", &etag)]), 10, 19);
}

#[test]
fn any_other_tag_gives_the_whole_file() {
    let file = OneFile::start();
    let weak = format!("W/{}", file.etag());
    let list = format!("{0}, {0}", file.etag());
    for value in ["\"old\"", &weak, &list, "*", "old", ""] {
        file.assert_whole(&file.get(&[RANGE, ("If-Range", value)]));
    }
}

#[test]
fn a_download_that_is_resumed_after_a_change_starts_over() {
    let mut file = OneFile::start();
    let etag = file.etag();
    file.content.reverse();
    file.origin.write("file.mp4", &file.content, crate::MODIFIED_UNIX);
    file.assert_whole(&file.get(&[("Range", "bytes=500-"), ("If-Range", &etag)]));
}

#[test]
fn the_date_has_to_match_exactly() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[RANGE, ("If-Range", MODIFIED)]), 10, 19);
    for date in [BEFORE, AFTER, "yesterday"] {
        file.assert_whole(&file.get(&[RANGE, ("If-Range", date)]));
    }
}

#[test]
fn a_date_whose_second_is_not_over_is_no_strong_validator() {
    let file = OneFile::start();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // An hour ahead: Last-Modified is then the time of each response.
    file.origin.write("file.mp4", &file.content, now.cast_signed() + 3600);
    let date = file.get(&[]).header("last-modified").unwrap().to_owned();
    file.assert_whole(&file.get(&[RANGE, ("If-Range", &date)]));
}

#[test]
fn is_ignored_without_a_range() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-Range", &file.etag())]));
    file.assert_whole(&file.get(&[("If-Range", "\"old\"")]));
}

#[test]
fn a_condition_that_does_not_hold_also_hides_a_range_that_cannot_be_satisfied() {
    let file = OneFile::start();
    for range in ["bytes=5000-", "bytes=x"] {
        file.assert_whole(&file.get(&[("Range", range), ("If-Range", "\"old\"")]));
        file.assert_unsatisfiable(&file.get(&[("Range", range), ("If-Range", &file.etag())]));
    }
}

#[test]
fn is_ignored_with_head() {
    let file = OneFile::start();
    for value in [&*file.etag(), "\"old\""] {
        assert_eq!(file.status("HEAD /file.mp4", &[RANGE, ("If-Range", value)]), 200);
    }
}

#[test]
fn no_date_matches_where_there_is_no_modification_date() {
    let file = OneFile::start();
    let fields = [("Range", "bytes=0-1"), ("If-Range", MODIFIED)];
    assert_eq!(file.status("GET /synthetic/10", &fields), 200);
}

#[test]
fn two_fields_are_no_validator() {
    let file = OneFile::start();
    let etag = file.etag();
    file.assert_whole(&file.get(&[RANGE, ("If-Range", &etag), ("If-Range", &etag)]));
}
