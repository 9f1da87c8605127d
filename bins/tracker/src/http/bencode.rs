//! The answers, bencoded (BEP 3, 23, 48). Keys of a dictionary go in sorted order.

use std::io::Write as _;

use crate::announce::{AnnounceResponse, ScrapeResponse, SwarmCounts};

/// How an announce wants its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// BEP 23 and BEP 7: six bytes a peer in `peers`, eighteen in `peers6`.
    Compact,
    /// BEP 3: a list of dictionaries.
    Dictionaries {
        /// With `peer id`, unless `no_peer_id=1`.
        ids: bool,
    },
}

pub(super) fn announce(response: &AnnounceResponse, layout: Layout) -> Vec<u8> {
    let AnnounceResponse { interval, counts, peers } = response;
    let SwarmCounts { complete, incomplete, .. } = counts;
    let mut out = Writer::with_capacity(96 + 24 * peers.len());
    out.text("d8:complete").integer(*complete);
    out.text("10:incomplete").integer(*incomplete);
    out.text("8:interval").integer(*interval);
    match layout {
        Layout::Compact => {
            let v4 = || peers.iter().filter_map(|peer| peer.addresses.v4);
            let v6 = || peers.iter().filter_map(|peer| peer.addresses.v6);
            out.text("5:peers").length(6 * v4().count());
            for endpoint in v4() {
                out.raw(&endpoint.ip.octets()).raw(&endpoint.port.get().to_be_bytes());
            }
            out.text("6:peers6").length(18 * v6().count());
            for endpoint in v6() {
                out.raw(&endpoint.ip.octets()).raw(&endpoint.port.get().to_be_bytes());
            }
        }
        Layout::Dictionaries { ids } => {
            out.text("5:peersl");
            for peer in peers {
                for address in peer.addresses.iter() {
                    out.text("d2:ip").string(address.ip().to_string().as_bytes());
                    if ids {
                        out.text("7:peer id").string(peer.id.as_bytes());
                    }
                    out.text("4:port").integer(address.port().into()).text("e");
                }
            }
            out.text("e");
        }
    }
    out.text("e");
    out.0
}

pub(super) fn scrape(response: &ScrapeResponse) -> Vec<u8> {
    let mut swarms: Vec<_> = response.swarms.iter().collect();
    swarms.sort_unstable_by_key(|(infohash, _)| *infohash);
    swarms.dedup_by_key(|(infohash, _)| *infohash);
    let mut out = Writer::with_capacity(64 + 96 * swarms.len());
    out.text("d5:filesd");
    for (infohash, counts) in swarms {
        out.string(infohash.as_bytes());
        out.text("d8:complete").integer(counts.complete);
        out.text("10:downloaded").integer(counts.downloaded);
        out.text("10:incomplete").integer(counts.incomplete).text("e");
    }
    out.text("e5:flagsd20:min_request_interval").integer(response.interval).text("ee");
    out.0
}

/// BEP 3: an answer with `failure reason` has no other key.
pub(super) fn failure(reason: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(32 + reason.len());
    out.text("d14:failure reason").string(reason.as_bytes()).text("e");
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Something that is bencoded already.
    fn text(&mut self, text: &str) -> &mut Self {
        self.raw(text.as_bytes())
    }

    fn integer(&mut self, value: u32) -> &mut Self {
        let _never_fails = write!(self.0, "i{value}e");
        self
    }

    /// The length in front of a string, which the caller writes.
    fn length(&mut self, length: usize) -> &mut Self {
        let _never_fails = write!(self.0, "{length}:");
        self
    }

    fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len()).raw(bytes)
    }
}
