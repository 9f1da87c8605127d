//! The tracker as a process: the suite starts the real binary and talks to it over sockets.
//!
//! Modules named after a BEP hold the sentences of that specification.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

#[cfg(feature = "aquatic")]
mod aquatic;
mod bep03_announce;
mod bep07_ipv6;
mod bep15_udp;
mod bep23_compact;
mod bep48_scrape;
mod flags;
mod fuzz_corpus;
mod malformed_http;
mod memory;
mod openapi_document;
mod process_lifecycle;
mod real_clients;
mod replay;
mod statistics;
mod stress;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod webtorrent;
