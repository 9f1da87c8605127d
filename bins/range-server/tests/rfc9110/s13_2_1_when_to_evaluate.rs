//! Section 13.2.1: when to evaluate preconditions.

use crate::{AFTER, BEFORE, OneFile};

const CONDITIONS: [(&str, &str); 4] = [
    ("If-Match", "\"old\""),
    ("If-None-Match", "*"),
    ("If-Modified-Since", AFTER),
    ("If-Unmodified-Since", BEFORE),
];

#[test]
fn are_ignored_where_the_answer_without_them_is_no_success() {
    let file = OneFile::start();
    for condition in CONDITIONS {
        let fields = [condition];
        assert_eq!(file.status("GET /missing", &fields), 404, "{condition:?}");
        assert_eq!(file.status("GET /synthetic/x", &fields), 404, "{condition:?}");
        assert_eq!(file.status("POST /file.mp4", &fields), 405, "{condition:?}");
        assert_eq!(file.status("PUT /file.mp4", &fields), 405, "{condition:?}");
    }
    std::fs::remove_dir_all(file.origin.path("")).unwrap();
    for condition in CONDITIONS {
        assert_eq!(file.status("GET /health", &[condition]), 503, "{condition:?}");
    }
}

#[test]
fn are_ignored_with_methods_that_select_no_representation() {
    let file = OneFile::start();
    for condition in CONDITIONS {
        let fields = [condition];
        assert_eq!(file.status("OPTIONS /file.mp4", &fields), 204, "{condition:?}");
        assert_eq!(file.status("TRACE /file.mp4", &fields), 405, "{condition:?}");
        assert_eq!(file.status("CONNECT example.org:80", &fields), 405, "{condition:?}");
    }
}
