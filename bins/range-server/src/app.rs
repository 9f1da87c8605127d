//! What all requests share.

use std::{net::SocketAddr, sync::Arc};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use seedbed_service::{descriptors, guard::Guard};
use tokio::time::Instant;

use crate::{Config, content::blocks::Blocks};

/// The state of a server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) guard: Guard,
    pub(crate) started: Instant,
    pub(crate) blocks: Arc<Blocks>,
    /// Bytes that were sent of files and synthetic content.
    pub(crate) sent: Counter,
    pub(crate) requests: Family<StatusLabel, Counter>,
}

/// The status of a response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StatusLabel {
    pub(crate) status: u16,
}

impl App {
    /// The state of a server that listens on `address`.
    pub(crate) fn new(config: Config, address: SocketAddr) -> Self {
        Self {
            guard: Guard::new(config.control.clone(), address),
            config,
            started: Instant::now(),
            // A block is an open file, and a connection takes two.
            blocks: Arc::new(Blocks::new(descriptors::raise_limit() / 8)),
            sent: Counter::default(),
            requests: Family::default(),
        }
    }
}
