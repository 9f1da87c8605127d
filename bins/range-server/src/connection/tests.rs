//! What a connection makes of bytes, without a socket and on a clock that does not wait.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::http::StatusCode;
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::blocks::Stretch;

impl Transport for DuplexStream {
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        _: bool,
    ) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write_vectored(context, slices)
    }

    fn poll_send_file(&mut self, _: &mut Context<'_>, _: &Stretch) -> Poll<io::Result<usize>> {
        unreachable!("no answer here is of a file")
    }
}

/// Answers with the method, the path and the content of a request.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<StatusCode>>>);

impl Service for Echo {
    async fn answer(&self, request: Result<Request<Bytes>, Refusal>) -> Response<Content> {
        let mut response = match request {
            Ok(request) => {
                let content = String::from_utf8_lossy(request.body());
                let echo = format!("{} {} [{content}]", request.method(), request.uri());
                Response::new(Content::Bytes(echo.into()))
            }
            Err(refusal) => {
                let mut response = Response::new(Content::Bytes(refusal.message.into()));
                *response.status_mut() = refusal.status;
                response
            }
        };
        response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static("echo"));
        self.0.lock().unwrap().push(response.status());
        response
    }

    fn sent(&self, _: u64) {}
}

/// A client's end of a connection, and the server's.
fn connect(shutdown: Shutdown) -> (DuplexStream, JoinHandle<io::Result<()>>) {
    let (client, server) = duplex(1 << 10);
    (client, tokio::spawn(serve(server, shutdown, Echo::default())))
}

/// What comes back for bytes after which the client says that there are no more.
async fn exchange(bytes: &[u8]) -> String {
    let (client, _server) = connect(Shutdown::new());
    let (mut read, mut write) = tokio::io::split(client);
    let bytes = bytes.to_owned();
    let sending = tokio::spawn(async move {
        let _closed_before = write.write_all(&bytes).await;
        let _closed_before = write.shutdown().await;
    });
    let mut answer = String::new();
    read.read_to_string(&mut answer).await.unwrap();
    sending.await.unwrap();
    answer
}

/// The status of the only answer to `bytes`, after which the connection is closed.
async fn refused(bytes: &[u8]) -> String {
    let answer = exchange(bytes).await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(answer.matches("server: echo").count(), 1, "{answer}");
    answer.split(' ').nth(1).unwrap().to_owned()
}

fn contents(answer: &str) -> Vec<&str> {
    answer.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1").next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_in_order_until_the_client_is_done() {
    let answer =
        exchange(b"GET /1 HTTP/1.1\r\n\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\n\n").await;
    assert_eq!(contents(&answer), ["GET /1 []", "", "GET /3 []"]);
    assert_eq!(answer.matches("content-length: 9\r\n").count(), 2);
    assert_eq!(answer.matches("content-length: 10\r\n").count(), 1);
    assert!(!answer.contains("connection:"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_where_the_client_wants_it_to() {
    let request = |version, field| format!("GET / HTTP/{version}\r\n{field}\r\n").repeat(2);
    for (version, field, answers) in [
        ("1.1", "", 2),
        ("1.1", "Connection: keep-alive\r\n", 2),
        ("1.1", "Connection: x, Close\r\n", 1),
        ("1.0", "", 1),
        ("1.0", "Connection: Keep-Alive\r\n", 2),
    ] {
        let answer = exchange(request(version, field).as_bytes()).await;
        assert_eq!(contents(&answer).len(), answers, "{version} {field}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_is_read_whatever_its_framing_is() {
    let length = b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(contents(&exchange(length).await), ["PUT /a [hello]", "GET /b []"]);
    let chunked = b"GET /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n\
        2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(contents(&exchange(chunked).await), ["GET /a [hello]", "GET /b []"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_gets_it() {
    let (mut client, _server) = connect(Shutdown::new());
    client
        .write_all(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"ok").await.unwrap();
    let mut status = [0; 15];
    client.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
}

#[tokio::test(start_paused = true)]
async fn what_could_be_understood_in_two_ways_is_refused() {
    // RFC 9112 sections 5.1, 6.1, 6.3 and 7.1.
    for fields in [
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: +1",
        "Content-Length: 1, 1",
        "Content-Length:",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Content-Length : 1",
        "Host: a\r\n folded",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n0\r\n\r\n");
        assert_eq!(refused(request.as_bytes()).await, "400", "{fields}");
    }
    for coding in ["gzip, chunked", "identity", "chunked\r\nTransfer-Encoding: chunked"] {
        let request = format!("GET / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        assert_eq!(refused(request.as_bytes()).await, "501", "{coding}");
    }
    for chunks in ["x\r\n", "5\r\nhelloX\r\n", "-1\r\n", "\r\n", "fffffffffffffffff\r\n"] {
        let request = format!("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(refused(request.as_bytes()).await, "400", "{chunks}");
    }
    assert_eq!(refused(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").await, "400");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused() {
    for line in ["hello", "GET /", "GET  / HTTP/1.1", "G\u{e9}T / HTTP/1.1"] {
        assert_eq!(refused(format!("{line}\r\n\r\n").as_bytes()).await, "400", "{line}");
    }
    assert_eq!(refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, "505");
}

#[tokio::test(start_paused = true)]
async fn a_request_has_bounds() {
    let field = format!("GET / HTTP/1.1\r\nRange: bytes={}\r\n\r\n", "0-,".repeat(100_000));
    assert_eq!(refused(field.as_bytes()).await, "431");
    let fields = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_eq!(refused(fields.as_bytes()).await, "431");
    let length = b"PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n";
    assert_eq!(refused(length).await, "413");
    let chunk = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    assert_eq!(refused(chunk).await, "413");
    let line =
        [b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", &[b'x'; 9000][..]].concat();
    assert_eq!(refused(&line).await, "400");
}

#[tokio::test(start_paused = true)]
async fn half_a_request_is_told_so_in_time_and_none_is_not_waited_for() {
    let begun = Instant::now();
    let (mut client, _server) = connect(Shutdown::new());
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), REQUEST.as_secs());

    let begun = Instant::now();
    let (mut client, server) = connect(Shutdown::new());
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(begun.elapsed().as_secs(), IDLE.as_secs());
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_keep_a_half_request_alive() {
    let begun = Instant::now();
    let (mut client, _server) = connect(Shutdown::new());
    while client.write_all(b"G").await.is_ok() && begun.elapsed() < 2 * REQUEST {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(begun.elapsed() <= REQUEST + LINGER * 2, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let begun = Instant::now();
    let (mut client, server) = connect(Shutdown::new());
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(5000));
    client.write_all(long.as_bytes()).await.unwrap();
    let error = server.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), STALL.as_secs());
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_last_response_does_not_keep_the_connection() {
    let begun = Instant::now();
    let (mut client, server) = connect(Shutdown::new());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    server.await.unwrap().unwrap();
    assert!(begun.elapsed() <= LINGER + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_an_idle_connection_ends_at_once() {
    let shutdown = Shutdown::new();
    let (mut client, server) = connect(shutdown.clone());
    client.write_all(b"HEAD / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut status = [0; 15];
    client.read_exact(&mut status).await.unwrap();
    shutdown.cancel();
    let begun = Instant::now();
    server.await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
