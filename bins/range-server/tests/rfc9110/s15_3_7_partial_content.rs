//! Section 15.3.7: 206.

use crate::{MODIFIED, OneFile};

const RANGES: [&str; 2] = ["bytes=0-1", "bytes=0-1,5-6"];

/// The names of all fields, of which those of the framing are left out.
fn names(response: &seedbed_testkit::Response) -> Vec<&str> {
    let framing = ["content-length", "content-range"];
    let names = response.headers.iter().map(|(name, _)| &**name);
    let mut names: Vec<_> = names.filter(|name| !framing.contains(name)).collect();
    names.sort_unstable();
    names
}

#[test]
fn has_the_fields_of_200() {
    let file = OneFile::start();
    let whole = file.get(&[]);
    for range in RANGES {
        let part = file.get(&[("Range", range)]);
        assert_eq!(part.status, 206);
        assert_eq!(names(&part), names(&whole), "{range}");
        for name in ["etag", "cache-control", "last-modified"] {
            assert_eq!(part.header(name), whole.header(name), "{range}");
        }
        assert!(part.header("date").is_some());
    }
    assert_eq!(file.get(&[("Range", RANGES[0])]).header("content-type"), Some("video/mp4"));
}

#[test]
fn to_if_range_has_no_fields_that_the_client_has_already() {
    let file = OneFile::start();
    let etag = file.etag();
    for validator in [&*etag, MODIFIED] {
        for range in RANGES {
            let part = file.get(&[("Range", range), ("If-Range", validator)]);
            assert_eq!((part.status, part.header("etag")), (206, Some(&*etag)));
            assert_eq!(part.header("cache-control"), Some("no-cache"));
            assert_eq!(part.header("last-modified"), None);
            let content_type = part.header("content-type");
            // That of several parts says where they end.
            let boundary = content_type.is_some_and(|value| value.starts_with("multipart/"));
            assert!(content_type.is_none() || boundary, "{content_type:?}");
            assert_eq!(boundary, range.contains(','));
        }
    }
}

#[test]
fn a_single_part_has_a_content_range_and_no_more_than_the_range() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[("Range", "bytes=10-19")]), 10, 19);
}

#[test]
fn several_parts_have_no_content_range_in_the_header_section() {
    let file = OneFile::start();
    assert_eq!(file.get(&[("Range", "bytes=0-1,5-6")]).header("content-range"), None);
}
