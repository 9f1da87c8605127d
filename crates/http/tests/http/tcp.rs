//! The listener: limits on connections, threads, shutdown.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use axum::{Router, routing::get};
use seedbed_http::{App, Limits, Server};
use seedbed_service::Shutdown;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let slow = {
            let shutdown = shutdown.clone();
            // It ends after the shutdown that it asks for.
            async move || {
                shutdown.cancel();
                tokio::time::sleep(Duration::from_millis(100)).await;
                "slow"
            }
        };
        let thread = async || std::thread::current().name().unwrap_or_default().to_owned();
        let router = Router::new().route("/", get(thread)).route("/slow", get(slow));
        let serving = Server::new("http-test", App::new(router))
            .limits(limits)
            .serve(listener, shutdown.clone());
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serving).unwrap();
        });
        Self { address, shutdown, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Sends a request and reads its answer, to the end of its content.
fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"http-test") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

fn read_to_end(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn requests_are_served_on_the_threads_of_the_server() {
    let server = Running::start(Limits::default());
    let mut streams: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for stream in streams.iter_mut().chain(&mut [server.connect()]) {
        assert!(ask(stream).starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn more_connections_than_the_limit_get_503_until_one_ends() {
    for limits in [
        Limits { max_connections: 2, ..Limits::default() },
        Limits { max_connections_per_address: Some(2), ..Limits::default() },
    ] {
        let server = Running::start(limits);
        let (mut first, mut second) = (server.connect(), server.connect());
        ask(&mut first);
        ask(&mut second);
        let refused = read_to_end(server.connect());
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        let (head, content) = refused.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", content.len())), "{refused}");
        first.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_to_end(first), "");
        // The end of a connection is seen a little after the client sees it.
        let served = (0..1000).any(|_| {
            let mut stream = server.connect();
            let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
            let mut answer = String::new();
            asked.is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.starts_with("HTTP/1.1 200 ")
        });
        assert!(served);
    }
}

#[test]
fn at_shutdown_a_request_under_way_is_answered_and_idle_connections_are_closed() {
    let server = Running::start(Limits::default());
    let (mut idle, mut busy, mut half) = (server.connect(), server.connect(), server.connect());
    ask(&mut idle);
    ask(&mut busy);
    half.write_all(b"GET / HT").unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(read_to_end(busy).ends_with("slow"));
    assert_eq!(read_to_end(idle), "");
    drop(half);
}
