//! Section 9.3: methods.

use crate::OneFile;

#[test]
fn head_is_get_without_the_content() {
    let file = OneFile::start();
    let fields = |method: &str, line: &[(&str, &str)]| {
        let response = file.origin.send(&format!("{method} /file.mp4"), line);
        let mut headers = response.headers;
        headers.retain(|(name, _)| name != "date");
        (response.status, headers, response.body)
    };
    let etag = file.etag();
    for line in [&[][..], &[("If-None-Match", &*etag)], &[("If-Match", "\"x\"")]] {
        let (status, headers, _) = fields("GET", line);
        assert_eq!(fields("HEAD", line), (status, headers, vec![]));
    }
    assert_eq!(file.origin.send("HEAD /missing", &[]).status, 404);
}

#[test]
fn options_is_answered_for_any_path() {
    let file = OneFile::start();
    for path in ["/file.mp4", "/missing", "/", "*", "/../x"] {
        let response = file.origin.send(&format!("OPTIONS {path}"), &[]);
        assert_eq!(response.status, 204, "{path}");
        assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(response.header("content-length"), None);
    }
}

#[test]
fn a_method_that_is_not_allowed_is_told_which_are() {
    let file = OneFile::start();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "FETCH"] {
        for path in ["/file.mp4", "/missing", "/"] {
            let response = file.origin.send(&format!("{method} {path}"), &[]);
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
    assert_eq!(file.origin.send("CONNECT example.org:80", &[]).status, 405);
}
