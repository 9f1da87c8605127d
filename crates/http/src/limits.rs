//! Every bound of the server, in one place.

use std::time::Duration;

/// Most header fields of a request. A request with more gets status 431.
pub const FIELDS: usize = 100;

/// How long the server reads and drops what a client still sends after the last response, so that
/// the client gets to read that response (RFC 9112 section 9.6).
pub const LINGER: Duration = Duration::from_secs(2);

/// Most bytes that the server reads and drops after the last response.
pub const LINGER_BYTES: u64 = 1 << 20;

/// Once answers to pipelined requests take this many bytes, the server writes them before it
/// answers further requests.
pub const PIPELINE: usize = 64 << 10;

/// What one server allows. [`Limits::default`] has the values that the documentation names.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most open connections. The server answers further ones with status 503 and closes them. Never
    /// more than three quarters of the process's file descriptors, whatever is set here.
    pub max_connections: usize,
    /// Most open connections from one address; no such limit by default.
    pub max_connections_per_address: Option<usize>,
    /// Largest request line and header section, in bytes. A larger one gets status 431.
    pub head: usize,
    /// Largest content of a request, in bytes. Larger content gets status 413.
    pub body: u64,
    /// How long a client may take for a TLS handshake. After that the connection closes.
    pub handshake: Duration,
    /// How long a connection may be idle between requests, and before the first.
    pub idle: Duration,
    /// How long a client may take for a request, from its first byte to its last. After that it
    /// gets status 408.
    pub request: Duration,
    /// How long a client may take no byte of a response.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_address: None,
            head: 64 << 10,
            body: 1 << 20,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            request: Duration::from_secs(30),
            write: Duration::from_secs(60),
        }
    }
}
