//! The metrics of a seeder, read from the inventory at each request.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use seedbed_service::Metrics;

use crate::control::Control;

pub(crate) fn register(control: Arc<Control>) -> Metrics {
    Metrics::new("seedbed_seeder", |registry| {
        registry.register_collector(Box::new(Snapshot(control)));
    })
}

struct Snapshot(Arc<Control>);

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (torrents, peers, uploaded) = self.0.inventory.totals();
        let gauges =
            [("torrents", "Torrents known", torrents), ("peers", "Peers connected", peers)];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counter = ConstCounter::new(uploaded);
        let kind = counter.metric_type();
        counter.encode(encoder.encode_descriptor(
            "uploaded_bytes",
            "Bytes of blocks sent to peers",
            None,
            kind,
        )?)
    }
}
