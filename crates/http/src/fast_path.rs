//! Answers that are made straight from the head of a request.
//!
//! A tracker answers an announce in microseconds; building an `http::Request` and an
//! `http::Response` for it would cost more than the answer. A [`FastPath`] sees the head where it
//! lies in the read buffer, and writes its answer where pipelined answers are collected.

use std::net::SocketAddr;

use crate::head::{Head, RequestLine};

/// Answers some requests in place, without allocating, and leaves all others to the service.
pub trait FastPath: Clone + Send + 'static {
    /// Answers a request that has no content and is well-formed.
    ///
    /// Writes the content to `body`, which is empty, and returns the status line and the header
    /// fields, each with its CRLF. The server adds Connection and Content-Length. `None` leaves the
    /// request to the service.
    fn answer(
        &self,
        request: &Head<'_>,
        remote: SocketAddr,
        body: &mut Vec<u8>,
    ) -> Option<&'static [u8]>;

    /// Answers a request whose head is larger than [`Limits::head`](crate::Limits::head), as far as
    /// its request line was read. `None` lets the server answer with status 431. The connection
    /// closes after either.
    fn head_too_large(
        &self,
        _line: &RequestLine<'_>,
        _remote: SocketAddr,
        _body: &mut Vec<u8>,
    ) -> Option<&'static [u8]> {
        None
    }
}

/// Leaves every request to the service.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFastPath;

impl FastPath for NoFastPath {
    fn answer(&self, _: &Head<'_>, _: SocketAddr, _: &mut Vec<u8>) -> Option<&'static [u8]> {
        None
    }
}
