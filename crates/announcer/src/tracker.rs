//! One tracker, over the transport that its URL names.

use std::time::Duration;

use seedbed_service::Trust;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use url::Url;

use crate::{
    error::Error,
    http,
    request::AnnounceRequest,
    response::AnnounceResponse,
    tracker_url::{Endpoint, TrackerUrl},
    udp,
};

/// Most announces under way at one tracker, and so the sockets that it takes.
const CONCURRENCY: usize = 16;

/// A tracker, shared by the tasks of all torrents.
pub(crate) struct Tracker {
    pub(crate) url: TrackerUrl,
    transport: Transport,
    slots: Semaphore,
}

enum Transport {
    Http(Url, Option<Trust>),
    Udp(udp::Tracker),
}

impl Tracker {
    pub(crate) fn new(url: TrackerUrl, first_transaction: u32) -> Self {
        let transport = match url.endpoint() {
            Endpoint::Http(url, trust) => Transport::Http(url.clone(), trust.clone()),
            Endpoint::Udp { host, port } => {
                Transport::Udp(udp::Tracker::new(host.clone(), *port, first_transaction))
            }
        };
        Self { url, transport, slots: Semaphore::new(CONCURRENCY) }
    }

    /// Waits for a turn to announce.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.slots.acquire().await
    }

    pub(crate) async fn announce(
        &self,
        request: &AnnounceRequest,
        timeout: Duration,
    ) -> Result<AnnounceResponse, Error> {
        match &self.transport {
            Transport::Http(url, trust) => {
                http::announce(url, trust.as_ref(), request, timeout).await
            }
            Transport::Udp(tracker) => tracker.announce(request, timeout).await,
        }
    }
}
