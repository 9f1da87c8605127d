//! Section 14.2: Range.

use crate::OneFile;

#[test]
fn an_unknown_unit_is_ignored() {
    let file = OneFile::start();
    for range in ["items=0-1", "seconds=0-", "bytes", "bytes 0-1", "none"] {
        file.assert_whole(&file.get(&[("Range", range)]));
    }
}

#[test]
fn the_name_of_the_unit_is_case_insensitive() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[("Range", "BYTES=0-1")]), 0, 1);
}

#[test]
fn white_space_and_empty_list_elements_are_nothing() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[("Range", "bytes= 0-1 ,, \t")]), 0, 1);
}

#[test]
fn a_malformed_range_is_refused() {
    let file = OneFile::start();
    for range in ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0-1,x", "bytes=0 -1"] {
        file.assert_unsatisfiable(&file.get(&[("Range", range)]));
    }
}

#[test]
fn a_malformed_range_is_ignored_if_the_server_is_told_to() {
    let file = OneFile::with_args(1000, &["--malformed-range", "ignore"]);
    for range in ["bytes=", "bytes=5-2", "bytes=0-1,x"] {
        file.assert_whole(&file.get(&[("Range", range)]));
    }
    file.assert_whole(&file.get(&[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]));
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=1000-")]));
}

#[test]
fn two_range_fields_are_malformed() {
    let file = OneFile::start();
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]));
}

#[test]
fn head_ignores_the_field() {
    let file = OneFile::start();
    for range in ["bytes=0-1", "bytes=5000-", "bytes=x"] {
        let response = file.origin.send("HEAD /file.mp4", &[("Range", range)]);
        assert_eq!(response.status, 200, "{range}");
        assert_eq!(response.header("content-length"), Some("1000"));
        assert_eq!(response.header("content-range"), None);
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
    }
}

#[test]
fn a_file_that_is_not_there_stays_missing() {
    let file = OneFile::start();
    assert_eq!(file.origin.send("GET /missing", &[("Range", "bytes=0-1")]).status, 404);
}

#[test]
fn a_method_without_ranges_ignores_the_field() {
    let file = OneFile::start();
    for range in ["bytes=0-1", "bytes=5000-", "bytes=x"] {
        assert_eq!(file.status("OPTIONS /file.mp4", &[("Range", range)]), 204);
        assert_eq!(file.status("POST /file.mp4", &[("Range", range)]), 405);
        assert_eq!(file.status("FETCH /file.mp4", &[("Range", range)]), 405);
    }
}

#[test]
fn counts_only_where_the_answer_without_it_is_200() {
    let file = OneFile::start();
    let etag = file.etag();
    assert_eq!(file.get(&[("Range", "bytes=0-1"), ("If-None-Match", &etag)]).status, 304);
    assert_eq!(file.get(&[("Range", "bytes=5000-"), ("If-None-Match", &etag)]).status, 304);
    assert_eq!(file.get(&[("Range", "bytes=5000-"), ("If-Match", "\"old\"")]).status, 412);
}

#[test]
fn a_satisfiable_set_gives_206_with_the_parts_that_are_satisfiable() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[("Range", "bytes=1-2")]), 1, 2);
    file.assert_part(&file.get(&[("Range", "bytes=1-2,5000-")]), 1, 2);
    assert_eq!(file.get(&[("Range", "bytes=1-2,7-8")]).status, 206);
}

#[test]
fn a_set_that_is_not_satisfiable_gives_416() {
    let file = OneFile::start();
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=1000-")]));
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=1000-,2000-,-0")]));
}
