//! An HTTP client for tests that hides nothing of what a server sends.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;
use url::Url;

use crate::DEADLINE;

/// A response, as received.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes after the header section. A chunked transfer coding is not decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header field of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// The body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }
}

/// Sends `head` (request line and header fields, without the empty line) on a connection of its
/// own and reads to its end; `Connection: close` is added.
///
/// # Panics
/// The connection fails, or the response is not HTTP.
#[must_use]
pub fn request(address: SocketAddr, head: &str) -> Response {
    request_with(address, head, b"")
}

/// As [`request`], with content. `Content-Length` is added if there is any.
///
/// # Panics
/// As for [`request`].
#[must_use]
pub fn request_with(address: SocketAddr, head: &str, content: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
    let mut head = head.trim_end().replace("\r\n", "\n").replace('\n', "\r\n");
    if !content.is_empty() {
        head += &format!("\r\nContent-Length: {}", content.len());
    }
    let head = format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), content].concat()).expect("the server reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server answers and closes");
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Response {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP response: {}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap_or_else(|| panic!("no status line: {head}"));
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Response { status, headers, body: bytes[end + 4..].to_vec() }
}

/// Gets a URL.
///
/// # Panics
/// As for [`request`].
#[must_use]
pub fn get(url: &Url) -> Response {
    let address = *url
        .socket_addrs(|| None)
        .expect("a test's URL resolves")
        .first()
        .expect("a test's URL has an address");
    let path = &url[url::Position::BeforePath..];
    request(address, &format!("GET {path} HTTP/1.1"))
}

/// Gets a URL and parses the response as JSON.
///
/// # Panics
/// As for [`request`], or the response is not 200 with JSON.
#[must_use]
pub fn get_json(url: &Url) -> Value {
    let response = get(url);
    assert_eq!(response.status, 200, "GET {url}: {}", response.text());
    response.json()
}
