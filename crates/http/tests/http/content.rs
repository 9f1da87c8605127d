//! Content that comes from a source, over a socket and over a stream without sendfile.

use std::{
    io::{self, Write as _},
    ops::Range,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    body::{Body, Bytes},
    http::{Request, Response},
};
use futures_util::future::BoxFuture;
use seedbed_http::{App, Chunk, Content, FileSlice, HttpService, Piece, Server, Source};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::exchange_with;

const LENGTH: u64 = 1 << 20;

fn byte(position: u64) -> u8 {
    (position % 251) as u8
}

fn bytes(range: Range<u64>) -> Vec<u8> {
    range.map(byte).collect()
}

/// Half of it lies in a file, the other half in memory, where only waiting gets at it.
struct Halves {
    file: Arc<std::fs::File>,
    sent: AtomicU64,
    changed: Mutex<bool>,
}

impl Halves {
    fn new() -> Arc<Self> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes(0..LENGTH / 2)).unwrap();
        Arc::new(Self { file: Arc::new(file), sent: AtomicU64::new(0), changed: Mutex::new(false) })
    }
}

impl Source for Halves {
    fn try_read(&self, range: Range<u64>) -> io::Result<Option<Chunk>> {
        let Range { start, end } = range;
        Ok((start < LENGTH / 2).then(|| {
            let length = end.min(LENGTH / 2) - start;
            Chunk::File(FileSlice::new(self.file.clone(), start, length))
        }))
    }

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Chunk>> {
        let end = range.end.min(range.start + 10_000);
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(Chunk::Bytes(bytes(range.start..end).into()))
        })
    }

    fn verify(&self) -> io::Result<()> {
        if *self.changed.lock().unwrap() { Err(io::Error::other("it changed")) } else { Ok(()) }
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

static HALVES: LazyLock<Arc<Halves>> = LazyLock::new(Halves::new);

/// All of it between two lines.
fn server(source: Arc<Halves>) -> Server<impl HttpService> {
    let answer = tower::service_fn(move |_: Request<Body>| {
        let pieces = [
            Piece::Bytes(Bytes::from("begin\n")),
            Piece::Range(0..0),
            Piece::Range(0..LENGTH),
            Piece::Bytes(Bytes::new()),
            Piece::Bytes(Bytes::from("\nend")),
        ];
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Content::new(source.clone(), pieces));
        std::future::ready(Ok(response))
    });
    Server::new("test", App::new(answer))
}

fn expected() -> Vec<u8> {
    [b"begin\n", &bytes(0..LENGTH)[..], b"\nend"].concat()
}

#[tokio::test]
async fn every_byte_is_right_over_a_socket() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let source = Halves::new();
    let serving = tokio::spawn(server(source.clone()).serve(listener, shutdown.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&expected()));
    assert_eq!(source.sent.load(Ordering::Relaxed), LENGTH);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_byte_is_right_over_a_stream_without_sendfile() {
    let (mut client, _served) = crate::connect(&server(HALVES.clone()));
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..300]).into_owned();
    assert!(text.contains(&format!("content-length: {}\r\n", LENGTH + 10)), "{text}");
    assert!(answer.ends_with(&expected()));
}

#[tokio::test(start_paused = true)]
async fn head_has_the_length_and_no_content() {
    let request = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2);
    let answer = exchange_with(&server(HALVES.clone()), request).await;
    assert_eq!(answer.matches(&format!("content-length: {}\r\n", LENGTH + 10)).count(), 2);
    assert!(answer.ends_with("\r\n\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changes_ends_the_connection() {
    let source = Halves::new();
    let (mut client, served) = crate::connect(&server(source.clone()));
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 1000]).await.unwrap();
    *source.changed.lock().unwrap() = true;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert!((rest.len() as u64) < LENGTH);
    assert!(served.await.unwrap().is_err());
}
