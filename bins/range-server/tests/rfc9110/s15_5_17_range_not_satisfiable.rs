//! Section 15.5.17: 416.

use crate::OneFile;

#[test]
fn a_range_beyond_the_end_is_not_satisfiable() {
    let file = OneFile::start();
    for range in [
        "bytes=1000-",
        "bytes=1000-1000",
        "bytes=18446744073709551615-",
        "bytes=99999999999999999999-",
    ] {
        file.assert_unsatisfiable(&file.get(&[("Range", range)]));
    }
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=1000-,2000-2001,-0")]));
}

#[test]
fn a_suffix_of_no_bytes_is_not_satisfiable() {
    let file = OneFile::start();
    file.assert_unsatisfiable(&file.get(&[("Range", "bytes=-0")]));
}

#[test]
fn no_byte_of_an_empty_file_can_be_had() {
    let file = OneFile::with_length(0);
    file.assert_whole(&file.get(&[]));
    for range in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
        file.assert_unsatisfiable(&file.get(&[("Range", range)]));
    }
}

#[test]
fn a_set_with_one_satisfiable_range_is_satisfiable() {
    let file = OneFile::start();
    file.assert_part(&file.get(&[("Range", "bytes=5000-,3-4,-0")]), 3, 4);
}
