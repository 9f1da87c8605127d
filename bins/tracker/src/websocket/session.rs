//! What a WebSocket connection says, and what it is told.

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use seedbed_metainfo::{Infohash, PeerId};
use tokio::sync::mpsc::Receiver;

use super::{
    Hub,
    message::{self, Announce, Answer, Malformed, Message},
};
use crate::{
    announce::{
        Addresses, AnnounceRequest, AnswerRequest, Event, Families, Listing, Request, Response,
        ScrapeRequest, ScrapeResponse, Scraped, Transport, WebPeer,
    },
    clock::Moment,
    engine::{Engine, Refusal},
    metrics::Outcome,
};

/// Most swarms in the answer to a scrape of everything: some 1.5 MB.
const MOST: usize = 16_384;

/// A connection, and the peers that are behind it. Dropping it takes them out of their swarms.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    web: WebPeer,
    peers: HashSet<(Infohash, PeerId)>,
    max_scrape: usize,
    /// What others have to say to it.
    pub(super) inbox: Receiver<String>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, hub: Arc<Hub>, ip: IpAddr, max_scrape: usize) -> Self {
        let (connection, inbox) = hub.join();
        let web = WebPeer { connection, ip };
        Self { engine, hub, web, peers: HashSet::new(), max_scrape, inbox }
    }

    /// Takes a message in, and gives the reply, if there is one.
    pub(crate) fn hear(&mut self, message: &[u8], now: Moment) -> Option<String> {
        match message::parse(message, self.max_scrape) {
            Ok(Message::Announce(announce)) => Some(self.announce(announce, now)),
            Ok(Message::Answer(answer)) => self.answer(answer, now),
            Ok(Message::Scrape(swarms)) => self.scrape(swarms, now),
            Err(error) => {
                let counters = self.engine.counters();
                let scrape = error.action == Some("scrape");
                let counter = if scrape { &counters.scrapes } else { &counters.announces };
                counter.count(Transport::WebSocket, Outcome::Invalid);
                Some(message::failure(&error))
            }
        }
    }

    fn announce(&mut self, announce: Announce, now: Moment) -> String {
        let Announce { infohash, peer_id, event, offers, .. } = announce;
        let offered = u32::try_from(offers.len()).unwrap_or(u32::MAX);
        let request = Request::Announce(AnnounceRequest {
            transport: Transport::WebSocket,
            infohash,
            peer_id,
            addresses: Addresses::default(),
            web: Some(self.web),
            event,
            uploaded: announce.uploaded,
            downloaded: announce.downloaded,
            left: announce.left,
            // Each peer that is listed gets an offer of its own.
            numwant: Some(announce.numwant.unwrap_or(offered).min(offered)),
            families: Families::Web,
            peer_ids: false,
        });
        let response = match self.engine.handle(&request, now) {
            Ok(Response::Announce(response)) => response,
            Ok(_) => return String::new(),
            Err(refusal) => return refused("announce", Some(infohash), &refusal),
        };
        if event == Event::Stopped {
            self.peers.remove(&(infohash, peer_id));
        } else {
            self.peers.insert((infohash, peer_id));
        }
        if let Listing::Connections(connections) = response.listing {
            for (to, offer) in connections.into_iter().zip(offers) {
                self.hub.send(to, message::passed_on("offer", infohash, peer_id, offer));
            }
        }
        message::announced(infohash, response.interval, response.counts)
    }

    fn answer(&self, answer: Answer, now: Moment) -> Option<String> {
        let Answer { infohash, peer_id, to, offer } = answer;
        match self.engine.handle(&Request::Answer(AnswerRequest { infohash, to }), now) {
            Ok(Response::Answer(to)) => {
                self.hub.send(to, message::passed_on("answer", infohash, peer_id, offer));
                None
            }
            Ok(_) => None,
            Err(refusal) => Some(refused("announce", Some(infohash), &refusal)),
        }
    }

    fn scrape(&self, swarms: Scraped, now: Moment) -> Option<String> {
        let request = ScrapeRequest { transport: Transport::WebSocket, swarms };
        match self.engine.handle(&Request::Scrape(request), now) {
            Ok(Response::Scrape(response)) => Some(message::scraped(&response)),
            Ok(Response::FullScrape { interval }) => Some(self.scrape_all(interval, now)),
            Ok(_) => None,
            Err(refusal) => Some(refused("scrape", None, &refusal)),
        }
    }
}

impl Session {
    /// Everything, which has to fit into one message.
    fn scrape_all(&self, interval: u32, now: Moment) -> String {
        let mut swarms = Vec::new();
        for part in self.engine.store().scrape_all(now) {
            swarms.extend(part);
            if swarms.len() > MOST {
                let reason =
                    format!("info_hash: wanted some, since there are more than {MOST} torrents");
                return message::failure(&Malformed {
                    reason,
                    action: Some("scrape"),
                    infohash: None,
                });
            }
        }
        message::scraped(&ScrapeResponse { interval, swarms })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hub.leave(self.web.connection);
        for (infohash, peer_id) in &self.peers {
            self.engine.store().disconnect(infohash, peer_id, self.web.connection);
        }
    }
}

fn refused(action: &'static str, infohash: Option<Infohash>, refusal: &Refusal) -> String {
    let reason = refusal.to_string();
    message::failure(&Malformed { reason, action: Some(action), infohash })
}
