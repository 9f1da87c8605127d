//! The HTTP/1.1 server, over streams in memory on a paused clock, and over sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod content;
mod delivery;
mod fast_path;
mod framing;
mod limits;
mod syntax;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

use std::{convert::Infallible, io};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Request, Response, header},
};
use seedbed_http::{App, FastPath, HttpService, Server};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinHandle,
};
use tower_service::Service;

/// A client's end of a connection, and the server's.
type Connection = (DuplexStream, JoinHandle<io::Result<()>>);

/// Answers with the method, the target and the content of a request.
async fn echo(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let text = format!("{} {} [{}]", parts.method, parts.uri, String::from_utf8_lossy(&body));
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("echo"));
    response
}

/// A service made of a function.
fn service<F>(
    answer: fn(Request<Body>) -> F,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    tower::service_fn(move |request| async move { Ok(answer(request).await) })
}

fn echo_server() -> Server<impl HttpService> {
    Server::new("test", App::new(service(echo)))
}

fn connect<S: HttpService, F: FastPath>(server: &Server<S, F>) -> Connection {
    connect_with(server, &Shutdown::new(), 1 << 10)
}

/// A connection that holds so many bytes in each direction.
fn connect_with<S: HttpService, F: FastPath>(
    server: &Server<S, F>,
    shutdown: &Shutdown,
    buffer: usize,
) -> Connection {
    let (client, stream) = duplex(buffer);
    let remote = ([192, 0, 2, 1], 4711).into();
    let served = server.connection(stream.into(), remote, shutdown.clone());
    (client, tokio::spawn(served))
}

/// What comes back for bytes after which the client says that there are no more.
async fn exchange_with<S: HttpService, F: FastPath>(
    server: &Server<S, F>,
    bytes: impl AsRef<[u8]>,
) -> String {
    let (client, _served) = connect_with(server, &Shutdown::new(), 1 << 10);
    let (mut read, mut write) = tokio::io::split(client);
    let bytes = bytes.as_ref().to_owned();
    let sending = tokio::spawn(async move {
        let _closed_before = write.write_all(&bytes).await;
        let _closed_before = write.shutdown().await;
    });
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await.unwrap();
    sending.await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn exchange(bytes: impl AsRef<[u8]>) -> String {
    exchange_with(&echo_server(), bytes).await
}

/// The status of the only answer to `bytes`, after which the connection is closed. A request that
/// would be answered follows them.
async fn refused(bytes: impl AsRef<[u8]>) -> u16 {
    let next = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = exchange([bytes.as_ref(), next].concat()).await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(count(&answer), 1, "{answer}");
    assert!(!answer.contains("server: echo"), "{answer}");
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// How many answers there are in a stream.
fn count(answer: &str) -> usize {
    let is_status = |rest: &&str| rest.starts_with(|first: char| first.is_ascii_digit());
    answer.split("HTTP/1.1 ").filter(is_status).count()
}

/// The contents of the answers in a stream.
fn contents(answer: &str) -> Vec<&str> {
    answer.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1 ").next().unwrap()).collect()
}
