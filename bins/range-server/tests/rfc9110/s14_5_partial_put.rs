//! Section 14.5: partial PUT.

use crate::OneFile;

#[test]
fn is_refused_and_changes_nothing() {
    let file = OneFile::start();
    let fields = [("Content-Range", "bytes 0-1/1000"), ("Content-Length", "0")];
    let response = file.origin.send("PUT /file.mp4", &fields);
    // No path here knows PUT, which is said before anything is said of its header fields.
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    file.assert_whole(&file.get(&[]));
}
