//! The tracker itself: requests in, answers out, without sockets and without a clock.
//!
//! Every request of every transport passes through [`Engine::handle`], also one that could not be parsed.

use std::{collections::HashSet, time::Duration};

use seedbed_metainfo::{Infohash, PeerId};

use crate::{
    Config,
    clock::Moment,
    counters::{Counters, Outcome},
    messages::{
        AnnounceRequest, AnnounceResponse, AnswerRequest, ConnectionNumber, Request, Response,
        ScrapeResponse, Scraped,
    },
    policy::{Delivery, Incoming, Outgoing, Policy},
    recent_events::{RecentEvent, RecentEvents},
    store::Store,
};

/// The number of peers listed to a client that does not say how many it wants, as in npm's
/// bittorrent-tracker.
const DEFAULT_NUMWANT: u32 = 50;

/// Why the tracker refuses a request that it understands. Clients show this to their users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is a whitelist without this torrent.
    #[error("info_hash {0} is not on the whitelist")]
    NotWhitelisted(Infohash),
    /// The torrent is on the blacklist.
    #[error("info_hash {0} is on the blacklist")]
    Blacklisted(Infohash),
    /// A WebTorrent answer is for a peer that is not in the swarm.
    #[error("to_peer_id: no peer {0} is in the swarm of {1}")]
    UnknownPeer(PeerId, Infohash),
}

/// The tracker behind all transports.
#[derive(Debug)]
pub(crate) struct Engine {
    store: Store,
    counters: Counters,
    recent_events: RecentEvents,
    policy: Option<Box<dyn Policy>>,
    whitelist: HashSet<Infohash>,
    blacklist: HashSet<Infohash>,
    interval: u32,
    max_numwant: u32,
}

impl Engine {
    /// A tracker without peers; `seed` is the source of its randomness.
    pub(crate) fn new(config: &Config, seed: u64) -> Self {
        Self {
            store: Store::new(config.peer_order, seed, config.time_to_live()),
            counters: Counters::default(),
            recent_events: RecentEvents::default(),
            policy: None,
            whitelist: config.whitelist.clone(),
            blacklist: config.blacklist.clone(),
            interval: whole_seconds(config.interval),
            max_numwant: config.max_numwant,
        }
    }

    /// The same with a policy for its answers.
    #[cfg(test)]
    pub(crate) fn with_policy(self, policy: impl Policy + 'static) -> Self {
        Self { policy: Some(Box::new(policy)), ..self }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The latest events, the latest first.
    pub(crate) fn recent_events(&self) -> Vec<RecentEvent> {
        self.recent_events.list()
    }

    /// Whether no policy is in force, so that every answer goes out whole and at once.
    pub(crate) fn is_plain(&self) -> bool {
        self.policy.is_none()
    }

    /// Answers a request and decides what goes out. The caller encodes the response and carries out
    /// the delivery.
    pub(crate) fn handle(&self, incoming: Incoming<'_>, now: Moment) -> Outgoing {
        let (response, outcome) = match incoming.request {
            Request::Connect => (Response::Connected, Outcome::Answered),
            Request::Announce(request) => decided(self.announce(request, now)),
            Request::Answer(request) => decided(self.forward(*request, now)),
            Request::Scrape(swarms) => (self.scrape(swarms, now), Outcome::Answered),
            Request::Malformed(malformed) => {
                let Incoming { transport, client, .. } = incoming;
                let reason = malformed.reason.as_deref().unwrap_or("no request of a tracker");
                tracing::debug!(peer = %client, ?transport, reason, "a request is malformed");
                let response =
                    malformed.reason.clone().map_or(Response::Nothing, Response::Failure);
                (response, Outcome::Invalid)
            }
        };
        self.counters.count(incoming.request.kind(), incoming.transport, outcome);
        let mut outgoing = Outgoing { response, outcome, delivery: Delivery::default() };
        if let Some(policy) = &self.policy {
            policy.apply(incoming, &mut outgoing, now);
        }
        outgoing
    }

    fn announce(&self, request: &AnnounceRequest, now: Moment) -> Result<Response, Refusal> {
        self.admit(request.infohash)?;
        self.recent_events.record(request, now);
        let wanted = request.numwant.unwrap_or(DEFAULT_NUMWANT).min(self.max_numwant);
        let (counts, listing) = self.store.announce(request, wanted, now);
        Ok(Response::Announce(AnnounceResponse { interval: self.interval, counts, listing }))
    }

    fn forward(&self, request: AnswerRequest, now: Moment) -> Result<Response, Refusal> {
        let AnswerRequest { infohash, to } = request;
        self.admit(infohash)?;
        let connection: Option<ConnectionNumber> = self.store.connection(&infohash, &to, now);
        connection.map(Response::Forward).ok_or(Refusal::UnknownPeer(to, infohash))
    }

    fn scrape(&self, swarms: &Scraped, now: Moment) -> Response {
        let interval = self.interval;
        let Scraped::These(infohashes) = swarms else {
            return Response::FullScrape { interval };
        };
        let counts = |infohash: &Infohash| (*infohash, self.store.scrape(infohash, now));
        let swarms = infohashes.iter().map(counts).collect();
        Response::Scrape(ScrapeResponse { interval, swarms })
    }

    fn admit(&self, infohash: Infohash) -> Result<(), Refusal> {
        if self.blacklist.contains(&infohash) {
            Err(Refusal::Blacklisted(infohash))
        } else if !self.whitelist.is_empty() && !self.whitelist.contains(&infohash) {
            Err(Refusal::NotWhitelisted(infohash))
        } else {
            Ok(())
        }
    }
}

fn decided(result: Result<Response, Refusal>) -> (Response, Outcome) {
    match result {
        Ok(response) => (response, Outcome::Answered),
        Err(refusal) => (Response::Failure(refusal.to_string()), Outcome::Refused),
    }
}

/// An interval as clients are told it: at least a second, and within BEP 15's 32 bits.
fn whole_seconds(interval: Duration) -> u32 {
    const MOST: u32 = i32::MAX as u32;
    u32::try_from(interval.as_secs()).unwrap_or(MOST).clamp(1, MOST)
}
