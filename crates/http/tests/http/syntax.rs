//! RFC 9112 sections 2 to 5: what is a request, and what is none.

use proptest::prelude::*;
use seedbed_http::head;

use crate::{contents, count, echo_server, exchange, exchange_with, refused};

#[tokio::test(start_paused = true)]
async fn requests_are_answered_in_order_until_the_client_is_done() {
    let answer = exchange(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /3 HTTP/1.1\nHost: a\n\n",
    )
    .await;
    assert_eq!(contents(&answer), ["GET /1 []", "", "GET /3 []"]);
    assert_eq!(answer.matches("content-length: 9\r\n").count(), 2);
    assert_eq!(answer.matches("content-length: 10\r\n").count(), 1);
    assert_eq!(answer.matches("\r\ndate: ").count(), 3);
    assert!(!answer.contains("connection:"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_where_the_client_wants_it_to() {
    let request =
        |version, field| format!("GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n").repeat(2);
    for (version, field, answers) in [
        ("1.1", "", 2),
        ("1.1", "Connection: keep-alive\r\n", 2),
        ("1.1", "Connection: x, Close\r\n", 1),
        ("1.0", "", 1),
        ("1.0", "Connection: Keep-Alive\r\n", 2),
    ] {
        let answer = exchange(request(version, field)).await;
        assert_eq!(contents(&answer).len(), answers, "{version} {field}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_line_is_a_method_a_target_and_a_version() {
    for line in [
        "hello",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET / http/1.1",
        "GET /\tHTTP/1.1",
        " GET / HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET / HTTP/1.1\rX",
    ] {
        assert_eq!(refused(format!("{line}\r\nHost: a\r\n\r\n")).await, 400, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_versions_are_refused() {
    for version in ["2.0", "0.9", "1.2", "3.0"] {
        assert_eq!(refused(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")).await, 505);
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, 505);
    assert_eq!(refused("GET / HTTP/2\r\nHost: a\r\n\r\n").await, 400);
}

#[tokio::test(start_paused = true)]
async fn a_header_field_is_a_name_a_colon_and_a_value() {
    for fields in [
        "Host : a",
        " Host: a",
        "\tHost: a",
        "Host: a\r\n folded: b",
        "Host: a\r\nX: b\r\n\tc",
        "Host: a\r\nX: b\rc",
        "Host: a\r\nX: b\0c",
        "Host: a\r\nX\u{e9}: b",
        "Host: a\r\n: b",
        "Host: a\r\nno colon",
        "Host: a\r\nTransfer-Encoding : chunked",
        "Host: a\r\nTransfer-Encoding\t: chunked",
    ] {
        assert_eq!(refused(format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n")).await, 400, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_one_valid_host_is_wanted() {
    let get = |version: &str, hosts: &str| format!("GET / HTTP/{version}\r\n{hosts}\r\n");
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhOST: b\r\n",
        "Host: a b\r\n",
        "Host: a@b\r\n",
        "Host: a/b\r\n",
        "Host: a:b\r\n",
        "Host: [::1\r\n",
        "Host: [::1]x\r\n",
        "Host: a, b\r\n",
    ] {
        assert_eq!(refused(get("1.1", hosts)).await, 400, "{hosts}");
    }
    assert_eq!(refused(get("1.0", "Host: a\r\nHost: a\r\n")).await, 400);
    for (version, host) in [
        ("1.1", "Host: [::1]:3002\r\n"),
        ("1.1", "Host: bed.example:80\r\n"),
        ("1.1", "Host:\r\n"),
        ("1.0", ""),
    ] {
        let answer = exchange(get(version, host)).await;
        // The version of the answer is the server's (RFC 9110 section 6.2).
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{host}: {answer}");
    }
}

/// libtorrent announces to a tracker at an IPv6 address so.
#[tokio::test(start_paused = true)]
async fn an_ipv6_address_without_brackets_is_a_host_where_raw_targets_are_allowed() {
    for host in ["::1:35925", "::1", "fe80::1:2:8000"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(refused(request.clone()).await, 400, "{host}");
        let answer = exchange_with(&echo_server().raw_targets(true), request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{host}: {answer}");
    }
    let request = "GET / HTTP/1.1\r\nHost: a::1\r\nHost: ::1\r\n\r\n";
    let answer = exchange_with(&echo_server().raw_targets(true), request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn raw_bytes_in_a_target_are_taken_where_they_are_allowed() {
    let server = echo_server().raw_targets(true);
    for (target, uri) in [
        (&b"/announce?info_hash=\xff\xfe&x"[..], "/announce?info_hash=%FF%FE&x"),
        (b"/announce?a=<b> c", "/announce?a=%3Cb%3E%20c"),
        (b"/announce?a=%20", "/announce?a=%20"),
    ] {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let answer = exchange_with(&server, request).await;
        assert_eq!(contents(&answer), [format!("GET {uri} []")], "{answer}");
    }
    // All else stays strict.
    for request in [
        "GET /a b HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
        "G T /a b HTTP/1.1\r\nX: b\rc\r\n\r\n",
    ] {
        let answer = exchange_with(&server, request.repeat(2)).await;
        assert_eq!(count(&answer), 1, "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_head_ends_at_an_empty_line_however_it_comes_in() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
    for length in 0..bytes.len() {
        let expected = (length >= 27).then_some(27);
        for searched in 0..=length.min(26) {
            assert_eq!(head::end(&bytes[..length], searched), expected, "{length} {searched}");
        }
    }
    assert_eq!(head::end(b"GET / HTTP/1.1\n\n", 0), Some(16));
}

proptest! {
    #[test]
    fn no_head_panics(bytes: Vec<u8>, searched: usize, raw: bool) {
        let _any = head::end(&bytes, searched);
        head::parse(&bytes, raw, |_| ());
        let wrapped = [b"GET /", &bytes[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        head::parse(&wrapped, raw, |_| ());
    }

    #[test]
    fn a_head_that_is_taken_has_one_line_for_each_field(
        fields in prop::collection::vec("[ -~\t\r\n]{0,20}", 0..5),
    ) {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", fields.join("\r\n"));
        let Some(end) = head::end(text.as_bytes(), 0) else { return Ok(()) };
        let text = &text[..end];
        head::parse(text.as_bytes(), false, |head| {
            if let Ok(head) = head {
                // The request line and the empty line are no fields.
                assert_eq!(head.fields.len(), text.matches('\n').count() - 2);
            }
        });
    }
}
