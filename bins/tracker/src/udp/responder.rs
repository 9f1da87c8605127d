//! One datagram in, at most one out: BEP 15 without a socket.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    sync::Arc,
    time::Duration,
};

use aquatic_udp_protocol as wire;
use aquatic_udp_protocol::{
    AnnounceEvent, AnnounceInterval, AnnounceResponseFixedData, ConnectResponse, ConnectionId,
    ErrorResponse, Ipv4AddrBytes, Ipv6AddrBytes, NumberOfDownloads, NumberOfPeers, Port,
    RequestParseError, ResponsePeer, TorrentScrapeStatistics, TransactionId,
};

use super::connection_id::ConnectionIds;
use crate::{
    clock::Moment,
    engine::Engine,
    messages::{
        Addresses, AnnounceRequest, AnnounceResponse, Endpoint, Event, Families, Listing,
        MalformedRequest, Request, RequestKind, Response, ScrapeResponse, Scraped, Transport,
    },
    policy::{Incoming, Outgoing},
    sender::is_local,
};

/// BEP 15: the number of torrents whose scrape fits into one datagram.
const SCRAPE_LIMIT: u8 = 74;

const UNCONNECTED: &str = "connection id is not valid, connect first";

/// Answers datagrams. It keeps no state for a client.
#[derive(Debug)]
pub(crate) struct Responder {
    engine: Arc<Engine>,
    ids: ConnectionIds,
    trust_proxy: bool,
}

/// A datagram, parsed.
struct Parsed {
    request: Request,
    /// The transaction id, unless the datagram is too short or too strange to have one.
    transaction_id: Option<TransactionId>,
}

impl Responder {
    /// `seed` is the source of the key of the connection ids.
    pub(crate) fn new(engine: Arc<Engine>, trust_proxy: bool, seed: u64) -> Self {
        Self { engine, ids: ConnectionIds::new(seed), trust_proxy }
    }

    /// Appends the reply to `datagram` to `reply`, if there is one, and returns how long it is to be
    /// held back.
    pub(crate) fn respond(
        &self,
        datagram: &[u8],
        client: IpAddr,
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Duration {
        let client = client.to_canonical();
        let Parsed { request, transaction_id } = self.parse(datagram, client, now);
        let incoming = Incoming { transport: Transport::Udp, client, request: &request };
        let Outgoing { response, delivery, .. } = self.engine.handle(incoming, now);
        let transaction_id = delivery.transaction_id.map(TransactionId::new).or(transaction_id);
        let start = reply.len();
        if let Some(transaction_id) = transaction_id
            && let Some(response) = self.encode(response, client, transaction_id, now)
            && response.write_bytes(reply).is_err()
        {
            reply.truncate(start);
        }
        delivery.cut(reply, start);
        delivery.delay
    }

    /// A connection id that is valid for a client.
    #[cfg(test)]
    pub(crate) fn connection_id(&self, client: IpAddr, now: Moment) -> i64 {
        self.ids.issue(client, now)
    }

    /// Answers a datagram as it is, and behind a valid connection id.
    pub(crate) fn fuzz(&self, datagram: &[u8], client: IpAddr) {
        let now = Moment::default();
        let id = self.ids.issue(client, now).to_be_bytes();
        for datagram in [datagram, &[&id[..], datagram].concat()] {
            self.respond(datagram, client, now, &mut Vec::new());
        }
    }

    fn parse(&self, datagram: &[u8], client: IpAddr, now: Moment) -> Parsed {
        let (request, connection_id, transaction_id) =
            match wire::Request::parse_bytes(datagram, SCRAPE_LIMIT) {
                Ok(wire::Request::Connect(wire::ConnectRequest { transaction_id })) => {
                    let transaction_id = Some(transaction_id);
                    return Parsed { request: Request::Connect, transaction_id };
                }
                Ok(wire::Request::Announce(request)) => {
                    (self.announce(&request, client), request.connection_id, request.transaction_id)
                }
                Ok(wire::Request::Scrape(request)) => {
                    let infohashes = request.info_hashes.iter().map(|hash| hash.0.into());
                    let swarms = Scraped::These(infohashes.collect());
                    (Request::Scrape(swarms), request.connection_id, request.transaction_id)
                }
                Err(RequestParseError::Sendable { transaction_id, err, .. }) => {
                    let request = malformed(kind_of(datagram), err);
                    return Parsed { request, transaction_id: Some(transaction_id) };
                }
                Err(RequestParseError::Unsendable { .. }) => {
                    let malformed = MalformedRequest { kind: RequestKind::Unknown, reason: None };
                    let request = Request::Malformed(malformed);
                    return Parsed { request, transaction_id: None };
                }
            };
        let request = if self.ids.is_valid(connection_id.0.get(), client, now) {
            request
        } else {
            malformed(kind_of(datagram), UNCONNECTED)
        };
        Parsed { request, transaction_id: Some(transaction_id) }
    }

    fn encode(
        &self,
        response: Response,
        client: IpAddr,
        transaction_id: TransactionId,
        now: Moment,
    ) -> Option<wire::Response> {
        match response {
            Response::Connected => {
                let connection_id = ConnectionId::new(self.ids.issue(client, now));
                Some(ConnectResponse { transaction_id, connection_id }.into())
            }
            Response::Announce(response) => Some(listing(&response, client, transaction_id)),
            Response::Scrape(response) => Some(counts(&response, transaction_id)),
            Response::Failure(reason) => Some(error(transaction_id, reason)),
            Response::Nothing | Response::Forward(_) | Response::FullScrape { .. } => None,
        }
    }

    fn announce(&self, request: &wire::AnnounceRequest, client: IpAddr) -> Request {
        let Some(port) = NonZeroU16::new(request.port.0.get()) else {
            return malformed(RequestKind::Announce, "port: wanted a port from 1 to 65535, got 0");
        };
        let mut addresses = Addresses::from((client, port));
        let claimed = Ipv4Addr::from(request.ip_address);
        // BEP 15: the field has no meaning over IPv6.
        if client.is_ipv4() && !claimed.is_unspecified() && (self.trust_proxy || is_local(client)) {
            addresses.set(claimed.into(), port);
        }
        Request::Announce(AnnounceRequest {
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
            // Clients send a negative number if they do not know.
            uploaded: request.bytes_uploaded.0.get().try_into().unwrap_or(0),
            downloaded: request.bytes_downloaded.0.get().try_into().unwrap_or(0),
            left: request.bytes_left.0.get().try_into().ok(),
            numwant: request.peers_wanted.0.get().try_into().ok(),
            families: if client.is_ipv4() { Families::V4 } else { Families::V6 },
            peer_ids: false,
        })
    }
}

/// What a datagram asks for, by its action.
fn kind_of(datagram: &[u8]) -> RequestKind {
    const SCRAPE: [u8; 4] = 2_i32.to_be_bytes();
    match datagram.get(8..12) {
        Some(action) if action == SCRAPE => RequestKind::Scrape,
        _ => RequestKind::Announce,
    }
}

fn malformed(kind: RequestKind, reason: impl Into<String>) -> Request {
    Request::Malformed(MalformedRequest { kind, reason: Some(reason.into()) })
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
