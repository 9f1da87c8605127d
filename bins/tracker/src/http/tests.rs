//! Connections over HTTP without sockets. Time is paused: it moves only while everybody waits for it.

use std::net::SocketAddr;

use seedbed_http::Stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::Instant,
};

use super::*;
use crate::{
    counters::Outcome,
    messages::{RequestKind, Transport},
    policy::{
        Delivery,
        tests::{Recorder, targets},
    },
};

const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1)), 50_000);

/// Connects to a tracker with an engine of its own.
fn connect(
    engine: &Arc<Engine>,
) -> (DuplexStream, impl Future<Output = std::io::Result<()>> + Send + use<>) {
    let config = Config { max_query: 512, ..Config::default() };
    let tracker = Arc::new(Tracker::new(&config, engine, Clock::start()));
    let shutdown = Shutdown::new();
    let (client, stream) = duplex(1 << 16);
    let server = server(&config, Guard::default(), &tracker, &shutdown);
    (client, server.connection(Stream::from(stream), CLIENT, shutdown))
}

/// Sends a request, and returns all that comes back.
async fn ask(engine: &Arc<Engine>, request: &[u8]) -> Vec<u8> {
    let (mut client, connection) = connect(engine);
    let served = tokio::spawn(connection);
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let _ended_early = served.await.unwrap();
    answer
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Requests, each with what the policy sees of it.
fn requests() -> Vec<(Vec<u8>, RequestKind, Outcome)> {
    let targets = targets().into_iter();
    let mut requests: Vec<_> =
        targets.map(|(target, kind, outcome)| (get(target), kind, outcome)).collect();
    let malformed: [&[u8]; 4] = [
        b"nonsense\r\n\r\n",
        b"GET /announce HTTP/1.1\r\n\r\n",
        b"GET /announce HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n",
    ];
    let malformed = malformed.map(|it| (it.to_vec(), RequestKind::Unknown, Outcome::Invalid));
    requests.extend(malformed);
    requests
}

#[tokio::test(start_paused = true)]
async fn every_request_over_http_passes_the_policy() {
    let recorder = Recorder::default();
    for (request, kind, outcome) in requests() {
        ask(&recorder.engine(), &request).await;
        let text = request.escape_ascii();
        assert_eq!(recorder.take(), [(Transport::Http, kind, outcome)], "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn http_carries_out_what_the_policy_decides() {
    let nothing = Recorder::delivering(Delivery { limit: Some(0), ..Delivery::default() });
    let half = Recorder::delivering(Delivery { limit: Some(5), ..Delivery::default() });
    let delay = Duration::from_secs(3);
    let late = Recorder::delivering(Delivery { delay, ..Delivery::default() });
    for (request, ..) in requests() {
        let text = request.escape_ascii();
        let plain = ask(&Recorder::default().engine(), &request).await;
        let end = memchr::memmem::find(&plain, b"\r\n\r\n").unwrap() + 4;
        assert_eq!(ask(&nothing.engine(), &request).await, b"", "{text}");
        let cut = ask(&half.engine(), &request).await;
        assert_eq!(cut.len(), end + 5, "{text}");
        let began = Instant::now();
        let whole = ask(&late.engine(), &request).await;
        assert!(began.elapsed() >= delay, "{text}");
        assert_eq!(whole.len(), plain.len(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_answers_are_the_same_as_with_one_that_changes_nothing() {
    for (target, ..) in targets() {
        let engine = Arc::new(Engine::new(&Config::default(), 7));
        let config =
            Config { blacklist: [(*b"bbbbbbbbbbbbbbbbbbbb").into()].into(), ..Config::default() };
        let in_place = Arc::new(Engine::new(&config, 7));
        drop(engine);
        let body = |answer: Vec<u8>| {
            let end = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap() + 4;
            answer[end..].to_vec()
        };
        let with = body(ask(&Recorder::default().engine(), &get(target)).await);
        assert_eq!(body(ask(&in_place, &get(target)).await), with, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let engine = Arc::new(Engine::new(&Config::default(), 7));
    let (_client, connection) = connect(&engine);
    let began = Instant::now();
    let _closed = connection.await;
    assert_eq!(began.elapsed(), IDLE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_not_waited_for_however_slowly_it_comes() {
    let engine = Arc::new(Engine::new(&Config::default(), 7));
    let (mut client, connection) = connect(&engine);
    let served = tokio::spawn(connection);
    let began = Instant::now();
    for byte in get("/announce").into_iter().cycle() {
        let byte = if byte == b'\n' { b' ' } else { byte };
        if client.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let _closed = served.await.unwrap();
    assert!(began.elapsed() <= 2 * REQUEST_TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answers_is_given_up() {
    let engine = Arc::new(Engine::new(&Config::default(), 7));
    let (mut client, connection) = connect(&engine);
    let served = tokio::spawn(connection);
    let request = b"GET /announce HTTP/1.1\r\nHost: x\r\n\r\n";
    let began = Instant::now();
    // It never reads, so that the tracker stops reading too.
    while client.write_all(request).await.is_ok() {}
    let error = served.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed(), WRITE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_full_scrape_of_many_torrents_is_chunked() {
    const TORRENTS: u32 = 20_000;
    let engine = Arc::new(Engine::new(&Config::default(), 7));
    let tracker = Tracker::new(&Config::default(), &engine, Clock::start());
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..TORRENTS {
        let infohash: String = (0..20).map(|_| random.alphanumeric()).collect();
        let query = format!("info_hash={infohash}&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1");
        let parsed =
            tracker.parse(respond::Endpoint::Announce, query.as_bytes(), CLIENT.ip(), None);
        tracker.handle(&parsed, CLIENT.ip(), &mut Vec::new());
    }
    let answer = ask(&engine, &get("/scrape")).await;
    let head = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"));
    // A name of a key can be cut by the end of no chunk: each part of the store is a chunk.
    assert_eq!(memchr::memmem::find_iter(&answer, b"8:complete").count(), TORRENTS as usize);
}
