//! A WebSocket connection without its socket: messages in, messages out.

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use seedbed_metainfo::{Infohash, PeerId};

use super::{
    Hub,
    hub::Inbox,
    message::{self, Announce, Answer, Failure, Forwarded, Message, Offer},
};
use crate::{
    clock::Moment,
    counters::Outcome,
    engine::Engine,
    messages::{
        Addresses, AnnounceRequest, AnswerRequest, ConnectionNumber, Event, Families, Listing,
        MalformedRequest, Request, RequestKind, Response, ScrapeResponse, Scraped, Transport,
        WebPeer,
    },
    policy::{Delivery, Incoming, Outgoing},
};

/// The most swarms in the response to a scrape of everything: some 1.5 MB.
const MAX_FULL_SCRAPE: usize = 16_384;

/// The most peers that announce over one connection, counted once in each of their swarms.
const MAX_PEERS: usize = 10_000;

/// A connection, and the peers that are behind it. Dropping it removes them from their swarms.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    web: WebPeer,
    peers: HashSet<(Infohash, PeerId)>,
    max_scrape: usize,
    /// Messages from other peers.
    pub(super) inbox: Inbox,
}

/// What follows from a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// How long to hold back all of it.
    pub(crate) delay: Duration,
    /// Offers and answers for other connections.
    forwards: Vec<(ConnectionNumber, String)>,
    /// The reply to the sender.
    pub(super) reply: Option<String>,
}

#[cfg(test)]
impl Reaction {
    /// The texts of all messages.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        let forwards = self.forwards.iter().map(|(_, message)| message);
        forwards.chain(&self.reply).cloned()
    }
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, hub: Arc<Hub>, ip: IpAddr, max_scrape: usize) -> Self {
        let (connection, inbox) = hub.join();
        let web = WebPeer { connection, ip };
        Self { engine, hub, web, peers: HashSet::new(), max_scrape, inbox }
    }

    /// Handles a message from the client.
    pub(crate) fn receive(&mut self, message: &[u8], now: Moment) -> Reaction {
        match message::parse(message, self.max_scrape) {
            Ok(Message::Announce(announce)) => self.announce(&announce, now),
            Ok(Message::Answer(answer)) => self.answer(&answer, now),
            Ok(Message::Scrape(swarms)) => self.scrape(swarms, now),
            Err(failure) => self.reject(failure, now),
        }
    }

    /// Sends the offers and answers of a reaction to the connections that they are for.
    pub(super) fn forward(&self, reaction: &mut Reaction) {
        for (to, message) in reaction.forwards.drain(..) {
            self.hub.send(to, message);
        }
    }

    fn handle(&self, request: &Request, now: Moment) -> Outgoing {
        let transport = Transport::WebSocket;
        self.engine.handle(Incoming { transport, client: self.web.ip, request }, now)
    }

    fn reject(&self, failure: Failure, now: Moment) -> Reaction {
        let Failure { reason, kind, infohash } = failure;
        let malformed = MalformedRequest { kind, reason: Some(reason) };
        let Outgoing { response, delivery, .. } = self.handle(&Request::Malformed(malformed), now);
        react(delivery, reply_failure(response, kind, infohash), Vec::new())
    }

    fn announce(&mut self, announce: &Announce<'_>, now: Moment) -> Reaction {
        let &Announce { infohash, peer_id, event, ref offers, .. } = announce;
        let peer = (infohash, peer_id);
        if event != Event::Stopped && self.peers.len() == MAX_PEERS && !self.peers.contains(&peer) {
            let reason = format!("peer_id: wanted at most {MAX_PEERS} peers on one connection");
            let (kind, infohash) = (RequestKind::Announce, Some(infohash));
            return self.reject(Failure { reason, kind, infohash }, now);
        }
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
            // Each peer in the listing gets an offer of its own.
            numwant: Some(announce.numwant.unwrap_or(offered).min(offered)),
            families: Families::Web,
            peer_ids: false,
        });
        let Outgoing { response, outcome, delivery } = self.handle(&request, now);
        if event == Event::Stopped {
            self.peers.remove(&peer);
        } else if outcome == Outcome::Answered {
            self.peers.insert(peer);
        }
        let response = match response {
            Response::Announce(response) => response,
            other => {
                let reply = reply_failure(other, RequestKind::Announce, Some(infohash));
                return react(delivery, reply, Vec::new());
            }
        };
        let connections = match response.listing {
            Listing::Connections(connections) => connections,
            Listing::Addresses { .. } | Listing::Peers(_) => Vec::new(),
        };
        let forward = |(to, offer): (ConnectionNumber, &Offer<'_>)| {
            (to, message::forward(infohash, peer_id, Forwarded::Offer(*offer)))
        };
        let forwards = connections.into_iter().zip(offers).map(forward).collect();
        let reply = message::announce_response(infohash, response.interval, response.counts);
        react(delivery, Some(reply), forwards)
    }

    fn answer(&self, answer: &Answer<'_>, now: Moment) -> Reaction {
        let &Answer { infohash, peer_id, to, offer } = answer;
        let request = Request::Answer(AnswerRequest { infohash, to });
        let Outgoing { response, delivery, .. } = self.handle(&request, now);
        match response {
            Response::Forward(to) => {
                let message = message::forward(infohash, peer_id, Forwarded::Answer(offer));
                let forwards = cut(delivery, message).map(|message| (to, message));
                react(delivery, None, forwards.into_iter().collect())
            }
            other => {
                let reply = reply_failure(other, RequestKind::Answer, Some(infohash));
                react(delivery, reply, Vec::new())
            }
        }
    }

    fn scrape(&self, swarms: Scraped, now: Moment) -> Reaction {
        let Outgoing { response, delivery, .. } = self.handle(&Request::Scrape(swarms), now);
        let reply = match response {
            Response::Scrape(response) => Some(message::scrape_response(&response)),
            Response::FullScrape { interval } => Some(self.scrape_all(interval, now)),
            other => reply_failure(other, RequestKind::Scrape, None),
        };
        react(delivery, reply, Vec::new())
    }

    /// The response to a scrape of everything, which has to fit into one message.
    fn scrape_all(&self, interval: u32, now: Moment) -> String {
        let mut swarms = Vec::new();
        for part in self.engine.store().scrape_all(now) {
            swarms.extend(part);
            if swarms.len() > MAX_FULL_SCRAPE {
                let reason = format!(
                    "info_hash: wanted at least one, because there are more than \
                     {MAX_FULL_SCRAPE} torrents"
                );
                let kind = RequestKind::Scrape;
                return message::failure(&Failure { reason, kind, infohash: None });
            }
        }
        message::scrape_response(&ScrapeResponse { interval, swarms })
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

fn react(
    delivery: Delivery,
    reply: Option<String>,
    forwards: Vec<(ConnectionNumber, String)>,
) -> Reaction {
    let reply = reply.and_then(|reply| cut(delivery, reply));
    Reaction { delay: delivery.delay, forwards, reply }
}

/// A message as far as it goes out. A text message consists of whole characters.
fn cut(delivery: Delivery, mut message: String) -> Option<String> {
    match delivery.limit {
        Some(0) => None,
        Some(limit) => {
            message.truncate(message.floor_char_boundary(limit));
            Some(message)
        }
        None => Some(message),
    }
}

/// The reply to a message that has no other.
fn reply_failure(
    response: Response,
    kind: RequestKind,
    infohash: Option<Infohash>,
) -> Option<String> {
    match response {
        Response::Failure(reason) => Some(message::failure(&Failure { reason, kind, infohash })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn a_connection_announces_no_more_peers_than_the_limit() {
        let engine = Arc::new(Engine::new(&Config::default(), 7));
        let ip = [127, 0, 0, 1].into();
        let mut session = Session::new(Arc::clone(&engine), Arc::default(), ip, 74);
        let mut announce = |number: usize, event: &str| {
            let message = format!(
                r#"{{"action":"announce","info_hash":"{number:020}","peer_id":"{:020}","event":"{event}"}}"#,
                1
            );
            session.receive(message.as_bytes(), Moment::default()).reply.unwrap()
        };
        for number in 0..MAX_PEERS {
            assert!(announce(number, "started").contains("complete"));
        }
        assert!(announce(MAX_PEERS, "started").contains("failure reason"));
        assert!(announce(0, "").contains("complete"), "a known peer may announce again");
        announce(0, "stopped");
        assert!(announce(MAX_PEERS, "started").contains("complete"));
        assert_eq!(engine.store().totals(Moment::default()).peers, MAX_PEERS);
        drop(session);
        assert_eq!(engine.store().totals(Moment::default()).peers, 0);
    }
}
