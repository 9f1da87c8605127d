//! The HTTP/1.1 server (RFC 9112) of every seedbed binary.
//!
//! A server is a [`tower_service::Service`] from a request to a response, such as axum's `Router`,
//! wrapped in an [`App`] and run by a [`Server`] on one thread for each core. A connection stays on
//! the thread that it was given, and so does everything that answers its requests.
//!
//! The rooms, in the order in which a request passes them:
//! - [`workers`]: the listener, the threads, the limits on connections, shutdown;
//! - [`stream`]: the bytes below HTTP, with or without TLS;
//! - [`tls`]: the flags, certificates and handshake of TLS;
//! - [`connection`]: the loop over the requests of a connection;
//! - [`head`]: a request line and header section, checked strictly;
//! - `request_body`: the content of a request, which is read before the service sees the request;
//! - [`fast_path`]: answers made straight from a head, without an `http::Request`;
//! - [`app`]: the layers that hold for every request, around the service;
//! - [`body`]: content of a response that is neither bytes nor a stream, such as parts of a file;
//! - `writer`: sends a response piece by piece, as a [`delivery`] plan asks it to;
//! - [`upgrade`]: hands the connection over to another protocol.
//!
//! Every bound is a field of [`Limits`] or a constant beside it.
//!
//! Not supported: HTTP/2 and HTTP/3, trailers, transfer codings other than `chunked`, content codings,
//! and requests that are handled before all of their content has come.

pub mod app;
pub mod body;
pub mod connection;
mod date;
pub mod delivery;
pub mod fast_path;
pub mod head;
pub mod limits;
mod request_body;
pub mod stream;
pub mod tls;
pub mod upgrade;
pub mod workers;
mod writer;

pub use app::{App, HttpService};
pub use body::{Chunk, Content, FileSlice, Piece, Source};
pub use delivery::{Delivery, Plan, Progress, Step};
pub use fast_path::{FastPath, NoFastPath};
pub use head::{Framing, Head, RawTarget, Refusal, RequestLine};
pub use limits::Limits;
pub use stream::Stream;
pub use tls::{Tls, TlsArgs, TlsError};
pub use upgrade::{Upgrade, Upgraded};
pub use workers::{ServeError, Server};
