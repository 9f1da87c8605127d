//! Section 14.6: `multipart/byteranges`.

use seedbed_testkit::Response;

use crate::OneFile;

/// The parts of a response: first and last position, and content.
#[track_caller]
fn parts(file: &OneFile, response: &Response) -> Vec<(usize, usize)> {
    assert_eq!(response.status, 206);
    assert_eq!(response.header("content-range"), None);
    assert_eq!(response.header("content-length"), Some(&*response.body.len().to_string()));
    assert_eq!(response.header("accept-ranges"), Some("bytes"));
    let boundary = response
        .header("content-type")
        .and_then(|value| value.strip_prefix("multipart/byteranges; boundary="))
        .unwrap();
    assert!(boundary.len() <= 70, "RFC 2046 section 5.1.1");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = &response.body[..];
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").expect("an empty line");
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let range =
            head.strip_prefix("\r\nContent-Type: video/mp4\r\nContent-Range: bytes ").unwrap();
        let (positions, complete) = range.split_once('/').unwrap();
        let (first, last) = positions.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(complete, file.content.len().to_string());
        let (content, after) = rest[end + 4..].split_at(last - first + 1);
        assert!(content == &file.content[first..=last], "not the file's bytes");
        parts.push((first, last));
        rest = after;
    }
}

fn get(file: &OneFile, range: &str) -> Response {
    file.get(&[("Range", range)])
}

#[test]
fn several_ranges_come_as_parts_in_the_order_asked_for() {
    let file = OneFile::start();
    assert_eq!(parts(&file, &get(&file, "bytes=0-9,20-29")), [(0, 9), (20, 29)]);
    assert_eq!(
        parts(&file, &get(&file, "bytes=-10,0-0,500-501")),
        [(990, 999), (0, 0), (500, 501)]
    );
}

#[test]
fn ranges_that_are_not_satisfiable_are_left_out() {
    let file = OneFile::start();
    let response = get(&file, "bytes=0-0,1000-,5-5,-0");
    assert_eq!(parts(&file, &response), [(0, 0), (5, 5)]);
}

#[test]
fn ranges_that_overlap_or_touch_become_one_part() {
    let file = OneFile::start();
    assert_eq!(parts(&file, &get(&file, "bytes=8-12,0-0,10-20,21-22")), [(8, 22), (0, 0)]);
}

#[test]
fn a_single_range_is_never_a_multipart() {
    let file = OneFile::start();
    file.assert_part(&get(&file, "bytes=0-5,3-9"), 0, 9);
    file.assert_part(&get(&file, "bytes=0-5,1000-"), 0, 5);
}

#[test]
fn the_validators_are_those_of_the_file() {
    let file = OneFile::start();
    let response = get(&file, "bytes=0-0,5-5");
    assert_eq!(response.header("etag"), Some(&*file.etag()));
    assert_eq!(response.header("last-modified"), Some(crate::MODIFIED));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let file = OneFile::start();
    assert_eq!(get(&file, "bytes=0-0,5-5").body, get(&file, "bytes=0-0,5-5").body);
}

#[test]
fn parts_that_are_larger_than_a_read_are_whole() {
    let file = OneFile::with_length(2_000_000);
    let response = get(&file, "bytes=1000000-1999999,0-0,10-600000");
    assert_eq!(parts(&file, &response), [(1_000_000, 1_999_999), (0, 0), (10, 600_000)]);
}

#[test]
fn a_thousand_times_the_file_is_the_file_once() {
    let file = OneFile::start();
    file.assert_part(&get(&file, &format!("bytes={}", ["0-"; 1000].join(","))), 0, 999);
}

#[test]
fn a_small_request_cannot_ask_for_much_more_than_twice_the_file() {
    let file = OneFile::with_length(1800);
    let every_other: Vec<String> = (0..900).map(|n| format!("{0}-{0}", 2 * n)).collect();
    file.assert_whole(&get(&file, &format!("bytes={}", every_other.join(","))));
}
