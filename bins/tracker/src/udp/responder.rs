//! One datagram in, at most one out.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    sync::Arc,
};

use aquatic_udp_protocol as wire;
use aquatic_udp_protocol::{
    AnnounceEvent, AnnounceInterval, AnnounceResponseFixedData, ConnectResponse, ConnectionId,
    ErrorResponse, Ipv4AddrBytes, Ipv6AddrBytes, NumberOfDownloads, NumberOfPeers, Port,
    RequestParseError, ResponsePeer, TorrentScrapeStatistics, TransactionId,
};

use super::connection_id::ConnectionIds;
use crate::{
    announce::{
        Addresses, AnnounceRequest, AnnounceResponse, Endpoint, Event, Families, Listing, Request,
        Response, ScrapeRequest, ScrapeResponse, Scraped, Transport,
    },
    clock::Moment,
    engine::Engine,
    metrics::Outcome,
    sender::is_local,
};

/// BEP 15: what fits into one datagram.
const SCRAPE_LIMIT: u8 = 74;

const UNCONNECTED: &str = "connection id is not valid, connect first";

/// Answers datagrams. It remembers nothing of its clients.
#[derive(Debug)]
pub(crate) struct Responder {
    engine: Arc<Engine>,
    ids: ConnectionIds,
    trust_proxy: bool,
}

impl Responder {
    /// `seed` is where the key of the connection ids comes from.
    pub(crate) fn new(engine: Arc<Engine>, trust_proxy: bool, seed: u64) -> Self {
        Self { engine, ids: ConnectionIds::new(seed), trust_proxy }
    }

    /// Appends the reply to `datagram`, if it deserves one, to `reply`.
    pub(crate) fn respond(
        &self,
        datagram: &[u8],
        client: IpAddr,
        now: Moment,
        reply: &mut Vec<u8>,
    ) {
        let length = reply.len();
        if let Some(response) = self.response(datagram, client.to_canonical(), now)
            && response.write_bytes(reply).is_err()
        {
            reply.truncate(length);
        }
    }

    /// Answers a datagram as it is, and behind a connection id that is valid.
    pub(crate) fn fuzz(&self, datagram: &[u8], client: IpAddr) {
        let now = Moment::default();
        let id = self.ids.issue(client, now).to_be_bytes();
        for datagram in [datagram, &[&id[..], datagram].concat()] {
            self.respond(datagram, client, now, &mut Vec::new());
        }
    }

    fn response(&self, datagram: &[u8], client: IpAddr, now: Moment) -> Option<wire::Response> {
        let (request, connection_id, transaction_id) =
            match wire::Request::parse_bytes(datagram, SCRAPE_LIMIT) {
                Ok(wire::Request::Connect(wire::ConnectRequest { transaction_id })) => {
                    let connection_id = ConnectionId::new(self.ids.issue(client, now));
                    return Some(ConnectResponse { transaction_id, connection_id }.into());
                }
                Ok(wire::Request::Announce(request)) => {
                    let announce = Request::Announce(self.announce(&request, client)?);
                    (announce, request.connection_id, request.transaction_id)
                }
                Ok(wire::Request::Scrape(request)) => {
                    let infohashes = request.info_hashes.iter().map(|hash| hash.0.into());
                    let swarms = Scraped::These(infohashes.collect());
                    let scrape = ScrapeRequest { transport: Transport::Udp, swarms };
                    (Request::Scrape(scrape), request.connection_id, request.transaction_id)
                }
                Err(RequestParseError::Sendable { transaction_id, err, .. }) => {
                    self.count_invalid(datagram);
                    return Some(error(transaction_id, err));
                }
                Err(RequestParseError::Unsendable { .. }) => {
                    self.engine.counters().junk_packets.inc();
                    return None;
                }
            };
        if !self.ids.is_valid(connection_id.0.get(), client, now) {
            self.count_invalid(datagram);
            return Some(error(transaction_id, UNCONNECTED));
        }
        Some(match self.engine.handle(&request, now) {
            Ok(Response::Announce(response)) => listing(&response, client, transaction_id),
            Ok(Response::Scrape(response)) => counts(&response, transaction_id),
            Ok(Response::Answer(_) | Response::FullScrape { .. }) => return None,
            Err(refusal) => error(transaction_id, refusal.to_string()),
        })
    }

    fn announce(&self, request: &wire::AnnounceRequest, client: IpAddr) -> Option<AnnounceRequest> {
        let port = NonZeroU16::new(request.port.0.get())?;
        let mut addresses = Addresses::from((client, port));
        let claimed = Ipv4Addr::from(request.ip_address);
        // BEP 15: the field has no meaning over IPv6.
        if client.is_ipv4() && !claimed.is_unspecified() && (self.trust_proxy || is_local(client)) {
            addresses.set(claimed.into(), port);
        }
        Some(AnnounceRequest {
            transport: Transport::Udp,
            infohash: request.info_hash.0.into(),
            peer_id: request.peer_id.0.into(),
            addresses,
            web: None,
            event: match request.event.into() {
                AnnounceEvent::None => Event::Empty,
                AnnounceEvent::Started => Event::Started,
                AnnounceEvent::Completed => Event::Completed,
                AnnounceEvent::Stopped => Event::Stopped,
            },
            // Negative numbers are how clients say that they do not know.
            uploaded: request.bytes_uploaded.0.get().try_into().unwrap_or(0),
            downloaded: request.bytes_downloaded.0.get().try_into().unwrap_or(0),
            left: request.bytes_left.0.get().try_into().ok(),
            numwant: request.peers_wanted.0.get().try_into().ok(),
            families: if client.is_ipv4() { Families::V4 } else { Families::V6 },
            peer_ids: false,
        })
    }

    fn count_invalid(&self, datagram: &[u8]) {
        const SCRAPE: [u8; 4] = 2_i32.to_be_bytes();
        let counters = self.engine.counters();
        let counter = match datagram.get(8..12) {
            Some(action) if action == SCRAPE => &counters.scrapes,
            _ => &counters.announces,
        };
        counter.count(Transport::Udp, Outcome::Invalid);
    }
}

fn listing(
    response: &AnnounceResponse,
    client: IpAddr,
    transaction_id: TransactionId,
) -> wire::Response {
    let fixed = AnnounceResponseFixedData {
        transaction_id,
        announce_interval: AnnounceInterval::new(saturate(response.interval)),
        leechers: peers(response.counts.incomplete),
        seeders: peers(response.counts.complete),
    };
    let (v4, v6): (&[_], &[_]) = match &response.listing {
        Listing::Addresses { v4, v6 } => (v4, v6),
        Listing::Peers(_) | Listing::Connections(_) => (&[], &[]),
    };
    if client.is_ipv4() {
        let peers = v4.iter().map(listed).collect();
        wire::AnnounceResponse::<Ipv4AddrBytes> { fixed, peers }.into()
    } else {
        let peers = v6.iter().map(listed).collect();
        wire::AnnounceResponse::<Ipv6AddrBytes> { fixed, peers }.into()
    }
}

fn listed<A: Copy, B: wire::Ip + From<A>>(endpoint: &Endpoint<A>) -> ResponsePeer<B> {
    ResponsePeer { ip_address: endpoint.ip.into(), port: Port::new(endpoint.port) }
}

fn counts(response: &ScrapeResponse, transaction_id: TransactionId) -> wire::Response {
    let torrent_stats = response
        .swarms
        .iter()
        .map(|(_, counts)| TorrentScrapeStatistics {
            seeders: peers(counts.complete),
            completed: NumberOfDownloads::new(saturate(counts.downloaded)),
            leechers: peers(counts.incomplete),
        })
        .collect();
    wire::ScrapeResponse { transaction_id, torrent_stats }.into()
}

fn error(transaction_id: TransactionId, message: impl Into<Cow<'static, str>>) -> wire::Response {
    ErrorResponse { transaction_id, message: message.into() }.into()
}

fn peers(count: u32) -> NumberOfPeers {
    NumberOfPeers::new(saturate(count))
}

fn saturate(number: u32) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
