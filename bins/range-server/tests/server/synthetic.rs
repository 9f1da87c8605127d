//! `/synthetic/{size}?seed=N`.

use std::process::{Command, Stdio};

use seedbed_synthetic::Keystream;

use crate::Origin;

fn bytes(seed: u64, offset: u64, length: usize) -> Vec<u8> {
    let mut buffer = vec![0; length];
    Keystream::new(seed).fill(offset, &mut buffer);
    buffer
}

#[test]
fn it_has_the_bytes_of_its_seed() {
    let origin = Origin::start(&[]);
    for (query, seed) in [("", 0), ("?seed=7", 7)] {
        let response = origin.send(&format!("GET /synthetic/1000000{query}"), &[]);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-length"), Some("1000000"));
        assert_eq!(response.header("content-type"), Some("application/octet-stream"));
        assert!(response.body == bytes(seed, 0, 1_000_000), "not the bytes of seed {seed}");
    }
}

#[test]
fn openssl_makes_the_same() {
    let script = "key=$(printf 'seedbed:7' | sha256sum | head -c 32); head -c 5000 /dev/zero | \
        openssl enc -aes-128-ctr -K $key -iv 00000000000000000000000000000000";
    let openssl =
        Command::new("sh").args(["-c", script]).stderr(Stdio::inherit()).output().unwrap();
    let response = Origin::start(&[]).send("GET /synthetic/5000?seed=7", &[]);
    assert!(response.body == openssl.stdout, "this test needs openssl: apt-get install openssl");
}

#[test]
fn ranges_are_as_those_of_a_file() {
    let origin = Origin::start(&[]);
    let get = |size: u64, range| {
        origin.send(&format!("GET /synthetic/{size}?seed=3"), &[("Range", range)])
    };
    let part = get(u64::MAX, "bytes=9999999999-10000099998");
    assert_eq!(part.status, 206);
    assert!(part.body == bytes(3, 9_999_999_999, 100_000), "not the bytes of seed 3");
    assert!(get(u64::MAX, "bytes=-5").body == bytes(3, u64::MAX - 5, 5), "not the last bytes");
    let parts = get(200_000, "bytes=0-0,100000-199999");
    assert_eq!(parts.header("content-length"), Some(&*parts.body.len().to_string()));
    assert!(parts.body.windows(100_000).any(|window| window == bytes(3, 100_000, 100_000)));
    let beyond = get(10, "bytes=10-");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(origin.send("GET /synthetic/0", &[]).header("content-length"), Some("0"));
}

#[test]
fn the_tag_is_of_size_and_seed() {
    let origin = Origin::start(&[]);
    let etag = |path| {
        let response = origin.send(&format!("HEAD {path}"), &[]);
        response.header("etag").unwrap().to_owned()
    };
    let tag = etag("/synthetic/1000?seed=1");
    assert!(!tag.starts_with("W/"));
    assert_eq!(tag, etag("/synthetic/1000?seed=1"));
    assert_ne!(tag, etag("/synthetic/1001?seed=1"));
    assert_ne!(tag, etag("/synthetic/1000?seed=2"));
    let get = |fields: &[_]| origin.send("GET /synthetic/1000?seed=1", fields).status;
    assert_eq!(get(&[("If-None-Match", &*tag)]), 304);
    assert_eq!(get(&[("Range", "bytes=0-0"), ("If-Range", &*tag)]), 206);
    assert_eq!(get(&[("If-Match", "\"x\"")]), 412);
}

#[test]
fn a_size_or_seed_that_is_none_is_refused() {
    let origin = Origin::start(&[]);
    for (path, status) in [
        ("/synthetic/", 404),
        ("/synthetic/x", 404),
        ("/synthetic/-1", 404),
        ("/synthetic/18446744073709551616", 404),
        ("/synthetic/10/x", 404),
        ("/synthetic/10?seed=x", 400),
    ] {
        assert_eq!(origin.send(&format!("GET {path}"), &[]).status, status, "{path}");
    }
    assert_eq!(origin.send("POST /synthetic/10", &[]).status, 405);
}
