//! The tracker's part of `/metrics`.

use std::sync::Arc;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
};
use seedbed_service::Metrics;

use crate::{clock::Clock, counters::Counters, engine::Engine};

/// The metrics of an engine.
pub(crate) fn of(engine: &Arc<Engine>, clock: Clock) -> Metrics {
    Metrics::new("seedbed_tracker", |registry| {
        let Counters { connects, announces, scrapes, answers, junk_packets, malformed_http } =
            engine.counters();
        registry.register("connects", "Connect requests over UDP", connects.clone());
        registry.register("announces", "Announces", announces.family());
        registry.register("scrapes", "Scrapes", scrapes.family());
        registry.register("answers", "WebTorrent answers to offers", answers.family());
        registry.register("junk_packets", "Datagrams that are no request", junk_packets.clone());
        registry.register(
            "malformed_http_requests",
            "Requests that are not HTTP/1.1",
            malformed_http.clone(),
        );
        registry.register_collector(Box::new(StoreSize { engine: Arc::clone(engine), clock }));
    })
}

/// The size of the store at the time of the request for metrics.
#[derive(Debug)]
struct StoreSize {
    engine: Arc<Engine>,
    clock: Clock,
}

impl Collector for StoreSize {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let totals = self.engine.store().totals(self.clock.now());
        let mut gauge = |name, help, value: usize| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(encoder)
        };
        gauge("torrents", "Known torrents", totals.torrents)?;
        gauge("active_torrents", "Torrents that have peers", totals.active_torrents)?;
        gauge("peers", "Peers, counted once in each of their swarms", totals.peers)
    }
}
