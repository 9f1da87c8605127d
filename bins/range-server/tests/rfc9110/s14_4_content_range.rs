//! Section 14.4: Content-Range.

use crate::OneFile;

#[test]
fn tells_the_complete_length() {
    let file = OneFile::with_length(1234);
    for (range, value) in [
        ("bytes=0-499", "bytes 0-499/1234"),
        ("bytes=500-999", "bytes 500-999/1234"),
        ("bytes=500-", "bytes 500-1233/1234"),
        ("bytes=-500", "bytes 734-1233/1234"),
    ] {
        let response = file.get(&[("Range", range)]);
        assert_eq!(response.header("content-range"), Some(value));
    }
}

#[test]
fn of_416_tells_the_current_length() {
    let mut file = OneFile::with_length(1234);
    let beyond = [("Range", "bytes=1234-")];
    assert_eq!(file.get(&beyond).header("content-range"), Some("bytes */1234"));
    file.content.truncate(7);
    file.origin.write("file.mp4", &file.content, crate::MODIFIED_UNIX);
    file.assert_unsatisfiable(&file.get(&beyond));
}

#[test]
fn is_not_sent_with_any_other_status() {
    let file = OneFile::start();
    let etag = file.etag();
    for (line, fields) in [
        ("GET /file.mp4", &[][..]),
        ("GET /file.mp4", &[("Range", "items=0-1")]),
        ("HEAD /file.mp4", &[("Range", "bytes=0-1")]),
        ("GET /file.mp4", &[("Range", "bytes=0-1"), ("If-None-Match", &*etag)]),
        ("GET /file.mp4", &[("Range", "bytes=0-1"), ("If-Match", "\"old\"")]),
        ("GET /file.mp4", &[("Range", "bytes=0-1,5-6")]),
        ("GET /missing", &[("Range", "bytes=0-1")]),
    ] {
        let response = file.origin.send(line, fields);
        assert_eq!(response.header("content-range"), None, "{line} {fields:?}");
    }
}

#[test]
fn in_a_request_is_ignored_where_it_has_no_meaning() {
    let file = OneFile::start();
    let field = ("Content-Range", "bytes 0-1/5000");
    file.assert_whole(&file.get(&[field]));
    file.assert_part(&file.get(&[field, ("Range", "bytes=3-4")]), 3, 4);
    assert_eq!(file.status("HEAD /file.mp4", &[field]), 200);
    assert_eq!(file.status("OPTIONS /file.mp4", &[field]), 204);
}
