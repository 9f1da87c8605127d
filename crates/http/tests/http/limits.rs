//! Every bound, and that it takes effect. Time is paused: it goes on only while everybody waits.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response},
};
use seedbed_http::{
    App, Limits, Server,
    limits::{FIELDS, LINGER, LINGER_BYTES},
};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};

use crate::{connect, connect_with, echo_server, exchange, exchange_with, refused, service};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends a request and reads its answer, whose content is `GET / []`.
async fn get(client: &mut tokio::io::DuplexStream) {
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"GET / []") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "the connection ended");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_is_no_larger_than_its_limit() {
    let ranges = "0-,".repeat(100_000);
    assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: a\r\nRange: {ranges}\r\n\r\n")).await, 431);
    assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: a\r\nRange: {ranges}")).await, 431);
    let fields = |count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(refused(fields(FIELDS)).await, 431);
    assert!(exchange(fields(FIELDS - 1)).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let small = echo_server().limits(Limits { head: 100, ..Limits::default() });
    let head = |length: usize| format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(length));
    let length = head(0).len();
    assert!(exchange_with(&small, head(100 - length)).await.starts_with("HTTP/1.1 200 "));
    assert!(exchange_with(&small, head(101 - length)).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn content_is_no_larger_than_its_limit() {
    let put = |fields: &str| format!("PUT / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    assert_eq!(refused(put("Content-Length: 99999999999999999999\r\n")).await, 413);
    assert_eq!(refused(put("Content-Length: 1048577\r\n")).await, 413);
    assert_eq!(refused(put("Transfer-Encoding: chunked\r\n") + "100001\r\n").await, 413);
    let line = format!("1;{}", "x".repeat(9000));
    assert_eq!(refused(put("Transfer-Encoding: chunked\r\n") + &line).await, 400);
    let trailers = format!("0\r\n{}", "a: b\r\n".repeat(9000));
    assert_eq!(refused(put("Transfer-Encoding: chunked\r\n") + &trailers).await, 431);
    let small = echo_server().limits(Limits { body: 3, ..Limits::default() });
    let request =
        |length: usize| put(&format!("Content-Length: {length}\r\n")) + &"x".repeat(length);
    assert!(exchange_with(&small, request(3)).await.ends_with("[xxx]"));
    assert!(exchange_with(&small, request(4)).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_in_time() {
    let idle = Limits::default().idle;
    let (mut client, served) = connect(&echo_server());
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    served.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), idle.as_secs());

    let (mut client, _served) = connect(&echo_server());
    for _ in 0..5 {
        tokio::time::sleep(idle - Duration::from_secs(1)).await;
        get(&mut client).await;
    }
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), idle.as_secs());
}

#[tokio::test(start_paused = true)]
async fn half_a_request_gets_408_in_time() {
    let limit = Limits::default().request;
    for half in
        ["G", "GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"]
    {
        let (mut client, _served) = connect(&echo_server());
        // An idle connection has a longer deadline, which must not stay in force.
        get(&mut client).await;
        let began = Instant::now();
        client.write_all(half.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(began.elapsed().as_secs(), limit.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_keep_half_a_request_alive() {
    let limit = Limits::default().request;
    let began = Instant::now();
    let (mut client, _served) = connect(&echo_server());
    while client.write_all(b"G").await.is_ok() && began.elapsed() < 2 * limit {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() <= limit + LINGER * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let limit = Limits::default().write;
    let began = Instant::now();
    let (mut client, served) = connect(&echo_server());
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(5000));
    client.write_all(long.as_bytes()).await.unwrap();
    let error = served.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed().as_secs(), limit.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_that_takes_something_is_not_given_up() {
    async fn long(_: Request<Body>) -> Response<Body> {
        Response::new("x".repeat(10_000).into())
    }
    let server = Server::new("test", App::new(service(long)));
    let (mut client, _served) = connect(&server);
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(&[b'x'; 9_999]) {
        tokio::time::sleep(Limits::default().write - Duration::from_secs(1)).await;
        let mut some = [0; 2000];
        let read = client.read(&mut some).await.unwrap();
        assert_ne!(read, 0, "given up after {} bytes", answer.len());
        answer.extend_from_slice(&some[..read]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_last_answer_does_not_keep_the_connection() {
    let began = Instant::now();
    let (mut client, served) = connect(&echo_server());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    served.await.unwrap().unwrap();
    assert!(began.elapsed() <= LINGER + Duration::from_millis(10));

    let (mut client, served) = connect(&echo_server());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut sent = 0;
    while client.write_all(&[0; 1024]).await.is_ok() {
        sent += 1024;
    }
    served.await.unwrap().unwrap();
    assert!(sent <= LINGER_BYTES + (4 << 10), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_a_connection_ends_at_once_unless_a_request_is_under_way() {
    let shutdown = Shutdown::new();
    let (mut client, served) = connect_with(&echo_server(), &shutdown, 1 << 10);
    get(&mut client).await;
    shutdown.cancel();
    let began = Instant::now();
    served.await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);

    async fn slow(_: Request<Body>) -> Response<Body> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Response::new("slow".into())
    }
    let shutdown = Shutdown::new();
    let server = Server::new("test", App::new(service(slow)));
    let (mut client, _served) = connect_with(&server, &shutdown, 1 << 10);
    client.write_all(GET.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    shutdown.cancel();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("slow"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}
