//! The head of a request: its request line and header section (RFC 9112 sections 2 to 6).
//!
//! Parsing is strict. Whatever two recipients could read in two ways is refused, and nothing after
//! a refused request is ever answered. The exceptions are one setting of the server: a tracker's
//! clients put raw bytes, and even spaces, into a request target, and IPv6 addresses without brackets
//! into Host.

use std::{borrow::Cow, mem::MaybeUninit, str};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version},
};
use bytes::Bytes;
use httparse::Header;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::limits::FIELDS;

/// Why the server does not pass a request to its service.
///
/// The layers around the service see such a request with this as its extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code of the answer.
    pub status: StatusCode,
    /// What the server wanted.
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The answer to a head of more than `limit` bytes, or of more than [`FIELDS`] fields.
    pub(crate) fn head_too_large(limit: usize) -> Self {
        let message =
            format!("wanted at most {FIELDS} header fields and {limit} bytes up to their end");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message)
    }
}

/// The request target as it came. A server that takes raw targets adds it to every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTarget(pub Bytes);

/// How the content of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After this many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
}

/// The method and the target of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The request target as it came.
    pub target: &'a [u8],
    /// The path of the target.
    pub path: &'a [u8],
    /// The query of the target, without its question mark; empty if there is none.
    pub query: &'a [u8],
}

/// A head that is well-formed.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method and the target.
    pub line: RequestLine<'a>,
    /// The header fields in order.
    pub fields: &'a [Header<'a>],
    /// Whether the version is HTTP/1.1; otherwise it is HTTP/1.0.
    pub is_http11: bool,
    /// Whether the client wants no further request on this connection.
    pub close: bool,
    /// How the content ends.
    pub framing: Framing,
    /// Whether there is an Upgrade field.
    pub upgrade: bool,
    /// Whether the client waits for status 100 before it sends content.
    pub expects_continue: bool,
}

impl<'a> Head<'a> {
    /// The value of the last field of that name.
    #[must_use]
    pub fn last(&self, name: &[u8]) -> Option<&'a [u8]> {
        let is_it = |field: &&Header<'a>| field.name.as_bytes().eq_ignore_ascii_case(name);
        self.fields.iter().rev().find(is_it).map(|field| field.value)
    }

    /// The request, without its content.
    pub(crate) fn request(&self, raw_targets: bool) -> Result<Request<Body>, Refusal> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(self.line.method)
            .map_err(|_| Refusal::bad_request("wanted a method"))?;
        let target = if raw_targets { escaped(self.line.target) } else { self.line.target.into() };
        *request.uri_mut() =
            Uri::try_from(&*target).map_err(|_| Refusal::bad_request("wanted a request target"))?;
        *request.version_mut() = if self.is_http11 { Version::HTTP_11 } else { Version::HTTP_10 };
        let headers = request.headers_mut();
        headers.reserve(self.fields.len());
        for field in self.fields {
            let malformed = || Refusal::bad_request("wanted a well-formed header field");
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
            let value = HeaderValue::from_bytes(field.value).map_err(|_| malformed())?;
            headers.append(name, value);
        }
        if raw_targets {
            let target = RawTarget(Bytes::copy_from_slice(self.line.target));
            request.extensions_mut().insert(target);
        }
        Ok(request)
    }
}

impl<'a> RequestLine<'a> {
    fn new(method: &'a [u8], target: &'a [u8]) -> Self {
        // The form that is meant for a proxy names the host too (RFC 9112 section 3.2.2).
        let origin_form = match target.strip_prefix(b"http://") {
            None => target,
            Some(rest) => memchr::memchr(b'/', rest).map_or(&b"/"[..], |at| &rest[at..]),
        };
        let end = memchr::memchr(b'?', origin_form).unwrap_or(origin_form.len());
        let query = origin_form.get(end + 1..).unwrap_or_default();
        Self { method, target, path: &origin_form[..end], query }
    }

    /// As much of a request line as can be told from the beginning of a head that is too large.
    pub(crate) fn of_partial(head: &'a [u8]) -> Option<Self> {
        let line = memchr::memchr(b'\n', head).map_or(head, |end| &head[..end]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (method, rest) = split_once(line)?;
        let version = memchr::memmem::rfind(rest, b" HTTP/").unwrap_or(rest.len());
        Some(Self::new(method, &rest[..version]))
    }
}

/// How many bytes the first head in `bytes` takes, with the empty line at its end; `None` while
/// that line has not come. The first `searched` bytes are known not to hold it.
///
/// A line may end without CR (RFC 9112 section 2.2).
#[must_use]
pub fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    memchr::memchr_iter(b'\n', bytes.get(from..)?).find_map(|at| match &bytes[from + at + 1..] {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

/// Parses a whole head, and passes it to `then` with the fields on the stack.
pub fn parse<R>(
    head: &[u8],
    raw_targets: bool,
    then: impl FnOnce(Result<Head<'_>, Refusal>) -> R,
) -> R {
    let mut storage = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut storage) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {
            let method = request.method.unwrap_or_default().as_bytes();
            let target = request.path.unwrap_or_default().as_bytes();
            // The parser lets obs-text pass.
            if !raw_targets && !target.is_ascii() {
                return then(Err(Refusal::bad_request("wanted a request target in ASCII")));
            }
            let line = RequestLine::new(method, target);
            then(checked(line, request.version == Some(1), request.headers, raw_targets))
        }
        Err(httparse::Error::TooManyHeaders) => then(Err(Refusal::head_too_large(head.len()))),
        _ => parse_raw(head, raw_targets, then),
    }
}

/// Parses a head whose request line the strict parser does not take.
fn parse_raw<R>(
    head: &[u8],
    raw_targets: bool,
    then: impl FnOnce(Result<Head<'_>, Refusal>) -> R,
) -> R {
    let malformed = Refusal::bad_request("wanted an HTTP/1.1 request (RFC 9112)");
    let Some(line_end) = memchr::memchr(b'\n', head) else { return then(Err(malformed)) };
    let line = &head[..line_end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(((method, target), version)) = split_once(line).and_then(|(method, rest)| {
        // The last space: one inside of the target belongs to a value that is badly encoded.
        let space = memchr::memrchr(b' ', rest)?;
        Some(((method, &rest[..space]), &rest[space + 1..]))
    }) else {
        return then(Err(malformed));
    };
    let is_http11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return then(Err(Refusal::new(status, "wanted HTTP/1.1 or HTTP/1.0")));
        }
        _ => return then(Err(malformed)),
    };
    let is_method = !method.is_empty() && method.iter().all(|byte| is_token(*byte));
    if !raw_targets || !is_method || target.is_empty() || memchr::memchr(b'\r', line).is_some() {
        return then(Err(malformed));
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    match httparse::parse_headers(&head[line_end + 1..], &mut fields) {
        Ok(httparse::Status::Complete((length, fields))) if line_end + 1 + length == head.len() => {
            then(checked(RequestLine::new(method, target), is_http11, fields, raw_targets))
        }
        Err(httparse::Error::TooManyHeaders) => then(Err(Refusal::head_too_large(head.len()))),
        _ => then(Err(malformed)),
    }
}

fn split_once(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    Some((&line[..space], &line[space + 1..]))
}

/// Checks what the fields mean for the connection.
fn checked<'a>(
    line: RequestLine<'a>,
    is_http11: bool,
    fields: &'a [Header<'a>],
    raw_targets: bool,
) -> Result<Head<'a>, Refusal> {
    let (mut hosts, mut length, mut chunked, mut keep_alive) = (0, None, false, false);
    let mut head = Head {
        line,
        fields,
        is_http11,
        close: false,
        framing: Framing::None,
        upgrade: false,
        expects_continue: false,
    };
    for Header { name, value } in fields {
        // Most fields are of no interest here, and are told apart by the length of their name.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                hosts += 1;
                if !(is_host(value) || raw_targets && is_bare_ipv6(value)) {
                    return Err(Refusal::bad_request("wanted a valid Host header field"));
                }
            }
            6 if is_http11 && name.eq_ignore_ascii_case("expect") => {
                head.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            7 if name.eq_ignore_ascii_case("upgrade") => head.upgrade = true,
            10 if name.eq_ignore_ascii_case("connection") => {
                head.close |= has_token(value, b"close");
                keep_alive |= has_token(value, b"keep-alive");
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                if length.is_some() {
                    return Err(Refusal::bad_request("wanted one Content-Length, got several"));
                }
                length = Some(content_length(value)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !is_http11 {
                    let message = "wanted no Transfer-Encoding in HTTP/1.0";
                    return Err(Refusal::bad_request(message));
                }
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    let message = "wanted no transfer coding other than chunked";
                    return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, message));
                }
                chunked = true;
            }
            _ => {}
        }
    }
    if hosts > 1 || hosts == 0 && is_http11 {
        return Err(Refusal::bad_request("wanted exactly one Host header field"));
    }
    head.framing = match (chunked, length) {
        (true, Some(_)) => {
            let message = "wanted Content-Length or Transfer-Encoding, got both";
            return Err(Refusal::bad_request(message));
        }
        (true, None) => Framing::Chunked,
        (false, Some(length)) if length > 0 => Framing::Length(length),
        (false, _) => Framing::None,
    };
    head.close |= !is_http11 && !keep_alive;
    Ok(head)
}

fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(value).ok().filter(|_| digits);
    let digits = digits.ok_or(Refusal::bad_request("wanted Content-Length in digits"))?;
    // More than 64 bits is more than any limit.
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// Whether a comma-separated list has a token.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Whether a byte may be part of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a value is `uri-host [":" port]`, or empty (RFC 9110 section 7.2).
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) => {
                let is_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
                if !rest[..end].iter().all(is_address) {
                    return false;
                }
                (&[][..], &rest[end + 1..])
            }
            None => return false,
        },
        _ => value.split_at(memchr::memchr(b':', value).unwrap_or(value.len())),
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_port && host.iter().all(is_name)
}

/// Whether a value is an IPv6 address without brackets, perhaps with a port, as libtorrent writes it.
fn is_bare_ipv6(value: &[u8]) -> bool {
    let is_of_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
    memchr::memchr_iter(b':', value).nth(1).is_some() && value.iter().all(is_of_address)
}

/// What a URI may not hold as it is.
const NOT_IN_A_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A raw target as a URI has it: with what no URI may hold percent-encoded.
fn escaped(target: &[u8]) -> Cow<'_, [u8]> {
    match percent_encode(target, NOT_IN_A_URI).into() {
        Cow::Borrowed(target) => target.as_bytes().into(),
        Cow::Owned(target) => target.into_bytes().into(),
    }
}
