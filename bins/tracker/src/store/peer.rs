//! A peer of a swarm.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::{AddAssign, SubAssign},
    time::Duration,
};

use seedbed_metainfo::PeerId;

use crate::{
    clock::Moment,
    messages::{
        Addresses, AnnounceRequest, ConnectionNumber, Endpoint, Event, Families, Transport, WebPeer,
    },
};

/// A peer of a swarm. It is one peer under both of its addresses (BEP 7) and behind a WebSocket. Each of
/// these expires by itself.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    v4: Option<Seen<Endpoint<Ipv4Addr>>>,
    v6: Option<Seen<Endpoint<Ipv6Addr>>>,
    /// Boxed, because most peers are not behind a WebSocket.
    web: Option<Box<Seen<WebPeer>>>,
    pub(crate) first_seen: Moment,
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
    /// `None` if the peer never said.
    pub(crate) left: Option<u64>,
    pub(crate) event: Event,
    pub(crate) transport: Transport,
    /// Whether the tracker has counted its `completed`.
    pub(crate) completed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Seen<T> {
    endpoint: T,
    at: Moment,
}

impl Peer {
    /// A peer without endpoints, which [`Peer::update`] sets.
    pub(crate) fn new(request: &AnnounceRequest, now: Moment) -> Self {
        Self {
            id: request.peer_id,
            v4: None,
            v6: None,
            web: None,
            first_seen: now,
            uploaded: 0,
            downloaded: 0,
            left: None,
            event: Event::Empty,
            transport: request.transport,
            completed: false,
        }
    }

    pub(crate) fn update(&mut self, request: &AnnounceRequest, now: Moment) {
        if let Some(endpoint) = request.addresses.v4 {
            self.v4 = Some(Seen { endpoint, at: now });
        }
        if let Some(endpoint) = request.addresses.v6 {
            self.v6 = Some(Seen { endpoint, at: now });
        }
        if let Some(endpoint) = request.web {
            self.web = Some(Box::new(Seen { endpoint, at: now }));
        }
        self.uploaded = request.uploaded;
        self.downloaded = request.downloaded;
        // A peer that does not repeat `left` still has what it had.
        self.left = match (request.left, request.event) {
            (None, Event::Completed) => Some(0),
            (None, _) => self.left,
            (left, _) => left,
        };
        self.event = request.event;
        self.transport = request.transport;
    }

    pub(crate) fn is_seeder(&self) -> bool {
        self.left == Some(0)
    }

    pub(crate) fn addresses(&self) -> Addresses {
        Addresses { v4: self.v4.map(|seen| seen.endpoint), v6: self.v6.map(|seen| seen.endpoint) }
    }

    pub(crate) fn web(&self) -> Option<WebPeer> {
        self.web.as_ref().map(|seen| seen.endpoint)
    }

    /// When the peer announced last.
    pub(crate) fn last_seen(&self) -> Moment {
        self.seen().max().unwrap_or_default()
    }

    /// When the oldest of its endpoints was announced; `None` if it has none.
    pub(crate) fn oldest_announce(&self) -> Option<Moment> {
        self.seen().min()
    }

    fn seen(&self) -> impl Iterator<Item = Moment> {
        let web = self.web.as_ref().map(|seen| seen.at);
        [self.v4.map(|seen| seen.at), self.v6.map(|seen| seen.at), web].into_iter().flatten()
    }

    /// Removes the endpoints that were not announced for `time_to_live`.
    pub(crate) fn expire(&mut self, now: Moment, time_to_live: Duration) {
        self.v4.take_if(|seen| now.since(seen.at) > time_to_live);
        self.v6.take_if(|seen| now.since(seen.at) > time_to_live);
        self.web.take_if(|seen| now.since(seen.at) > time_to_live);
    }

    /// Removes the addresses that another peer has announced since.
    pub(crate) fn lose(&mut self, addresses: &Addresses) {
        self.v4.take_if(|seen| addresses.v4 == Some(seen.endpoint));
        self.v6.take_if(|seen| addresses.v6 == Some(seen.endpoint));
    }

    /// Removes a closed WebSocket.
    pub(crate) fn disconnect(&mut self, connection: ConnectionNumber) {
        self.web.take_if(|seen| seen.endpoint.connection == connection);
    }
}

/// The numbers of peers of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) peers: u32,
    pub(crate) seeders: u32,
    pub(crate) v4: u32,
    pub(crate) v6: u32,
    /// Peers that have an address of any family.
    pub(crate) addressed: u32,
    pub(crate) web: u32,
}

impl Census {
    pub(crate) fn of(&self, families: Families) -> u32 {
        match families {
            Families::Both => self.addressed,
            Families::V4 => self.v4,
            Families::V6 => self.v6,
            Families::Web => self.web,
        }
    }
}

impl From<&Peer> for Census {
    fn from(peer: &Peer) -> Self {
        Self {
            peers: 1,
            seeders: peer.is_seeder().into(),
            v4: peer.v4.is_some().into(),
            v6: peer.v6.is_some().into(),
            addressed: (peer.v4.is_some() || peer.v6.is_some()).into(),
            web: peer.web.is_some().into(),
        }
    }
}

impl AddAssign for Census {
    fn add_assign(&mut self, other: Self) {
        self.peers += other.peers;
        self.seeders += other.seeders;
        self.v4 += other.v4;
        self.v6 += other.v6;
        self.addressed += other.addressed;
        self.web += other.web;
    }
}

impl SubAssign for Census {
    fn sub_assign(&mut self, other: Self) {
        self.peers -= other.peers;
        self.seeders -= other.seeders;
        self.v4 -= other.v4;
        self.v6 -= other.v6;
        self.addressed -= other.addressed;
        self.web -= other.web;
    }
}
