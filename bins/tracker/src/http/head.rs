//! The head of a request (RFC 9112), read leniently.
//!
//! Clients put things into an announce that are no URI: raw bytes, spaces, brackets. They are to
//! be told which parameter is wrong, so only what separates the parts is looked at here. Whatever
//! is no announce, scrape or WebSocket is parsed again, strictly, by who answers it.

use std::ops::ControlFlow;

/// What matters of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) method: &'a [u8],
    pub(super) path: &'a [u8],
    pub(super) query: &'a [u8],
    /// HTTP/1.0, or `Connection: close`: no other request is to follow.
    pub(super) close: bool,
    /// Whether the answer may be chunked: HTTP/1.1.
    pub(super) chunked: bool,
    pub(super) body: Body,
    /// The last line of `X-Forwarded-For`.
    pub(super) forwarded_for: Option<&'a [u8]>,
    /// Whether it asks for a WebSocket (RFC 6455 section 4.1).
    pub(super) websocket: bool,
    pub(super) websocket_key: Option<&'a [u8]>,
    pub(super) websocket_version: Option<&'a [u8]>,
}

/// What follows a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Body {
    #[default]
    None,
    /// So many bytes.
    Length(usize),
    /// Something whose end is not known from the head.
    Unknown,
}

/// How many bytes the first head in `bytes` takes, the empty line at its end included; none while
/// it is not there. The first `searched` bytes are known to be of no use.
pub(super) fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    memchr::memchr_iter(b'\n', bytes.get(from..)?).find_map(|at| {
        let rest = &bytes[from + at + 1..];
        match rest {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        }
    })
}

/// Parses a whole head; none if its first line is not that of a request.
pub(super) fn parse(head: &[u8]) -> Option<Head<'_>> {
    let (line, mut rest) = split_line(head)?;
    let (mut head, version) = parse_request_line(line)?;
    let mut keep_alive = false;
    while let Some((line, after)) = split_line(rest) {
        rest = after;
        if let ControlFlow::Break(()) = head.take(line, &mut keep_alive) {
            break;
        }
    }
    head.chunked = version == b"HTTP/1.1";
    head.close |= !head.chunked && !keep_alive;
    Some(head)
}

/// The method and the target of a request whose head has not ended, if its first line has.
pub(super) fn parse_request_line(line: &[u8]) -> Option<(Head<'_>, &[u8])> {
    let method_end = memchr::memchr(b' ', line)?;
    // The last space: one inside of the target belongs to a value that is badly encoded.
    let target_end = memchr::memrchr(b' ', line).filter(|&end| end > method_end)?;
    let target = &line[method_end + 1..target_end];
    let version = &line[target_end + 1..];
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return None;
    }
    let target = origin_form(target);
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let head = Head {
        method: &line[..method_end],
        path: &target[..path_end],
        query: target.get(path_end + 1..).unwrap_or_default(),
        ..Head::default()
    };
    Some((head, version))
}

/// The path and the query of a target, which to a proxy has the host too (RFC 9112 section 3.2.2).
fn origin_form(target: &[u8]) -> &[u8] {
    let Some(rest) = target.strip_prefix(b"http://") else { return target };
    memchr::memchr(b'/', rest).map_or(b"/", |at| &rest[at..])
}

impl<'a> Head<'a> {
    /// Takes a header field in; breaks at the empty line.
    fn take(&mut self, line: &'a [u8], keep_alive: &mut bool) -> ControlFlow<()> {
        let Some(colon) = memchr::memchr(b':', line) else {
            return if line.is_empty() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Names are told apart by their length first: most are of no interest.
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.websocket = has_token(value, b"websocket");
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.close |= has_token(value, b"close");
                *keep_alive |= has_token(value, b"keep-alive");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.body = self.body.and(value),
            15 if name.eq_ignore_ascii_case(b"x-forwarded-for") => self.forwarded_for = Some(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.body = Body::Unknown,
            17 if name.eq_ignore_ascii_case(b"sec-websocket-key") => {
                self.websocket_key = Some(value);
            }
            21 if name.eq_ignore_ascii_case(b"sec-websocket-version") => {
                self.websocket_version = Some(value);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Body {
    /// With another `Content-Length`, of which there should be one.
    fn and(self, value: &[u8]) -> Self {
        let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
        match (self, length) {
            (Self::None, Some(0)) => Self::None,
            (Self::None, Some(length)) => Self::Length(length),
            _ => Self::Unknown,
        }
    }
}

/// Whether a comma-separated list has a token.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// A line without its end, and what follows.
pub(super) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_ends_at_an_empty_line_however_it_comes_in() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
        for length in 0..bytes.len() {
            let expected = (length >= 27).then_some(27);
            for searched in 0..=length.min(26) {
                assert_eq!(end(&bytes[..length], searched), expected, "{length} {searched}");
            }
        }
        assert_eq!(end(b"GET / HTTP/1.1\n\n", 0), Some(16));
    }

    #[test]
    fn a_target_is_whatever_stands_between_the_method_and_the_version() {
        let head = parse(b"GET /announce?a=<b> c\xff HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((head.method, head.path), (&b"GET"[..], &b"/announce"[..]));
        assert_eq!(head.query, b"a=<b> c\xff");
        assert!(!head.close && head.body == Body::None && !head.websocket);
        for none in [&b"GET /announce\r\n\r\n"[..], b"GET /a HTTP/2\r\n\r\n", b"\r\n\r\n", b"x"] {
            assert_eq!(parse(none), None, "{}", none.escape_ascii());
        }
    }

    #[test]
    fn a_connection_is_kept_unless_it_is_http_1_0_or_says_close() {
        let close = |head: &str| parse(format!("{head}\r\n\r\n").as_bytes()).unwrap().close;
        assert!(!close("GET / HTTP/1.1"));
        assert!(close("GET / HTTP/1.1\r\nCONNECTION: keep-alive, Close"));
        assert!(close("GET / HTTP/1.0"));
        assert!(!close("GET / HTTP/1.0\r\nConnection: keep-alive"));
    }

    #[test]
    fn what_matters_of_the_header_is_found_in_any_case() {
        let head = b"GET / HTTP/1.1\r\nx-forwarded-for: 1\r\nX-Forwarded-For: 2\r\n\
            UPGRADE: WebSocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\
            Content-Length: 5\r\n\r\n";
        let head = parse(head).unwrap();
        assert_eq!(head.forwarded_for, Some(&b"2"[..]));
        assert!(head.websocket);
        assert_eq!(head.body, Body::Length(5));
        assert_eq!(head.websocket_key, Some(&b"k"[..]));
        assert_eq!(head.websocket_version, Some(&b"13"[..]));
    }

    proptest! {
        #[test]
        fn no_head_is_too_strange(bytes: Vec<u8>, searched: usize) {
            let _any = end(&bytes, searched);
            let _any = parse(&bytes);
        }
    }
}
