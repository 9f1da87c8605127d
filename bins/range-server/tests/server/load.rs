//! Many readers at once, and readers that do not read.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use seedbed_testkit::wait_until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Origin, content};

const READERS: usize = 500;
const LENGTH: usize = 64 << 20;

/// What the cache may hold, and as much again.
const MEMORY_KIB: u64 = 256 << 10;

/// How many files and sockets the server has open, and the KiB of the blocks that it keeps, which
/// are files that lie in memory.
pub(crate) fn descriptors_and_blocks(origin: &Origin) -> (usize, u64) {
    let (mut count, mut blocks) = (0, 0);
    for entry in fs::read_dir(format!("/proc/{}/fd", origin.server.pid())).unwrap() {
        let path = entry.unwrap().path();
        // It may have been closed just now.
        let Ok(target) = fs::read_link(&path) else { continue };
        if target.starts_with("/memfd:block (deleted)") {
            blocks += fs::metadata(&path).map_or(0, |block| block.blocks() / 2);
        } else {
            count += 1;
        }
    }
    (count, blocks)
}

/// Memory is that of the process at its peak and of the blocks now, in KiB.
fn threads_and_memory(origin: &Origin) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", origin.server.pid())).unwrap();
    let number = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        value.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    (number("Threads:"), number("VmHWM:") + descriptors_and_blocks(origin).1)
}

/// Reads random ranges on one connection until `end`. How many they were.
async fn read(address: SocketAddr, file: Arc<Vec<u8>>, seed: u64, end: Instant) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut count, mut buffer) = (0, Vec::new());
    while Instant::now() < end {
        let first = random.usize(..file.len());
        let last = (first + random.usize(..200_000)).min(file.len() - 1);
        let request =
            format!("GET /file HTTP/1.1\r\nHost: localhost\r\nRange: bytes={first}-{last}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        buffer.clear();
        let head = loop {
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0, "the connection ended");
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        assert!(buffer.starts_with(b"HTTP/1.1 206 "));
        while buffer.len() < head + last - first + 1 {
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0, "the connection ended");
        }
        assert!(buffer[head..] == file[first..=last], "wrong bytes of {first}-{last}");
        count += 1;
    }
    count
}

#[test]
fn five_hundred_readers_get_every_byte_right_and_leave_nothing_behind() {
    let seconds = std::env::var("LOAD_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    let origin = Origin::start(&[]);
    let file = Arc::new(content(LENGTH));
    origin.write("file", &*file, 0);
    let _warm = origin.send("HEAD /file", &[]);
    let (before, _) = descriptors_and_blocks(&origin);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ranges: u64 = runtime.block_on(async {
        let end = Instant::now() + Duration::from_secs(seconds);
        let readers: Vec<_> = (0..READERS as u64)
            .map(|seed| read(origin.server.address("http"), Arc::clone(&file), seed, end))
            .map(tokio::spawn)
            .collect();
        let mut sum = 0;
        for reader in readers {
            sum += reader.await.unwrap();
        }
        sum
    });
    let (_, memory) = threads_and_memory(&origin);
    println!("{READERS} readers, {seconds} s: {ranges} ranges, {memory} KiB at most");
    assert!(ranges >= READERS as u64);
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    wait_until("the descriptors to be closed", || descriptors_and_blocks(&origin).0 <= before);
    assert_eq!(origin.server.terminate().stderr, "");
}

#[test]
fn readers_that_do_not_read_cost_neither_threads_nor_memory() {
    let origin = Origin::start(&[]);
    origin.write("file", content(LENGTH), 0);
    assert_eq!(origin.send("GET /file", &[]).body.len(), LENGTH);
    let before = threads_and_memory(&origin);
    let stuck: Vec<TcpStream> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(origin.server.address("http")).unwrap();
            let request = "GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n";
            // Every other one does not even ask to the end.
            let end = if n % 2 == 0 { request.len() } else { request.len() - 2 };
            stream.write_all(&request.as_bytes()[..end]).unwrap();
            if n % 2 == 0 {
                stream.read_exact(&mut [0; 100]).unwrap();
            }
            stream
        })
        .collect();
    assert_eq!(origin.send("GET /file", &[("Range", "bytes=5-9")]).body, content(10)[5..]);
    let after = threads_and_memory(&origin);
    // Sixteen reads at a time, and a thread that ends one may still be about when the next begins.
    assert!(after.0 < before.0 + 50, "{before:?} {after:?}");
    assert!(after.1 < MEMORY_KIB, "{before:?} {after:?}");
    drop(stuck);
}

#[test]
fn blocks_of_a_file_that_has_settled_are_kept_and_those_of_another_version_are_not_sent() {
    const LENGTH: usize = 2 << 20;
    let origin = Origin::start(&[]);
    let get = || origin.send("GET /file", &[]);
    let blocks = || descriptors_and_blocks(&origin).1;
    origin.write("file", vec![1; LENGTH], 0);
    let first = get();
    assert!(first.body == vec![1; LENGTH]);
    // A file is kept once its last change is two seconds ago, and nobody can set that date.
    wait_until("blocks to be kept", || {
        assert!(get().body == first.body);
        blocks() >= (LENGTH as u64) >> 10
    });
    let kept = get();
    assert!(kept.body == first.body && kept.header("etag") == first.header("etag"));
    origin.write("file", vec![2; LENGTH], 0);
    let changed = get();
    assert!(changed.body == vec![2; LENGTH]);
    assert_ne!(changed.header("etag"), first.header("etag"));
}
