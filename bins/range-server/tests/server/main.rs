//! What is not RFC 9110's: routes, the way into the root, files that change, the process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../origin/mod.rs"]
mod origin;

mod body;
mod load;
mod openapi;
mod process;
mod racy;
mod root;
mod routes;
mod synthetic;

use origin::{Origin, content};
