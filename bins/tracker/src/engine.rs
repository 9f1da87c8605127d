//! The tracker itself: requests in, answers out, without sockets and without a clock.

use std::{collections::HashSet, time::Duration};

use seedbed_metainfo::{Infohash, PeerId};

use crate::{
    Config,
    announce::{
        AnnounceRequest, AnnounceResponse, AnswerRequest, Connection, Request, Response,
        ScrapeRequest, ScrapeResponse, Scraped, Transport,
    },
    clock::Moment,
    metrics::{Counters, Outcome},
    recent::{Happened, Recent},
    store::Store,
};

/// How many peers are listed to a client that does not say how many it wants, as npm's
/// bittorrent-tracker does.
const DEFAULT_NUMWANT: u32 = 50;

/// Why a request that is understood is not granted. Clients show it to their users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is a whitelist and it is not on it.
    #[error("info_hash {0} is not on the whitelist")]
    NotWhitelisted(Infohash),
    /// It is on the blacklist.
    #[error("info_hash {0} is on the blacklist")]
    Blacklisted(Infohash),
    /// An answer is for a peer that is not there.
    #[error("to_peer_id: no peer {0} is in the swarm of {1}")]
    UnknownPeer(PeerId, Infohash),
}

/// The tracker behind all transports.
#[derive(Debug)]
pub(crate) struct Engine {
    store: Store,
    counters: Counters,
    recent: Recent,
    whitelist: HashSet<Infohash>,
    blacklist: HashSet<Infohash>,
    interval: u32,
    max_numwant: u32,
}

impl Engine {
    /// A tracker without peers; `seed` is where its randomness comes from.
    pub(crate) fn new(config: &Config, seed: u64) -> Self {
        let expire_after = config.interval.saturating_mul(config.expire_after);
        Self {
            store: Store::new(config.peer_order, seed, expire_after),
            counters: Counters::default(),
            recent: Recent::default(),
            whitelist: config.whitelist.clone(),
            blacklist: config.blacklist.clone(),
            interval: whole_seconds(config.interval),
            max_numwant: config.max_numwant,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last events, the last one first.
    pub(crate) fn recent(&self) -> Vec<Happened> {
        self.recent.all()
    }

    /// Answers a request. Every one passes through here, whatever transport it came by.
    ///
    /// # Errors
    /// The request is not allowed.
    pub(crate) fn handle(&self, request: &Request, now: Moment) -> Result<Response, Refusal> {
        match request {
            Request::Announce(request) => {
                let answer = self.announce(request, now);
                let outcome = if answer.is_ok() { Outcome::Answered } else { Outcome::Refused };
                self.counters.announces.count(request.transport, outcome);
                answer.map(Response::Announce)
            }
            Request::Answer(request) => {
                let to = self.addressee(request, now);
                let outcome = if to.is_ok() { Outcome::Answered } else { Outcome::Refused };
                self.counters.answers.count(Transport::WebSocket, outcome);
                to.map(Response::Answer)
            }
            Request::Scrape(request) => {
                self.counters.scrapes.count(request.transport, Outcome::Answered);
                Ok(self.scrape(request, now))
            }
        }
    }

    fn announce(
        &self,
        request: &AnnounceRequest,
        now: Moment,
    ) -> Result<AnnounceResponse, Refusal> {
        self.admit(request.infohash)?;
        self.recent.note(request, now);
        let wanted = request.numwant.unwrap_or(DEFAULT_NUMWANT).min(self.max_numwant);
        let (counts, listing) = self.store.announce(request, wanted, now);
        Ok(AnnounceResponse { interval: self.interval, counts, listing })
    }

    fn addressee(&self, request: &AnswerRequest, now: Moment) -> Result<Connection, Refusal> {
        let AnswerRequest { infohash, to } = request;
        self.admit(*infohash)?;
        self.store.connection(infohash, to, now).ok_or(Refusal::UnknownPeer(*to, *infohash))
    }

    fn scrape(&self, request: &ScrapeRequest, now: Moment) -> Response {
        let interval = self.interval;
        let Scraped::These(infohashes) = &request.swarms else {
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

/// An interval as it is told to clients: at least a second, and within BEP 15's 32 bits.
fn whole_seconds(interval: Duration) -> u32 {
    const MOST: u32 = i32::MAX as u32;
    u32::try_from(interval.as_secs()).unwrap_or(MOST).clamp(1, MOST)
}
