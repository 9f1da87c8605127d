//! What `/metrics` tells.

use std::sync::Arc;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
};
use seedbed_service::Metrics;

use crate::{announce::Transport, clock::Clock, engine::Engine};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Answered,
    /// It was understood, and not allowed.
    Refused,
    /// It was not understood.
    Invalid,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Answered, Self::Refused, Self::Invalid];

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    transport: &'static str,
    outcome: &'static str,
}

/// Counters by transport and outcome. They are looked up once, so that counting is an addition.
#[derive(Debug)]
pub(crate) struct RequestCounters {
    family: Family<Labels, Counter>,
    counters: [[Counter; Outcome::ALL.len()]; Transport::ALL.len()],
}

impl Default for RequestCounters {
    fn default() -> Self {
        let family = Family::<Labels, Counter>::default();
        let counters = Transport::ALL.map(|transport| {
            let transport = transport.name();
            Outcome::ALL.map(|outcome| {
                family.get_or_create_owned(&Labels { transport, outcome: outcome.name() })
            })
        });
        Self { family, counters }
    }
}

impl RequestCounters {
    pub(crate) fn count(&self, transport: Transport, outcome: Outcome) {
        self.counters[transport as usize][outcome as usize].inc();
    }
}

/// What is counted while requests are answered.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) announces: RequestCounters,
    pub(crate) scrapes: RequestCounters,
    /// WebTorrent answers that were passed on.
    pub(crate) answers: RequestCounters,
    /// Datagrams that are nothing a tracker would answer.
    pub(crate) junk_packets: Counter,
}

/// The metrics of an engine.
pub(crate) fn of(engine: &Arc<Engine>, clock: Clock) -> Metrics {
    Metrics::new("seedbed_tracker", |registry| {
        let Counters { announces, scrapes, answers, junk_packets } = engine.counters();
        registry.register("announces", "Announces", announces.family.clone());
        registry.register("scrapes", "Scrapes", scrapes.family.clone());
        registry.register("answers", "WebTorrent answers to offers", answers.family.clone());
        registry.register("junk_packets", "Datagrams that are no request", junk_packets.clone());
        registry.register_collector(Box::new(Size { engine: Arc::clone(engine), clock }));
    })
}

/// The size of the store, taken when asked for.
#[derive(Debug)]
struct Size {
    engine: Arc<Engine>,
    clock: Clock,
}

impl Collector for Size {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let totals = self.engine.store().totals(self.clock.now());
        let mut gauge = |name, help, value: usize| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(encoder)
        };
        gauge("torrents", "Torrents that are known", totals.torrents)?;
        gauge("active_torrents", "Torrents that have peers", totals.active_torrents)?;
        gauge("peers", "Peers, counted once in each of their swarms", totals.peers)
    }
}
