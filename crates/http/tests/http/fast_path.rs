//! Answers made straight from the head of a request.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use seedbed_http::{FastPath, Head, Limits, RequestLine, Server};
use seedbed_http::{HttpService, limits::PIPELINE};

use crate::{count, echo_server, exchange_with};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

/// Answers `/fast` with its query, a field and the address of the client.
#[derive(Clone, Default)]
struct Fast(Arc<AtomicUsize>);

impl FastPath for Fast {
    fn answer(
        &self,
        request: &Head<'_>,
        remote: SocketAddr,
        body: &mut Vec<u8>,
    ) -> Option<&'static [u8]> {
        assert!(body.is_empty());
        (request.line.path == b"/fast").then_some(())?;
        self.0.fetch_add(1, Ordering::Relaxed);
        body.extend_from_slice(request.line.query);
        body.extend_from_slice(request.last(b"x-forwarded-for").unwrap_or_default());
        body.extend_from_slice(remote.ip().to_string().as_bytes());
        Some(OK)
    }

    fn head_too_large(
        &self,
        line: &RequestLine<'_>,
        _: SocketAddr,
        body: &mut Vec<u8>,
    ) -> Option<&'static [u8]> {
        (line.path == b"/fast").then_some(())?;
        body.extend_from_slice(b"too large");
        Some(OK)
    }
}

fn server() -> (Server<impl HttpService, Fast>, Fast) {
    let fast = Fast::default();
    (echo_server().raw_targets(true).fast_path(fast.clone()), fast)
}

#[tokio::test(start_paused = true)]
async fn fast_and_other_answers_come_in_the_order_of_their_requests() {
    let (server, fast) = server();
    let answer = exchange_with(
        &server,
        b"GET /fast?\xff b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: x\r\nX-Forwarded-For: y\r\n\r\n\
          GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\
          GET http://a/fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
          GET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    let answers: Vec<_> = answer.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    let [first, second, third] = answers[..] else { panic!("{answer}") };
    assert!(first.contains("Content-Length: 13\r\n\r\n"), "{first}");
    assert!(first.ends_with(" by192.0.2.1"), "{first}");
    assert!(second.ends_with("GET /slow []"), "{second}");
    assert!(third.contains("Connection: close\r\n") && third.ends_with("\r\n\r\n192.0.2.1"));
    assert_eq!(fast.0.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_never_reaches_the_fast_path() {
    for request in [
        "GET /fast HTTP/1.1\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /fast HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n",
        "GET /fast HTTP/2.0\r\nHost: a\r\n\r\n",
    ] {
        let (server, fast) = server();
        let answer = exchange_with(&server, request.repeat(2)).await;
        assert_eq!(count(&answer), 1, "{answer}");
        assert_eq!(fast.0.load(Ordering::Relaxed), 0, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_content_is_left_to_the_service() {
    let (server, fast) = server();
    let request = "POST /fast HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let answer = exchange_with(&server, request.repeat(2)).await;
    assert_eq!(answer.matches("POST /fast [hi]").count(), 2, "{answer}");
    assert_eq!(fast.0.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_is_answered_as_the_fast_path_wants_it() {
    let (server, _) = server();
    let server = server.limits(Limits { head: 200, ..Limits::default() });
    let long = "x".repeat(300);
    for request in [
        format!("GET /fast?{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /fast?{long}"),
        format!("GET /fast HTTP/1.1\r\nHost: {long}"),
    ] {
        let answer = exchange_with(&server, request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ntoo large"), "{answer}");
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
    }
    let answer = exchange_with(&server, format!("GET /slow?{long}")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn any_number_of_requests_may_be_pipelined() {
    let (server, fast) = server();
    let request = "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = exchange_with(&server, request.repeat(3000)).await;
    assert_eq!(answer.matches("192.0.2.1").count(), 3000);
    assert!(answer.len() > 2 * PIPELINE, "the answers are written in several batches");
    assert_eq!(fast.0.load(Ordering::Relaxed), 3000);
}
