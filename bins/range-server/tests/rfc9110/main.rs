//! Conformance with RFC 9110, filed by section. Every test speaks to the real binary over a socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../origin/mod.rs"]
mod origin;

mod audit;
mod s08_8_validators;
mod s09_3_methods;
mod s12_5_accept;
mod s13_1_1_if_match;
mod s13_1_2_if_none_match;
mod s13_1_3_if_modified_since;
mod s13_1_4_if_unmodified_since;
mod s13_1_5_if_range;
mod s13_2_1_when_to_evaluate;
mod s13_2_2_precedence;
mod s14_1_2_byte_ranges;
mod s14_2_range;
mod s14_3_accept_ranges;
mod s14_4_content_range;
mod s14_5_partial_put;
mod s14_6_multipart_byteranges;
mod s15_3_7_partial_content;
mod s15_4_5_not_modified;
mod s15_5_17_range_not_satisfiable;

use origin::{Origin, content};
use seedbed_testkit::Response;

const BEFORE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const MODIFIED: &str = "Fri, 02 Jan 2026 00:00:00 GMT";
const AFTER: &str = "Sat, 03 Jan 2026 00:00:00 GMT";
const MODIFIED_UNIX: i64 = 1_767_312_000;
const LENGTH: usize = 1000;

/// An origin with one file, `/file.mp4` of 1000 bytes, modified at [`MODIFIED`].
struct OneFile {
    origin: Origin,
    content: Vec<u8>,
}

impl OneFile {
    fn start() -> Self {
        Self::with_length(LENGTH)
    }

    fn with_length(length: usize) -> Self {
        Self::with_args(length, &[])
    }

    fn with_args(length: usize, args: &[&str]) -> Self {
        let (origin, content) = (Origin::start(args), content(length));
        origin.write("file.mp4", &content, MODIFIED_UNIX);
        Self { origin, content }
    }

    fn get(&self, fields: &[(&str, &str)]) -> Response {
        self.origin.send("GET /file.mp4", fields)
    }

    /// The status of the answer to a request line without version.
    fn status(&self, line: &str, fields: &[(&str, &str)]) -> u16 {
        self.origin.send(line, fields).status
    }

    fn etag(&self) -> String {
        self.get(&[]).header("etag").unwrap().to_owned()
    }

    /// Asserts that the response is 200 with the whole file.
    #[track_caller]
    fn assert_whole(&self, response: &Response) {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-length"), Some(&*self.content.len().to_string()));
        assert_eq!(response.header("content-range"), None);
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        assert!(response.body == self.content, "not the file's bytes");
    }

    /// Asserts that the response is 206 with the bytes from `first` to `last`.
    #[track_caller]
    fn assert_part(&self, response: &Response, first: usize, last: usize) {
        assert_eq!(response.status, 206, "{}", response.text());
        let complete = self.content.len();
        let content_range = format!("bytes {first}-{last}/{complete}");
        assert_eq!(response.header("content-range"), Some(&*content_range));
        assert_eq!(response.header("content-length"), Some(&*(last - first + 1).to_string()));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        assert!(response.body == self.content[first..=last], "not the file's bytes");
    }

    /// Asserts that the response is 416 and says how long the file is.
    #[track_caller]
    fn assert_unsatisfiable(&self, response: &Response) {
        assert_eq!(response.status, 416);
        let content_range = format!("bytes */{}", self.content.len());
        assert_eq!(response.header("content-range"), Some(&*content_range));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        assert_eq!(response.json()["status"], 416);
    }
}

/// Asserts that the response is 304, with what section 15.4.5 wants of it and no content.
#[track_caller]
fn assert_not_modified(response: &Response, etag: &str) {
    assert_eq!(response.status, 304);
    assert_eq!(response.header("etag"), Some(etag));
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert!(response.header("date").is_some());
    for name in ["content-length", "content-type", "content-range", "last-modified"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    assert_eq!(response.body, b"");
}

#[track_caller]
fn assert_precondition_failed(response: &Response) {
    assert_eq!(response.status, 412);
    assert_eq!(response.json()["status"], 412);
}
