//! What a tracker is asked and what it answers, the same for every transport.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
};

use seedbed_metainfo::{Infohash, PeerId};
use serde::Serialize;
use utoipa::ToSchema;

/// How a request came.
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
    /// One of the announces that are made at regular intervals.
    #[default]
    Empty,
    Started,
    Completed,
    Stopped,
    Paused,
}

/// An address of one family, and the port, at which a peer can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint<A> {
    pub(crate) ip: A,
    pub(crate) port: NonZeroU16,
}

impl Endpoint<Ipv4Addr> {
    /// As compact answers have it (BEP 15, BEP 23).
    pub(crate) fn compact(self) -> [u8; 6] {
        let ([a, b, c, d], [high, low]) = (self.ip.octets(), self.port.get().to_be_bytes());
        [a, b, c, d, high, low]
    }
}

impl Endpoint<Ipv6Addr> {
    /// As compact answers have it (BEP 7, BEP 15).
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

/// A WebSocket connection, by the number that it has in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection(pub(crate) u64);

/// How a WebTorrent peer can be reached: through the tracker, which passes on what others have
/// to say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebPeer {
    pub(crate) connection: Connection,
    /// Where the connection comes from.
    pub(crate) ip: IpAddr,
}

impl Addresses {
    /// Takes `ip` in, in place of another of its family.
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

/// The kinds of peers that an answer can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    Both,
    V4,
    V6,
    /// Peers behind a WebSocket, which reach each other only.
    Web,
}

/// An announce, of whatever transport.
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
    /// Bytes still to be downloaded, where the peer says so.
    pub(crate) left: Option<u64>,
    /// How many peers are wanted, where the peer says so.
    pub(crate) numwant: Option<u32>,
    pub(crate) families: Families,
    /// Whether the answer is to have peer ids, which compact ones have not.
    pub(crate) peer_ids: bool,
}

/// A scrape, of whatever transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeRequest {
    pub(crate) transport: Transport,
    pub(crate) swarms: Scraped,
}

/// What a scrape asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scraped {
    /// The swarms named.
    These(Vec<Infohash>),
    /// Every swarm.
    All,
}

/// A WebTorrent answer to an offer, which is to be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerRequest {
    pub(crate) infohash: Infohash,
    /// Who made the offer.
    pub(crate) to: PeerId,
}

/// Whatever a tracker can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Announce(AnnounceRequest),
    Scrape(ScrapeRequest),
    Answer(AnswerRequest),
}

/// How many are in a swarm, the requester included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SwarmCounts {
    pub(crate) complete: u32,
    pub(crate) incomplete: u32,
    pub(crate) downloaded: u32,
}

/// The answer to an announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnounceResponse {
    /// Seconds until the next announce.
    pub(crate) interval: u32,
    pub(crate) counts: SwarmCounts,
    pub(crate) listing: Listing,
}

/// Other peers of the swarm, of the kind that the request takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Where they are. A peer of both families is in both lists.
    Addresses { v4: Vec<Endpoint<Ipv4Addr>>, v6: Vec<Endpoint<Ipv6Addr>> },
    /// Who they are, and where.
    Peers(Vec<(PeerId, Addresses)>),
    /// The WebSockets that they are behind, for [`Families::Web`].
    Connections(Vec<Connection>),
}

impl Default for Listing {
    fn default() -> Self {
        Self::Addresses { v4: Vec::new(), v6: Vec::new() }
    }
}

/// The answer to a scrape, in the order in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeResponse {
    /// Seconds that a client should leave between two scrapes.
    pub(crate) interval: u32,
    pub(crate) swarms: Vec<(Infohash, SwarmCounts)>,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    Announce(AnnounceResponse),
    Scrape(ScrapeResponse),
    /// Everything may be scraped. It is taken from the store part by part, since it may be much.
    FullScrape {
        /// As in [`ScrapeResponse`].
        interval: u32,
    },
    /// The connection that an answer is for.
    Answer(Connection),
}
