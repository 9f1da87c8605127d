//! Bencoded responses (BEP 3, 23, 48). The keys of a dictionary are sorted.

use std::net::SocketAddr;

use seedbed_metainfo::{Infohash, PeerId};

use crate::messages::{AnnounceResponse, Listing, ScrapeResponse, SwarmCounts};

/// The form of the peers in the response to an announce.
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

/// Appends the response to an announce. Clients show `warning` to their users.
pub(super) fn announce(
    out: &mut Vec<u8>,
    response: &AnnounceResponse,
    layout: Layout,
    warning: Option<&str>,
) {
    let AnnounceResponse { interval, counts, listing } = response;
    let SwarmCounts { complete, incomplete, .. } = counts;
    let mut out = Writer(out);
    out.text("d8:complete").integer(*complete);
    out.text("10:incomplete").integer(*incomplete);
    out.text("8:interval").integer(*interval);
    match layout {
        Layout::Compact => {
            let (v4, v6): (&[_], &[_]) = match listing {
                Listing::Addresses { v4, v6 } => (v4, v6),
                Listing::Peers(_) | Listing::Connections(_) => (&[], &[]),
            };
            out.text("5:peers").length(6 * v4.len());
            v4.iter().for_each(|endpoint| _ = out.raw(&endpoint.compact()));
            out.text("6:peers6").length(18 * v6.len());
            v6.iter().for_each(|endpoint| _ = out.raw(&endpoint.compact()));
        }
        Layout::Dictionaries { .. } => {
            out.text("5:peersl");
            match listing {
                Listing::Addresses { v4, v6 } => {
                    v4.iter().for_each(|it| out.peer((*it).into(), None));
                    v6.iter().for_each(|it| out.peer((*it).into(), None));
                }
                Listing::Peers(peers) => {
                    for (id, addresses) in peers {
                        addresses.iter().for_each(|address| out.peer(address, Some(id)));
                    }
                }
                Listing::Connections(_) => {}
            }
            out.text("e");
        }
    }
    if let Some(warning) = warning {
        out.text("15:warning message").string(warning.as_bytes());
    }
    out.text("e");
}

/// Appends the response to a scrape.
pub(super) fn scrape(out: &mut Vec<u8>, response: &ScrapeResponse) {
    let mut swarms: Vec<_> = response.swarms.iter().collect();
    swarms.sort_unstable_by_key(|(infohash, _)| *infohash);
    swarms.dedup_by_key(|(infohash, _)| *infohash);
    begin_scrape(out);
    swarms.into_iter().for_each(|swarm| scraped(out, swarm));
    end_scrape(out, response.interval);
}

/// Appends the part of a scrape before its swarms.
pub(super) fn begin_scrape(out: &mut Vec<u8>) {
    Writer(out).text("d5:filesd");
}

/// Appends a swarm of a scrape. The caller sorts swarms by infohash.
pub(super) fn scraped(out: &mut Vec<u8>, (infohash, counts): &(Infohash, SwarmCounts)) {
    let mut out = Writer(out);
    out.string(infohash.as_bytes());
    out.text("d8:complete").integer(counts.complete);
    out.text("10:downloaded").integer(counts.downloaded);
    out.text("10:incomplete").integer(counts.incomplete).text("e");
}

/// Appends the part of a scrape after its swarms.
pub(super) fn end_scrape(out: &mut Vec<u8>, interval: u32) {
    Writer(out).text("e5:flagsd20:min_request_interval").integer(interval).text("ee");
}

/// Appends a failure. BEP 3: a response with `failure reason` has no other key.
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

    /// Text that is already bencoded.
    fn text(&mut self, text: &str) -> &mut Self {
        self.raw(text.as_bytes())
    }

    fn integer(&mut self, value: u32) -> &mut Self {
        self.text("i").text(itoa::Buffer::new().format(value)).text("e")
    }

    /// The length of a string, which the caller writes next.
    fn length(&mut self, length: usize) -> &mut Self {
        self.text(itoa::Buffer::new().format(length)).text(":")
    }

    /// A peer in a list of dictionaries.
    fn peer(&mut self, address: SocketAddr, id: Option<&PeerId>) {
        self.text("d2:ip").string(address.ip().to_string().as_bytes());
        if let Some(id) = id {
            self.text("7:peer id").string(id.as_bytes());
        }
        self.text("4:port").integer(address.port().into()).text("e");
    }

    fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len()).raw(bytes)
    }
}
