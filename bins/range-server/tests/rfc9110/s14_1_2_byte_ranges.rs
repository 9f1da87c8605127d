//! Section 14.1.2: byte ranges.

use crate::OneFile;

#[track_caller]
fn part(file: &OneFile, range: &str, first: usize, last: usize) {
    file.assert_part(&file.get(&[("Range", range)]), first, last);
}

#[test]
fn the_examples_of_the_section() {
    let file = OneFile::with_length(10_000);
    part(&file, "bytes=0-499", 0, 499);
    part(&file, "bytes=500-999", 500, 999);
    part(&file, "bytes=-500", 9500, 9999);
    part(&file, "bytes=9500-", 9500, 9999);
    part(&file, "bytes=500-600,601-999", 500, 999);
    part(&file, "bytes=500-700,601-999", 500, 999);
    // The first and last bytes only; the first, middle and last 1000.
    for range in ["bytes=0-0,-1", "bytes= 0-999, 4500-5499, -1000"] {
        let response = file.get(&[("Range", range)]);
        let content_type = response.header("content-type").unwrap();
        assert_eq!(response.status, 206);
        assert!(content_type.starts_with("multipart/byteranges"), "{content_type}");
    }
}

#[test]
fn the_first_the_last_and_all_bytes() {
    let file = OneFile::start();
    part(&file, "bytes=0-0", 0, 0);
    part(&file, "bytes=-1", 999, 999);
    part(&file, "bytes=999-999", 999, 999);
    part(&file, "bytes=0-", 0, 999);
    part(&file, "bytes=0-999", 0, 999);
}

#[test]
fn a_last_position_beyond_the_end_is_the_end() {
    let file = OneFile::start();
    part(&file, "bytes=990-5000", 990, 999);
    part(&file, "bytes=990-18446744073709551615", 990, 999);
    part(&file, "bytes=990-18446744073709551616", 990, 999);
    part(&file, "bytes=990-999999999999999999999999999999", 990, 999);
}

#[test]
fn a_suffix_longer_than_the_file_is_the_file() {
    let file = OneFile::start();
    part(&file, "bytes=-1000", 0, 999);
    part(&file, "bytes=-1001", 0, 999);
    part(&file, "bytes=-99999999999999999999999", 0, 999);
}

#[test]
fn a_large_file_is_served_byte_by_byte_right() {
    let file = OneFile::with_length(3_000_001);
    file.assert_whole(&file.get(&[]));
    part(&file, "bytes=1-", 1, 3_000_000);
    part(&file, "bytes=262143-262144", 262_143, 262_144);
    part(&file, "bytes=262144-786431", 262_144, 786_431);
}

#[test]
fn a_suffix_of_an_empty_file_is_the_empty_file() {
    let file = OneFile::with_length(0);
    file.assert_whole(&file.get(&[("Range", "bytes=-5")]));
}

#[test]
fn numerals_of_any_length_are_numbers() {
    let file = OneFile::start();
    let (zeros, nines) = ("0".repeat(5000), "9".repeat(5000));
    part(&file, &format!("bytes={zeros}10-{zeros}19"), 10, 19);
    part(&file, &format!("bytes=10-{nines}"), 10, 999);
    part(&file, &format!("bytes=-{nines}"), 0, 999);
    file.assert_unsatisfiable(&file.get(&[("Range", &format!("bytes={nines}-"))]));
    file.assert_unsatisfiable(&file.get(&[("Range", &format!("bytes={nines}-{nines}"))]));
}
