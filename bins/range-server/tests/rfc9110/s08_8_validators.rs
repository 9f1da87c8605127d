//! Section 8.8: validators.

use std::fs;

use seedbed_range::rfc9110::date::HttpDate;

use crate::{MODIFIED, MODIFIED_UNIX, OneFile};

#[test]
fn the_entity_tag_is_strong_and_quoted() {
    let etag = OneFile::start().etag();
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
}

#[test]
fn the_validators_stay_while_the_bytes_do() {
    let file = OneFile::start();
    assert_eq!(file.etag(), file.etag());
    let part = file.get(&[("Range", "bytes=0-1")]);
    assert_eq!(part.header("etag"), Some(&*file.etag()));
    assert_eq!(part.header("last-modified"), Some(MODIFIED));
}

#[test]
fn the_entity_tag_changes_with_the_bytes_even_if_length_and_date_do_not() {
    let file = OneFile::start();
    let before = file.etag();
    file.origin.write("file.mp4", vec![7; file.content.len()], MODIFIED_UNIX);
    assert_ne!(file.etag(), before);
}

#[test]
fn the_entity_tag_changes_when_another_file_takes_the_name() {
    let file = OneFile::start();
    let before = file.etag();
    file.origin.write("other", vec![7; file.content.len()], MODIFIED_UNIX);
    fs::rename(file.origin.path("other"), file.origin.path("file.mp4")).unwrap();
    assert_ne!(file.etag(), before);
}

#[test]
fn the_last_modified_date_is_that_of_the_file() {
    assert_eq!(OneFile::start().get(&[]).header("last-modified"), Some(MODIFIED));
}

#[test]
fn the_last_modified_date_is_not_later_than_the_message() {
    let file = OneFile::start();
    file.origin.write("file.mp4", &file.content, 9_000_000_000);
    let response = file.get(&[]);
    let date = |name| HttpDate::parse(response.header(name).unwrap()).unwrap();
    assert!(date("last-modified") <= date("date"));
}

#[test]
fn a_file_dated_before_1970_is_served_as_if_it_were_of_1970() {
    let file = OneFile::start();
    file.origin.write("file.mp4", &file.content, -1);
    let response = file.get(&[]);
    file.assert_whole(&response);
    assert_eq!(response.header("last-modified"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(file.get(&[("If-Modified-Since", epoch)]).status, 304);
}

#[test]
fn the_entity_tag_changes_with_every_one_of_many_writes_in_a_row() {
    let file = OneFile::start();
    let mut tags = std::collections::HashSet::new();
    for n in 0..50 {
        // In place, of the same length, within a tick of the kernel's timer.
        fs::write(file.origin.path("file.mp4"), vec![n; 1000]).unwrap();
        let response = file.get(&[]);
        assert_eq!(response.body, vec![n; 1000]);
        assert!(tags.insert(response.header("etag").unwrap().to_owned()), "write {n}");
    }
}
