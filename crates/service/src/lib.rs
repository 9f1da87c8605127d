//! What every seedbed server has in common, written once.
//!
//! A server's `main` parses its command line into a struct that flattens [`LogArgs`], hands
//! control to [`run`], binds its sockets with [`bind`], prints their addresses with [`startup`] and
//! passes them to its library together with a [`Shutdown`]. The library mounts
//! [`admin::router`] beside its own routes, and [`guard`] in front of them.

pub mod admin;
pub mod bind;
pub mod descriptors;
mod exit;
pub mod guard;
pub mod healthcheck;
pub mod http_client;
mod json_body;
mod log;
pub mod metrics;
pub mod openapi;
mod output;
mod parts;
pub mod probe;
mod rate_limit;
pub mod shutdown;
pub mod startup;
pub mod trust;

pub use exit::{Usage, UsageContext, run};
pub use healthcheck::Healthcheck;
pub use json_body::JsonBody;
pub use log::LogArgs;
pub use metrics::Metrics;
pub use parts::Parts;
pub use shutdown::Shutdown;
pub use trust::Trust;
