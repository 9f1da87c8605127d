//! An HTTP file origin for tests: RFC 9110 sections 13 (conditional requests) and 14 (ranges)
//! whole.
//!
//! Three rooms, and arrows that run one way between them:
//! - [`rfc9110`] decides what a request gets, as a pure function of the request, the file's validators
//!   and the time; start reading at [`rfc9110::plan`];
//! - [`content`] finds files, lets nothing outside of the root out, and reads them; it knows the
//!   validators of the first room;
//! - [`routes`] answers requests with both: `/` is an index, `/health`, `/version`, `/metrics` and
//!   `/openapi.json` are what every server has (a file of such a name in the root cannot be reached),
//!   and every other path is a file.
//!
//! HTTP/1.1 itself is `seedbed-http`.
//!
//! Not supported: content codings, caching proxies' `Cache-Control` requests, listings of
//! directories below the root, methods other than GET, HEAD and OPTIONS, dates before 1970.

mod app;
pub mod cli;
pub mod content;
pub mod rfc9110;
pub mod routes;
mod server;

pub use content::root;
pub use rfc9110::plan::MalformedRange;
pub use routes::hls;
pub use server::run;

use root::Root;
use seedbed_http::Tls;
use seedbed_service::guard::ControlArgs;

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory. [`Root::open`] finds out whether it can be read, before anything is served.
    pub root: Root,
    /// What a `bytes` range that breaks the grammar gets.
    pub malformed_range: MalformedRange,
    /// The routes for HTTP Live Streaming.
    pub hls: hls::Hls,
    /// The certificate for https; plain HTTP without one.
    pub tls: Option<Tls>,
    /// Who may change state, and under which names the server answers on a loopback address.
    pub control: ControlArgs,
}
