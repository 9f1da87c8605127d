//! Section 13.1.3: If-Modified-Since.

use crate::{AFTER, BEFORE, MODIFIED, OneFile, assert_not_modified};

#[test]
fn a_date_not_earlier_than_the_last_modification_gives_304() {
    let file = OneFile::start();
    let etag = file.etag();
    for date in [MODIFIED, AFTER, "Friday, 02-Jan-26 00:00:00 GMT", "Fri Jan  2 00:00:00 2026"] {
        assert_not_modified(&file.get(&[("If-Modified-Since", date)]), &etag);
    }
}

#[test]
fn an_earlier_date_gives_200() {
    let file = OneFile::start();
    for date in [BEFORE, "Fri, 01 Jan 1960 00:00:00 GMT"] {
        file.assert_whole(&file.get(&[("If-Modified-Since", date)]));
    }
}

#[test]
fn is_ignored_if_it_is_no_date_or_more_than_one() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-Modified-Since", "today")]));
    file.assert_whole(&file.get(&[("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)]));
    file.assert_whole(&file.get(&[("If-Modified-Since", &format!("{AFTER}, {AFTER}"))]));
}

#[test]
fn is_ignored_beside_if_none_match() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-None-Match", "\"old\""), ("If-Modified-Since", AFTER)]));
}

#[test]
fn is_ignored_if_the_method_is_neither_get_nor_head() {
    let file = OneFile::start();
    assert_eq!(file.status("OPTIONS /file.mp4", &[("If-Modified-Since", AFTER)]), 204);
    assert_eq!(file.status("POST /file.mp4", &[("If-Modified-Since", AFTER)]), 405);
    assert_eq!(file.status("HEAD /file.mp4", &[("If-Modified-Since", AFTER)]), 304);
}

#[test]
fn is_ignored_where_there_is_no_modification_date() {
    let file = OneFile::start();
    for path in ["/synthetic/10", "/", "/version"] {
        let response = file.origin.send(&format!("GET {path}"), &[("If-Modified-Since", AFTER)]);
        assert_eq!((response.status, response.header("last-modified")), (200, None), "{path}");
    }
}

#[test]
fn the_date_is_one_of_the_servers_clock() {
    let file = OneFile::start();
    let date = file.get(&[]).header("date").unwrap().to_owned();
    assert_not_modified(&file.get(&[("If-Modified-Since", &date)]), &file.etag());
}
