//! Announce and scrape over HTTP without a connection: a query in, a bencoded response out.

use std::net::IpAddr;

use super::{
    Tracker, addresses, bencode,
    bencode::Layout,
    query::{self, AnnounceQuery, QueryError},
};
use crate::{
    messages::{
        AnnounceRequest, Families, MalformedRequest, Request, RequestKind, Response, Scraped,
        Transport,
    },
    policy::{Delivery, Incoming, Outgoing},
    store::PARTS,
};

/// The two requests of a tracker over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Announce,
    Scrape,
}

/// A scrape of everything that the tracker allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FullScrape {
    interval: u32,
}

/// What a connection does with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Responded {
    /// The response is this, and not in the body.
    pub(super) full_scrape: Option<FullScrape>,
    pub(super) delivery: Delivery,
}

/// A query, parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    request: Request,
    layout: Layout,
    warning: Option<&'static str>,
}

impl Parsed {
    /// Whether the request is a scrape of everything.
    pub(super) fn is_full_scrape(&self) -> bool {
        self.request == Request::Scrape(Scraped::All)
    }
}

impl Endpoint {
    /// The endpoint of a path.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        match path {
            b"/announce" => Some(Self::Announce),
            b"/scrape" => Some(Self::Scrape),
            _ => None,
        }
    }

    const fn kind(self) -> RequestKind {
        match self {
            Self::Announce => RequestKind::Announce,
            Self::Scrape => RequestKind::Scrape,
        }
    }
}

impl Tracker {
    /// Parses a request that arrives over a connection from `connection`.
    pub(super) fn parse(
        &self,
        endpoint: Endpoint,
        query: &[u8],
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
    ) -> Parsed {
        let parsed = if query.len() > self.max_query {
            Err(QueryError::TooLong(self.max_query))
        } else {
            match endpoint {
                Endpoint::Announce => self.parse_announce(query, connection, forwarded_for),
                Endpoint::Scrape => self.parse_scrape(query),
            }
        };
        parsed.unwrap_or_else(|error| malformed(endpoint, &error))
    }

    /// Refuses a request whose head is too long; `query` is the part of it that was read.
    pub(super) fn refuse_long_head(&self, endpoint: Endpoint, query: &[u8]) -> Parsed {
        let error = if query.len() > self.max_query {
            QueryError::TooLong(self.max_query)
        } else {
            QueryError::Fields
        };
        malformed(endpoint, &error)
    }

    /// Appends one of [`PARTS`] parts of the response to a scrape of everything.
    pub(super) fn write_part(&self, scrape: FullScrape, part: usize, body: &mut Vec<u8>) {
        if part == 0 {
            bencode::begin_scrape(body);
        }
        let swarms = self.engine.store().scrape_part(part, self.clock.now());
        swarms.iter().for_each(|swarm| bencode::scraped(body, swarm));
        if part + 1 == PARTS {
            bencode::end_scrape(body, scrape.interval);
        }
    }

    /// Answers a query at each endpoint.
    pub(crate) fn fuzz(&self, query: &[u8], connection: IpAddr) {
        for endpoint in [Endpoint::Announce, Endpoint::Scrape] {
            let parsed = self.parse(endpoint, query, connection, None);
            self.handle(&parsed, connection, &mut Vec::new());
        }
    }

    /// The address that a request comes from.
    ///
    /// # Errors
    /// A trusted proxy forwards something that is no address.
    pub(super) fn sender(
        &self,
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
    ) -> Result<IpAddr, QueryError> {
        addresses::sender(connection, forwarded_for.filter(|_| self.trust_proxy))
    }

    fn parse_announce(
        &self,
        query: &[u8],
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
    ) -> Result<Parsed, QueryError> {
        let AnnounceQuery {
            infohash,
            peer_id,
            port,
            uploaded,
            downloaded,
            left,
            event,
            numwant,
            layout,
            claims,
        } = query::announce(query)?;
        let sender = self.sender(connection, forwarded_for)?;
        let (addresses, warning) = addresses::announced(sender, port, &claims, self.trust_proxy)?;
        let request = Request::Announce(AnnounceRequest {
            transport: Transport::Http,
            infohash,
            peer_id,
            addresses,
            web: None,
            event,
            uploaded,
            downloaded,
            left,
            numwant,
            families: Families::Both,
            peer_ids: layout == Layout::Dictionaries { ids: true },
        });
        Ok(Parsed { request, layout, warning })
    }

    fn parse_scrape(&self, query: &[u8]) -> Result<Parsed, QueryError> {
        let request = Request::Scrape(query::scrape(query, self.max_scrape)?);
        Ok(Parsed { request, layout: Layout::Compact, warning: None })
    }

    /// Answers a request, and appends the response to `body`, unless it is a full scrape.
    pub(super) fn handle(&self, parsed: &Parsed, client: IpAddr, body: &mut Vec<u8>) -> Responded {
        let Parsed { request, layout, warning } = parsed;
        let incoming = Incoming { transport: Transport::Http, client, request };
        let Outgoing { response, delivery, .. } = self.engine.handle(incoming, self.clock.now());
        let mut full_scrape = None;
        match response {
            Response::Announce(response) => bencode::announce(body, &response, *layout, *warning),
            Response::Scrape(response) => bencode::scrape(body, &response),
            Response::FullScrape { interval } => full_scrape = Some(FullScrape { interval }),
            Response::Failure(reason) => bencode::failure(body, &reason),
            Response::Nothing | Response::Connected | Response::Forward(_) => {}
        }
        Responded { full_scrape, delivery }
    }

    /// Has the engine decide about a malformed request, to which the server has the answer.
    pub(super) fn refuse(&self, client: IpAddr, reason: &str) -> Delivery {
        let reason = Some(reason.to_owned());
        let malformed = MalformedRequest { kind: RequestKind::Unknown, reason };
        let request = Request::Malformed(malformed);
        let incoming = Incoming { transport: Transport::Http, client, request: &request };
        self.engine.handle(incoming, self.clock.now()).delivery
    }
}

fn malformed(endpoint: Endpoint, error: &QueryError) -> Parsed {
    let malformed = MalformedRequest { kind: endpoint.kind(), reason: Some(error.to_string()) };
    Parsed { request: Request::Malformed(malformed), layout: Layout::Compact, warning: None }
}
