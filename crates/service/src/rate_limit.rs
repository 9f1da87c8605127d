//! Limits how many log lines one peer can cause.
//!
//! A token bucket stands for each kind of line (its place in the source) and peer (the event's field
//! `peer`, without the port). Lines that find no token are suppressed, counted, and reported by
//! number. Only errors and warnings are limited: whoever asks for the other levels wants every line.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::{
    log::REPORT_TARGET,
    output::{LOG_LINES_DROPPED, Output},
};

/// Lines of one kind that a peer may cause at once.
const BURST: u32 = 20;

/// How long a peer takes to earn another line of a kind.
const REFILL: Duration = Duration::from_secs(1);

/// Most pairs of kind and peer that are told apart. Further peers share one bucket for each kind.
const MAX_BUCKETS: usize = 4096;

/// Most characters of a line that its report quotes.
const QUOTE_LENGTH: usize = 80;

/// The layer that suppresses lines. It has `output` report their number.
#[derive(Debug)]
pub(crate) struct RateLimit {
    buckets: &'static Buckets,
    output: Output,
}

impl RateLimit {
    pub(crate) fn new(buckets: &'static Buckets, output: Output) -> Self {
        Self { buckets, output }
    }
}

impl<S: Subscriber> Layer<S> for RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == REPORT_TARGET {
            return true;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let admitted = self.buckets.admit(metadata.callsite(), line, Instant::now());
        if !admitted {
            LOG_LINES_DROPPED.inc();
            self.output.request_report();
        }
        admitted
    }
}

/// The fields of an event that matter here.
#[derive(Debug, Default)]
struct Line {
    message: String,
    peer: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "message" => &mut self.message,
            "peer" => &mut self.peer,
            _ => return,
        };
        let _a_string_takes_all = write!(text, "{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Who caused a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    /// The line names no peer.
    None,
    /// An IPv4 address, or the /64 network of an IPv6 address, which one host has to itself.
    Network(IpAddr),
    /// A peer for which there was no bucket left, or whose field is no address.
    Other,
}

impl Peer {
    fn new(field: &str) -> Self {
        if field.is_empty() {
            return Self::None;
        }
        let address = field.parse::<SocketAddr>().map(|address| address.ip());
        match address.or_else(|_| field.parse()).map(|ip: IpAddr| ip.to_canonical()) {
            Ok(IpAddr::V6(ip)) => {
                let network = ip.to_bits() & (u128::MAX << 64);
                Self::Network(IpAddr::V6(network.into()))
            }
            Ok(ip) => Self::Network(ip),
            Err(_) => Self::Other,
        }
    }
}

/// The token buckets of a process.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    buckets: HashMap<(Identifier, Peer), Bucket>,
    /// When idle buckets were last removed from a full table.
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Bucket {
    tokens: u32,
    refilled: Instant,
    suppressed: u64,
    /// The last suppressed line.
    message: String,
}

/// Lines of one kind that were suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suppressed {
    pub(crate) lines: u64,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) like: String,
}

impl Buckets {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token for a line. Returns false if there is none: the line is then counted.
    fn admit(&self, kind: Identifier, line: Line, now: Instant) -> bool {
        let mut table = self.lock();
        let mut key = (kind, Peer::new(&line.peer));
        if !table.buckets.contains_key(&key) && !table.has_room(now) {
            key.1 = Peer::Other;
        }
        let bucket = table.buckets.entry(key).or_insert_with(|| Bucket::full(now));
        bucket.refill(now);
        if bucket.tokens > 0 {
            bucket.tokens -= 1;
            return true;
        }
        bucket.suppressed += 1;
        if bucket.suppressed == 1 {
            bucket.message = line.message.chars().take(QUOTE_LENGTH).collect();
        }
        false
    }

    /// Takes the numbers of suppressed lines, to report them.
    pub(crate) fn take_suppressed(&self) -> Vec<Suppressed> {
        let mut table = self.lock();
        let suppressed = table.buckets.iter_mut().filter(|(_, bucket)| bucket.suppressed > 0);
        suppressed
            .map(|((_, peer), bucket)| Suppressed {
                lines: std::mem::take(&mut bucket.suppressed),
                peer: match peer {
                    Peer::Network(ip) => Some(*ip),
                    Peer::None | Peer::Other => None,
                },
                like: std::mem::take(&mut bucket.message),
            })
            .collect()
    }
}

impl Table {
    /// Whether another bucket fits. A full table is swept at most once in [`REFILL`], since that
    /// looks at every bucket.
    fn has_room(&mut self, now: Instant) -> bool {
        let is_full = self.buckets.len() >= MAX_BUCKETS;
        if is_full && self.swept.is_none_or(|swept| now >= swept + REFILL) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| !bucket.is_idle(now));
        }
        self.buckets.len() < MAX_BUCKETS
    }
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { tokens: BURST, refilled: now, suppressed: 0, message: String::new() }
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.refilled);
        let earned = u32::try_from(since.as_nanos() / REFILL.as_nanos()).unwrap_or(BURST);
        if self.tokens + earned.min(BURST) >= BURST {
            (self.tokens, self.refilled) = (BURST, now);
        } else {
            self.tokens += earned;
            self.refilled += REFILL * earned;
        }
    }

    /// Whether a new bucket would be the same.
    fn is_idle(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens == BURST && self.suppressed == 0
    }
}

#[cfg(test)]
mod tests {
    use tracing::Metadata;

    use super::*;

    struct Site;

    impl tracing::Callsite for Site {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}
        fn metadata(&self) -> &Metadata<'_> {
            panic!("no test asks for it")
        }
    }

    static ONE: Site = Site;

    fn kind() -> Identifier {
        Identifier(&ONE)
    }

    fn line(peer: &str) -> Line {
        Line { message: "m".into(), peer: peer.into() }
    }

    /// How many of 100 lines are admitted at once.
    fn admitted(buckets: &Buckets, peer: &str, now: Instant) -> usize {
        (0..100).filter(|_| buckets.admit(kind(), line(peer), now)).count()
    }

    #[test]
    fn a_peer_has_a_burst_and_earns_a_line_each_second() {
        let buckets = Buckets::default();
        let start = Instant::now();
        assert_eq!(admitted(&buckets, "192.0.2.1:1", start), 20);
        assert_eq!(admitted(&buckets, "192.0.2.1:2", start + REFILL / 2), 0);
        assert_eq!(admitted(&buckets, "192.0.2.1:3", start + REFILL * 3), 3);
        assert_eq!(admitted(&buckets, "192.0.2.1:3", start + REFILL * 3600), 20);
        assert_eq!(admitted(&buckets, "192.0.2.2:1", start), 20);
        assert_eq!(admitted(&buckets, "", start), 20);
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_peer() {
        let buckets = Buckets::default();
        let start = Instant::now();
        assert_eq!(admitted(&buckets, "[2001:db8::1]:1", start), 20);
        assert_eq!(admitted(&buckets, "[2001:db8::2:1]:1", start), 0);
        assert_eq!(admitted(&buckets, "2001:db8:0:1::1", start), 20);
        assert_eq!(admitted(&buckets, "192.0.2.1:1", start), 20);
        assert_eq!(admitted(&buckets, "[::ffff:192.0.2.1]:1", start), 0);
    }

    #[test]
    fn the_table_is_bounded_and_further_peers_share_a_bucket() {
        let buckets = Buckets::default();
        let start = Instant::now();
        let address = |n: usize| IpAddr::from((n as u32).to_be_bytes()).to_string();
        let admitted = (0..10 * MAX_BUCKETS)
            .filter(|&n| buckets.admit(kind(), line(&address(n)), start))
            .count();
        assert_eq!(admitted, MAX_BUCKETS + BURST as usize);
        assert_eq!(buckets.lock().buckets.len(), MAX_BUCKETS + 1);
        let suppressed = buckets.take_suppressed();
        let lines = (9 * MAX_BUCKETS) as u64 - u64::from(BURST);
        assert_eq!(suppressed, [Suppressed { lines, peer: None, like: "m".into() }]);

        // Buckets of peers that have been silent for a while make room.
        assert!(buckets.admit(kind(), line("192.0.2.1"), start + REFILL * 60));
        assert_eq!(buckets.lock().buckets.len(), 1);
    }
}
