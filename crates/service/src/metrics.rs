//! A server's metrics: a registry of its own, so that several servers fit into one process.

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::output::LOG_LINES_DROPPED;

/// A registry that is complete, and is now only read.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Registry>);

impl Metrics {
    /// Builds the registry of one server; every metric's name starts with `prefix`
    /// (`seedbed_tracker`). Every server also has the counter of lost log lines.
    pub fn new(prefix: &str, register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix(prefix);
        register(&mut registry);
        let help = "Log lines of the process that were dropped or suppressed";
        registry.register("log_lines_dropped", help, LOG_LINES_DROPPED.clone());
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
