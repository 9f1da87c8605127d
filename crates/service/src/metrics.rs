//! A server's metrics: a registry of its own, so that several servers fit into one process.

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};

/// A registry that is complete, and is now only read.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Registry>);

impl Metrics {
    /// Builds the registry of one server; every metric's name starts with `prefix`
    /// (`seedbed_tracker`).
    pub fn new(prefix: &str, register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix(prefix);
        register(&mut registry);
        Self(Arc::new(registry))
    }

    /// The OpenMetrics text of all metrics.
    ///
    /// # Errors
    /// A custom collector failed.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}
