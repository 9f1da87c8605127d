//! Counters of requests, by kind, transport and outcome.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use crate::messages::{RequestKind, Transport};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The tracker answered it.
    Answered,
    /// The tracker understood it and did not allow it.
    Refused,
    /// The tracker could not parse it.
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
pub(crate) struct Labels {
    transport: &'static str,
    outcome: &'static str,
}

/// Counters by transport and outcome. The family is looked up once, so that counting is one addition.
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
    /// The family as `/metrics` shows it.
    pub(crate) fn family(&self) -> Family<Labels, Counter> {
        self.family.clone()
    }

    fn count(&self, transport: Transport, outcome: Outcome) {
        self.counters[transport as usize][outcome as usize].inc();
    }
}

/// The counters of an engine.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// BEP 15's connect requests.
    pub(crate) connects: Counter,
    pub(crate) announces: RequestCounters,
    pub(crate) scrapes: RequestCounters,
    /// WebTorrent answers to offers.
    pub(crate) answers: RequestCounters,
    /// Datagrams that are no request of BEP 15.
    pub(crate) junk_packets: Counter,
    /// Requests over HTTP that are not HTTP/1.1.
    pub(crate) malformed_http: Counter,
}

impl Counters {
    pub(crate) fn count(&self, kind: RequestKind, transport: Transport, outcome: Outcome) {
        match (kind, transport) {
            (RequestKind::Connect, _) => _ = self.connects.inc(),
            (RequestKind::Announce, _) => self.announces.count(transport, outcome),
            (RequestKind::Scrape, _) => self.scrapes.count(transport, outcome),
            (RequestKind::Answer, _) => self.answers.count(transport, outcome),
            (RequestKind::Unknown, Transport::Udp) => _ = self.junk_packets.inc(),
            (RequestKind::Unknown, Transport::Http) => _ = self.malformed_http.inc(),
            // A message over a WebSocket that names no known action is most likely an announce.
            (RequestKind::Unknown, Transport::WebSocket) => {
                self.announces.count(transport, outcome);
            }
        }
    }
}
