//! Files that change under a response, and clients that go away from one.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::FileExt as _,
};

use seedbed_testkit::wait_until;

use crate::{Origin, content, load::descriptors_and_blocks};

/// More than the socket buffers of both sides hold, so that the server cannot be done early.
const LENGTH: u64 = 64 << 20;

/// An origin with `/file` of [`LENGTH`] zeros.
fn origin() -> Origin {
    let origin = Origin::start(&[]);
    origin.write("file", "", 0);
    open(&origin).set_len(LENGTH).unwrap();
    origin.write("other", content(1000), 0);
    origin
}

fn open(origin: &Origin) -> File {
    File::options().write(true).open(origin.path("file")).unwrap()
}

/// Asks for the whole file and reads the beginning of the answer.
fn begin(origin: &Origin) -> TcpStream {
    let mut stream = TcpStream::connect(origin.server.address("http")).unwrap();
    stream
        .write_all(b"GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    stream
}

/// Reads to the end of the connection, however it ends. How many bytes of content came, none of
/// which may be anything but zero.
fn finish(mut stream: TcpStream) -> u64 {
    let mut bytes = Vec::new();
    let _reset_is_an_end_too = stream.read_to_end(&mut bytes);
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(bytes[head..].iter().all(|byte| *byte == 0), "bytes of another version came");
    (bytes.len() - head) as u64
}

fn assert_serves_on(origin: &Origin) {
    assert_eq!(origin.send("GET /other", &[]).body, content(1000));
}

#[test]
fn a_file_that_gets_shorter_ends_the_response() {
    let origin = origin();
    let stream = begin(&origin);
    open(&origin).set_len(LENGTH / 2).unwrap();
    assert!(finish(stream) < LENGTH);
    assert_serves_on(&origin);
}

#[test]
fn a_file_that_is_overwritten_ends_the_response() {
    let origin = origin();
    let stream = begin(&origin);
    open(&origin).write_all_at(b"another version", LENGTH - 100).unwrap();
    assert!(finish(stream) < LENGTH);
    assert_serves_on(&origin);
}

#[test]
fn a_file_that_is_overwritten_and_dated_back_ends_the_response() {
    let origin = origin();
    let stream = begin(&origin);
    let file = open(&origin);
    let modified = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(b"another version", LENGTH - 100).unwrap();
    file.set_modified(modified).unwrap();
    assert!(finish(stream) < LENGTH);
    assert_serves_on(&origin);
}

#[test]
fn a_file_of_which_blocks_are_kept_ends_the_response_when_it_changes() {
    let origin = origin();
    // Only what has not changed for two seconds is kept, and nobody can set that date.
    wait_until("blocks to be kept", || {
        assert_eq!(finish(begin(&origin)), LENGTH);
        descriptors_and_blocks(&origin).1 > 0
    });
    let stream = begin(&origin);
    open(&origin).write_all_at(b"another version", LENGTH - 100).unwrap();
    assert!(finish(stream) < LENGTH);
    assert_serves_on(&origin);
}

#[test]
fn a_file_that_grows_ends_the_response() {
    let origin = origin();
    let stream = begin(&origin);
    open(&origin).set_len(LENGTH + 1).unwrap();
    assert!(finish(stream) < LENGTH);
    assert_serves_on(&origin);
}

#[test]
fn a_file_whose_name_is_given_to_another_is_sent_to_its_end() {
    let origin = origin();
    let stream = begin(&origin);
    fs::rename(origin.path("other"), origin.path("file")).unwrap();
    assert_eq!(finish(stream), LENGTH);
    assert_eq!(origin.send("GET /file", &[]).body, content(1000));
}

#[test]
fn a_client_that_goes_away_is_no_error() {
    let origin = origin();
    drop(begin(&origin));
    assert_serves_on(&origin);
    let finished = origin.server.terminate();
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_connection_serves_many_requests() {
    let origin = origin();
    let mut stream = TcpStream::connect(origin.server.address("http")).unwrap();
    let request = b"GET /other HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-9\r\n\r\n";
    stream.write_all(&request.repeat(2)).unwrap();
    for _ in 0..2 {
        let mut answer = Vec::new();
        while !answer.windows(14).any(|window| window == [b"\r\n\r\n", &content(10)[..]].concat()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 206 "));
    }
}
