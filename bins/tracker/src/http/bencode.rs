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

/// Appends the answer to an announce; `warning` is shown to users, and changes nothing.
pub(super) fn announce(
    out: &mut Vec<u8>,
    response: &AnnounceResponse,
    layout: Layout,
    warning: Option<&str>,
) {
    let AnnounceResponse { interval, counts, listing } = response;
    let peers = &listing.peers;
    let SwarmCounts { complete, incomplete, .. } = counts;
    let mut out = Writer(out);
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
        Layout::Dictionaries { .. } => {
            out.text("5:peersl");
            for peer in peers {
                for address in peer.addresses.iter() {
                    out.text("d2:ip").string(address.ip().to_string().as_bytes());
                    if let Some(id) = peer.id {
                        out.text("7:peer id").string(id.as_bytes());
                    }
                    out.text("4:port").integer(address.port().into()).text("e");
                }
            }
            out.text("e");
        }
    }
    if let Some(warning) = warning {
        out.text("15:warning message").string(warning.as_bytes());
    }
    out.text("e");
}

/// Appends the answer to a scrape.
pub(super) fn scrape(out: &mut Vec<u8>, response: &ScrapeResponse) {
    let mut swarms: Vec<_> = response.swarms.iter().collect();
    swarms.sort_unstable_by_key(|(infohash, _)| *infohash);
    swarms.dedup_by_key(|(infohash, _)| *infohash);
    let mut out = Writer(out);
    out.text("d5:filesd");
    for (infohash, counts) in swarms {
        out.string(infohash.as_bytes());
        out.text("d8:complete").integer(counts.complete);
        out.text("10:downloaded").integer(counts.downloaded);
        out.text("10:incomplete").integer(counts.incomplete).text("e");
    }
    out.text("e5:flagsd20:min_request_interval").integer(response.interval).text("ee");
}

/// Appends a failure. BEP 3: an answer with `failure reason` has no other key.
pub(super) fn failure(out: &mut Vec<u8>, reason: &str) {
    let mut out = Writer(out);
    out.text("d14:failure reason").string(reason.as_bytes()).text("e");
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
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
