//! Connections that are slow, silent or half open. Time is paused: it goes on only while everybody
//! waits for it.

use seedbed_metainfo::Infohash;
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::{Config, clock::Clock, engine::Engine};

const ANNOUNCE: &[u8] =
    b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&compact=1 \
      HTTP/1.1\r\n\r\n";

struct Client {
    stream: DuplexStream,
    shutdown: Shutdown,
    served: JoinHandle<io::Result<Next>>,
    began: Instant,
}

impl Client {
    /// A client of a connection that takes so many bytes before they are read.
    fn connect(buffer: usize) -> Self {
        let config = Config::default();
        let engine = Arc::new(Engine::new(&config, 7));
        let app = Arc::new(Tracker::new(&config, &engine, Clock::start()));
        Self::connect_to(app, buffer)
    }

    fn connect_to(app: Arc<Tracker>, buffer: usize) -> Self {
        let (stream, server) = duplex(buffer);
        let shutdown = Shutdown::new();
        let client = ([127, 0, 0, 1], 1).into();
        let mut connection = Connection::new(server, client, app, shutdown.clone());
        let served = tokio::spawn(async move { connection.announces().await });
        Self { stream, shutdown, served, began: Instant::now() }
    }

    /// Sends a request and waits for the end of its answer.
    async fn announce(&mut self) {
        self.stream.write_all(ANNOUNCE).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"6:peers60:e") {
            assert!(self.stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
        }
    }

    /// Waits for the end, and gives what the connection has become and when, in seconds.
    async fn end(self) -> (io::Result<Next>, u64) {
        let next = self.served.await.unwrap();
        (next, self.began.elapsed().as_secs())
    }

    async fn expect_closed_between(self, earliest: u64, latest: u64) {
        let (next, seconds) = self.end().await;
        assert_eq!(next.unwrap(), Next::Closed);
        assert!((earliest..=latest).contains(&seconds), "after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    Client::connect(1024).expect_closed_between(10, 10).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_not_waited_for_however_slowly_it_comes() {
    let mut half = Client::connect(1024);
    half.stream.write_all(&ANNOUNCE[..50]).await.unwrap();
    half.expect_closed_between(10, 10).await;
    let mut slow = Client::connect(1024);
    slow.announce().await;
    for byte in ANNOUNCE {
        if slow.stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    slow.expect_closed_between(10, 60).await;
}

#[tokio::test(start_paused = true)]
async fn half_of_a_second_head_is_not_waited_for_either() {
    let mut client = Client::connect(1024);
    client.announce().await;
    client.stream.write_all(&ANNOUNCE[..50]).await.unwrap();
    client.expect_closed_between(10, 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_kept_may_be_silent_for_two_minutes() {
    let mut client = Client::connect(1024);
    for _ in 0..5 {
        client.announce().await;
        sleep(Duration::from_secs(110)).await;
    }
    client.announce().await;
    client.expect_closed_between(550 + 120, 550 + 130).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_is_given_up() {
    let mut client = Client::connect(ANNOUNCE.len());
    client.stream.write_all(ANNOUNCE).await.unwrap();
    let Client { stream: _never_read, served, began, .. } = client;
    let error = served.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_in_the_middle_of_a_head_is_gone_at_once() {
    let mut client = Client::connect(1024);
    client.stream.write_all(&ANNOUNCE[..50]).await.unwrap();
    let Client { stream, served, began, .. } = client;
    drop(stream);
    assert_eq!(served.await.unwrap().unwrap(), Next::Closed);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_ends_at_shutdown() {
    let mut client = Client::connect(1024);
    client.announce().await;
    client.shutdown.cancel();
    client.expect_closed_between(0, 0).await;
}

/// A tracker that knows so many torrents.
fn with_torrents(count: u64) -> Arc<Tracker> {
    let config = Config::default();
    let engine = Arc::new(Engine::new(&config, 7));
    let app = Arc::new(Tracker::new(&config, &engine, Clock::start()));
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..count {
        let mut infohash = [0; 20];
        random.fill(&mut infohash);
        let infohash = Infohash::new(infohash).to_string();
        let escaped: String = infohash
            .as_bytes()
            .chunks(2)
            .map(|digits| format!("%{}", String::from_utf8_lossy(digits)))
            .collect();
        let query = format!("info_hash={escaped}&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1");
        let client = [127, 0, 0, 1].into();
        let endpoint = super::super::respond::Endpoint::Announce;
        app.respond(endpoint, query.as_bytes(), client, None, &mut Vec::new());
    }
    app
}

#[tokio::test(start_paused = true)]
async fn a_full_scrape_of_many_torrents_is_chunked_and_takes_the_memory_of_a_part() {
    const TORRENTS: u64 = 20_000;
    let app = with_torrents(TORRENTS);
    let (mut stream, server) = duplex(1 << 16);
    let client = ([127, 0, 0, 1], 1).into();
    let mut connection = Connection::new(server, client, app, Shutdown::new());
    let served = tokio::spawn(async move {
        let next = connection.announces().await;
        (next, connection.output.capacity().max(connection.body.capacity()))
    });
    stream.write_all(b"GET /scrape HTTP/1.1\r\n\r\n").await.unwrap();
    stream.write_all(b"GET /scrape HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).await.unwrap();
    let (next, memory) = served.await.unwrap();
    assert_eq!(next.unwrap(), Next::Linger);
    assert!(memory < answers.len() / 8, "{memory} of {}", answers.len());
    let end = b"\r\n0\r\n\r\n";
    let at = memchr::memmem::find(&answers, end).unwrap() + end.len();
    let (first, second) = answers.split_at(at);
    let bodies = [unchunk(body(first)), body(second).to_vec()];
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[0].starts_with(b"d5:filesd20:") && bodies[0].ends_with(b"eee"));
    assert_eq!(memchr::memmem::find_iter(&bodies[0], b"8:complete").count() as u64, TORRENTS);
}

fn body(answer: &[u8]) -> &[u8] {
    &answer[memchr::memmem::find(answer, b"\r\n\r\n").unwrap() + 4..]
}

/// A body of chunks, put together.
fn unchunk(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = memchr::memchr(b'\r', chunks).unwrap();
        let length =
            usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        let chunk = &chunks[end + 2..];
        if length == 0 {
            assert_eq!(chunk, b"\r\n");
            return body;
        }
        body.extend_from_slice(&chunk[..length]);
        assert_eq!(&chunk[length..length + 2], b"\r\n");
        chunks = &chunk[length + 2..];
    }
}
