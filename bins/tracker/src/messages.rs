//! The requests that a tracker gets and the responses that it gives, the same for every transport.
//!
//! Transports parse bytes into these types and encode them. Only data belongs here: no I/O, and no decision.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
};

use seedbed_metainfo::{Infohash, PeerId};
use serde::Serialize;
use utoipa::ToSchema;

/// The protocol by which a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Http,
    Udp,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::Http, Self::Udp, Self::WebSocket];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Udp => "udp",
            Self::WebSocket => "websocket",
        }
    }
}

/// Why a peer announces (BEP 3); `Paused` is a partial seed's (BEP 21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    /// None: an announce at the regular interval.
    #[default]
    Empty,
    Started,
    Completed,
    Stopped,
    Paused,
}

/// An address of one family and a port, where a peer accepts connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint<A> {
    pub(crate) ip: A,
    pub(crate) port: NonZeroU16,
}

impl Endpoint<Ipv4Addr> {
    /// The form in compact responses (BEP 15, BEP 23).
    pub(crate) fn compact(self) -> [u8; 6] {
        let ([a, b, c, d], [high, low]) = (self.ip.octets(), self.port.get().to_be_bytes());
        [a, b, c, d, high, low]
    }
}

impl Endpoint<Ipv6Addr> {
    /// The form in compact responses (BEP 7, BEP 15).
    pub(crate) fn compact(self) -> [u8; 18] {
        let mut bytes = [0; 18];
        bytes[..16].copy_from_slice(&self.ip.octets());
        bytes[16..].copy_from_slice(&self.port.get().to_be_bytes());
        bytes
    }
}

impl<A: Into<IpAddr>> From<Endpoint<A>> for SocketAddr {
    fn from(endpoint: Endpoint<A>) -> Self {
        Self::new(endpoint.ip.into(), endpoint.port.get())
    }
}

/// Where a peer can be reached: at most one endpoint a family (BEP 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) v4: Option<Endpoint<Ipv4Addr>>,
    pub(crate) v6: Option<Endpoint<Ipv6Addr>>,
}

/// The number of a WebSocket connection in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionNumber(pub(crate) u64);

/// A WebTorrent peer, which can be reached only through the tracker: the tracker forwards offers
/// and answers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebPeer {
    pub(crate) connection: ConnectionNumber,
    /// The remote address of the connection.
    pub(crate) ip: IpAddr,
}

impl Addresses {
    /// Sets the endpoint of the family of `ip`.
    pub(crate) fn set(&mut self, ip: IpAddr, port: NonZeroU16) {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4 = Some(Endpoint { ip, port }),
            IpAddr::V6(ip) => self.v6 = Some(Endpoint { ip, port }),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.v4.map(SocketAddr::from).into_iter().chain(self.v6.map(SocketAddr::from))
    }
}

impl From<(IpAddr, NonZeroU16)> for Addresses {
    fn from((ip, port): (IpAddr, NonZeroU16)) -> Self {
        let mut addresses = Self::default();
        addresses.set(ip, port);
        addresses
    }
}

/// The kinds of peers that a response can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    Both,
    V4,
    V6,
    /// Peers behind a WebSocket, which reach only each other.
    Web,
}

/// An announce, of any transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnounceRequest {
    pub(crate) transport: Transport,
    pub(crate) infohash: Infohash,
    pub(crate) peer_id: PeerId,
    pub(crate) addresses: Addresses,
    pub(crate) web: Option<WebPeer>,
    pub(crate) event: Event,
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
    /// Bytes still to be downloaded; `None` if the peer does not say.
    pub(crate) left: Option<u64>,
    /// The number of peers wanted; `None` if the peer does not say.
    pub(crate) numwant: Option<u32>,
    pub(crate) families: Families,
    /// Whether the response carries peer ids, which compact ones do not.
    pub(crate) peer_ids: bool,
}

/// The swarms that a scrape asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scraped {
    /// The swarms named.
    These(Vec<Infohash>),
    /// Every swarm.
    All,
}

/// A WebTorrent answer to an offer, to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerRequest {
    pub(crate) infohash: Infohash,
    /// The peer that made the offer.
    pub(crate) to: PeerId,
}

/// A request that could not be parsed, or that a transport rejects by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MalformedRequest {
    /// What it seems to ask for.
    pub(crate) kind: RequestKind,
    /// The reason to give to the client; `None` if the transport has no way to give one.
    pub(crate) reason: Option<String>,
}

/// Anything that a client can send to a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// BEP 15: asks for a connection id.
    Connect,
    Announce(AnnounceRequest),
    Scrape(Scraped),
    Answer(AnswerRequest),
    Malformed(MalformedRequest),
}

/// What a request asks for, as far as the tracker could tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RequestKind {
    Connect,
    Announce,
    Scrape,
    Answer,
    /// Nothing that a tracker knows.
    Unknown,
}

impl Request {
    pub(crate) const fn kind(&self) -> RequestKind {
        match self {
            Self::Connect => RequestKind::Connect,
            Self::Announce(_) => RequestKind::Announce,
            Self::Scrape(_) => RequestKind::Scrape,
            Self::Answer(_) => RequestKind::Answer,
            Self::Malformed(malformed) => malformed.kind,
        }
    }
}

/// The numbers of peers in a swarm, the requester included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SwarmCounts {
    pub(crate) complete: u32,
    pub(crate) incomplete: u32,
    pub(crate) downloaded: u32,
}

/// The response to an announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnounceResponse {
    /// Seconds until the next announce.
    pub(crate) interval: u32,
    pub(crate) counts: SwarmCounts,
    pub(crate) listing: Listing,
}

/// Other peers of the swarm, of the kind that the request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Their endpoints. A peer of both families is in both lists.
    Addresses { v4: Vec<Endpoint<Ipv4Addr>>, v6: Vec<Endpoint<Ipv6Addr>> },
    /// Their ids and endpoints.
    Peers(Vec<(PeerId, Addresses)>),
    /// Their WebSocket connections, for [`Families::Web`].
    Connections(Vec<ConnectionNumber>),
}

impl Default for Listing {
    fn default() -> Self {
        Self::Addresses { v4: Vec::new(), v6: Vec::new() }
    }
}

/// The response to a scrape, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeResponse {
    /// Seconds that a client should leave between two scrapes.
    pub(crate) interval: u32,
    pub(crate) swarms: Vec<(Infohash, SwarmCounts)>,
}

/// The response to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// The client gets nothing.
    Nothing,
    /// The UDP transport issues a connection id.
    Connected,
    Announce(AnnounceResponse),
    Scrape(ScrapeResponse),
    /// The client may scrape everything. Transports read the store part by part, because the whole
    /// may be large.
    FullScrape {
        /// As in [`ScrapeResponse`].
        interval: u32,
    },
    /// The answer goes to this connection.
    Forward(ConnectionNumber),
    /// The client gets this reason.
    Failure(String),
}
