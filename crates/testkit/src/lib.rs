//! Test support: starts real binaries on port 0, waits for `ready`, and ends them on drop.
//!
//! Functions panic when a test cannot go on, with what they saw in the message. They wait for
//! conditions, never for a fixed time.

mod browser;
mod http;
mod openapi;
mod port;
mod server;
mod tool;
mod wait;

use std::path::Path;

use sha2::{Digest as _, Sha256};

pub use browser::{run_page, run_page_trusting};
pub use http::{Response, get, get_json, request, request_with};
pub use openapi::OpenApi;
pub use port::reserve_port;
pub use server::{Finished, Server, binary, run, run_with_env};
pub use tool::{Tool, require};
pub use wait::{eventually, wait_until};

/// How long a test waits before it gives up. It is generous, for a loaded machine.
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// SHA-256 of `bytes`, as 64 lower-case hex digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// SHA-256 of a file, in the form of [`sha256`].
///
/// # Panics
/// The file cannot be read.
#[must_use]
pub fn sha256_file(path: &Path) -> String {
    let bytes =
        std::fs::read(path).unwrap_or_else(|error| panic!("failed to read {path:?}: {error}"));
    sha256(&bytes)
}
