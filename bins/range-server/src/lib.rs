//! An HTTP file origin for tests: RFC 9110 sections 13 (conditional requests) and 14 (ranges)
//! whole.
//!
//! Start reading at [`plan`], which decides what a request gets: a pure function of the request,
//! the file's [`validators`] and the time, over the parsers in [`range`], [`precondition`],
//! [`etag`] and [`http_date`]. [`root`] finds files and lets nothing else out; [`blocks`] keeps
//! what was read of them, and `connection` speaks HTTP/1.1. Around that lie the routes: `/` is an
//! index, `/health`, `/version`, `/metrics` and `/openapi.json` are what every server has (a file
//! of such a name in the root cannot be reached), and every other path is a file.
//!
//! Not supported: content codings, caching proxies' `Cache-Control` requests, listings of
//! directories below the root, methods other than GET, HEAD and OPTIONS.

pub mod blocks;
pub mod cli;
mod connection;
mod content;
pub mod content_type;
mod cors;
pub mod etag;
mod files;
pub mod hls;
pub mod http_date;
mod index;
pub mod multipart;
mod openapi;
mod pages;
pub mod plan;
pub mod precondition;
pub mod range;
pub mod root;
mod server;
mod synthetic;
pub mod validators;
mod workers;

use clap::ValueEnum;

use root::Root;
use seedbed_service::guard::ControlArgs;
pub use server::run;

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory. [`Root::open`] finds out whether it can be read, before anything is served.
    pub root: Root,
    /// What a `bytes` range that breaks the grammar gets.
    pub malformed_range: MalformedRange,
    /// The routes for HTTP Live Streaming.
    pub hls: hls::Hls,
    /// Who may change state, and under which names the server answers on a loopback address.
    pub control: ControlArgs,
}

/// What a `bytes` range that breaks the grammar gets: RFC 9110 section 14.2 leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MalformedRange {
    /// 416
    #[default]
    Refuse,
    /// 200 with the whole file
    Ignore,
}
