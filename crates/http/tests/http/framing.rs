//! RFC 9112 sections 6 and 7: where the content of a message ends.

use axum::{
    body::{Body, Bytes},
    http::{Request, Response, StatusCode, header},
};
use futures_util::stream;
use seedbed_http::{App, Server};

use crate::{contents, exchange, exchange_with, refused, service};

#[tokio::test(start_paused = true)]
async fn content_is_read_whatever_its_framing_is() {
    let answer = exchange(
        "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
         PUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked\r\n\r\n\
         5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n\
         GET /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(contents(&answer), ["PUT /1 [hello]", "PUT /2 [hello world]", "GET /3 []"]);
}

#[tokio::test(start_paused = true)]
async fn framing_that_can_be_read_in_two_ways_is_refused() {
    for fields in [
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length:",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
    ] {
        let request = format!("PUT / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n");
        assert_eq!(refused(request).await, 400, "{fields}");
    }
    for coding in [
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked;q=1",
        "xchunked",
        "\"chunked\"",
        "identity",
        "",
        "chunked\r\nTransfer-Encoding: chunked",
    ] {
        let request =
            format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        assert_eq!(refused(request).await, 501, "{coding}");
    }
    let request = "PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(refused(request).await, 400);
}

#[tokio::test(start_paused = true)]
async fn chunks_are_as_long_as_they_say() {
    for chunks in [
        "x\r\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\n",
        "5\nhello\r\n0\r\n\r\n",
        "-1\r\n",
        "\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let request =
            format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(refused(request).await, 400, "{chunks}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_gets_it_unless_its_content_is_too_large() {
    let put = |length| {
        format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let answer = exchange(put(3)).await;
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\n"), "{answer}");
    let answer = exchange(put(3) + "abc").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = exchange(put(1 << 30)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// A stream of two parts, `/short` with a length that is too large, `/empty` without content.
async fn stream(request: Request<Body>) -> Response<Body> {
    let parts = ["hello", "", " world"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
    let mut response = Response::new(Body::from_stream(stream::iter(parts)));
    match request.uri().path() {
        "/short" => {
            response.headers_mut().insert(header::CONTENT_LENGTH, 20.into());
        }
        "/empty" => {
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(header::CONTENT_LENGTH, 0.into());
        }
        "/error" => {
            let parts = [Ok(Bytes::from("hello")), Err(std::io::Error::other("no more"))];
            *response.body_mut() = Body::from_stream(stream::iter(parts));
        }
        _ => {}
    }
    response
}

async fn streamed(version: &str, path: &str) -> String {
    let server = Server::new("test", App::new(service(stream)));
    let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n");
    exchange_with(&server, request.repeat(2)).await
}

#[tokio::test(start_paused = true)]
async fn content_of_unknown_length_is_chunked_or_ends_with_the_connection() {
    let answer = streamed("1.1", "/").await;
    let chunks = "\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    assert_eq!(answer.matches(chunks).count(), 2, "{answer}");
    assert_eq!(answer.matches("transfer-encoding: chunked\r\n").count(), 2, "{answer}");
    let answer = streamed("1.0", "/").await;
    assert_eq!(contents(&answer), ["hello world"]);
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_its_promise_ends_the_connection() {
    let answer = streamed("1.1", "/short").await;
    assert_eq!(contents(&answer), ["hello world"]);
    assert!(answer.contains("content-length: 20\r\n"), "{answer}");
    let answer = streamed("1.1", "/error").await;
    assert!(answer.ends_with("\r\n\r\n5\r\nhello\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_status_without_content_has_no_length() {
    let answer = streamed("1.1", "/empty").await;
    assert_eq!(contents(&answer), ["", ""]);
    assert!(!answer.contains("content-length: "), "{answer}");
    assert!(!answer.contains("transfer-encoding"), "{answer}");
}
