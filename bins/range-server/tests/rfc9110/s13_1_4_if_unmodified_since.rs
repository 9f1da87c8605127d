//! Section 13.1.4: If-Unmodified-Since.

use crate::{AFTER, BEFORE, MODIFIED, OneFile, assert_precondition_failed};

#[test]
fn a_date_not_earlier_than_the_last_modification_holds() {
    let file = OneFile::start();
    for date in [MODIFIED, AFTER] {
        file.assert_whole(&file.get(&[("If-Unmodified-Since", date)]));
    }
}

#[test]
fn an_earlier_date_fails_with_412() {
    let file = OneFile::start();
    for date in [BEFORE, "Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_precondition_failed(&file.get(&[("If-Unmodified-Since", date)]));
    }
}

#[test]
fn is_ignored_if_it_is_no_date() {
    let file = OneFile::start();
    file.assert_whole(&file.get(&[("If-Unmodified-Since", "today")]));
    file.assert_whole(&file.get(&[("If-Unmodified-Since", &format!("{BEFORE}, {BEFORE}"))]));
    let twice = [("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)];
    file.assert_whole(&file.get(&twice));
}

#[test]
fn is_ignored_beside_if_match() {
    let file = OneFile::start();
    let etag = file.etag();
    file.assert_whole(&file.get(&[("If-Match", &etag), ("If-Unmodified-Since", BEFORE)]));
}

#[test]
fn is_ignored_where_there_is_no_modification_date() {
    let file = OneFile::start();
    for path in ["/synthetic/10", "/", "/version"] {
        assert_eq!(file.status(&format!("GET {path}"), &[("If-Unmodified-Since", BEFORE)]), 200);
    }
}

#[test]
fn the_date_is_one_of_the_servers_clock() {
    let file = OneFile::start();
    let date = file.get(&[]).header("date").unwrap().to_owned();
    file.assert_whole(&file.get(&[("If-Unmodified-Since", &date)]));
}
