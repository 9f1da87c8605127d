//! Section 15.4.5: 304.

use crate::{AFTER, OneFile, assert_not_modified};

#[test]
fn has_the_fields_that_200_has_for_a_cache_and_no_others() {
    let file = OneFile::start();
    let etag = file.etag();
    assert_not_modified(&file.get(&[("If-None-Match", &etag)]), &etag);
    assert_not_modified(&file.get(&[("If-Modified-Since", AFTER)]), &etag);
    let index = file.origin.send("GET /", &[("If-None-Match", "*")]);
    assert_eq!((index.status, index.header("vary")), (304, Some("Accept")));
    assert_eq!(index.header("cache-control"), Some("no-store"));
}
