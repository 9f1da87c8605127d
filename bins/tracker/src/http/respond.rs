//! Announce and scrape: a query in, a bencoded answer out.

use std::net::IpAddr;

use super::{
    App, addresses, bencode,
    bencode::Layout,
    query::{self, AnnounceQuery, QueryError},
};
use crate::{
    announce::{AnnounceRequest, Families, Request, Response, ScrapeRequest, Transport},
    metrics::{Outcome, RequestCounters},
    store::PARTS,
};

/// What a client can ask the tracker over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Announce,
    Scrape,
}

/// A scrape of everything that is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FullScrape {
    interval: u32,
}

impl App {
    /// The endpoint of a request, if it is for one and HTTP is on.
    pub(super) fn endpoint(&self, method: &[u8], path: &[u8]) -> Option<Endpoint> {
        match path {
            _ if !self.http || method != b"GET" => None,
            b"/announce" => Some(Endpoint::Announce),
            b"/scrape" => Some(Endpoint::Scrape),
            _ => None,
        }
    }

    /// Answers a request, which comes over a connection from `connection`, unless it is for
    /// everything.
    pub(super) fn respond(
        &self,
        endpoint: Endpoint,
        query: &[u8],
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
        body: &mut Vec<u8>,
    ) -> Option<FullScrape> {
        if query.len() > self.max_query {
            self.refuse_length(endpoint, query, body);
            return None;
        }
        let written = match endpoint {
            Endpoint::Announce => self.announce(query, connection, forwarded_for, body),
            Endpoint::Scrape => self.scrape(query, body),
        };
        written.unwrap_or_else(|error| {
            self.refuse(endpoint, &error, body);
            None
        })
    }

    /// Writes one of [`PARTS`] parts of the answer to a scrape of everything.
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

    /// Answers a query as that of each endpoint.
    pub(crate) fn fuzz(&self, query: &[u8], connection: IpAddr) {
        for endpoint in [Endpoint::Announce, Endpoint::Scrape] {
            self.respond(endpoint, query, connection, None, &mut Vec::new());
        }
    }

    /// Refuses a request whose query is too long, as far as it was read.
    pub(super) fn refuse_length(&self, endpoint: Endpoint, query: &[u8], body: &mut Vec<u8>) {
        let error = if query.len() > self.max_query {
            QueryError::TooLong(self.max_query)
        } else {
            QueryError::Fields
        };
        self.refuse(endpoint, &error, body);
    }

    fn refuse(&self, endpoint: Endpoint, error: &QueryError, body: &mut Vec<u8>) {
        self.counter(endpoint).count(Transport::Http, Outcome::Invalid);
        bencode::failure(body, &error.to_string());
    }

    fn counter(&self, endpoint: Endpoint) -> &RequestCounters {
        match endpoint {
            Endpoint::Announce => &self.engine.counters().announces,
            Endpoint::Scrape => &self.engine.counters().scrapes,
        }
    }

    /// The address that a request comes from.
    ///
    /// # Errors
    /// A proxy that is trusted gave something else.
    pub(super) fn sender(
        &self,
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
    ) -> Result<IpAddr, QueryError> {
        addresses::sender(connection, forwarded_for.filter(|_| self.trust_proxy))
    }

    fn announce(
        &self,
        query: &[u8],
        connection: IpAddr,
        forwarded_for: Option<&[u8]>,
        body: &mut Vec<u8>,
    ) -> Result<Option<FullScrape>, QueryError> {
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
        Ok(self.ask(&request, layout, warning, body))
    }

    fn scrape(&self, query: &[u8], body: &mut Vec<u8>) -> Result<Option<FullScrape>, QueryError> {
        let swarms = query::scrape(query, self.max_scrape)?;
        let request = Request::Scrape(ScrapeRequest { transport: Transport::Http, swarms });
        Ok(self.ask(&request, Layout::Compact, None, body))
    }

    fn ask(
        &self,
        request: &Request,
        layout: Layout,
        warning: Option<&str>,
        body: &mut Vec<u8>,
    ) -> Option<FullScrape> {
        match self.engine.handle(request, self.clock.now()) {
            Ok(Response::Announce(response)) => {
                bencode::announce(body, &response, layout, warning);
            }
            Ok(Response::Scrape(response)) => bencode::scrape(body, &response),
            Ok(Response::FullScrape { interval }) => return Some(FullScrape { interval }),
            Ok(Response::Answer(_)) => {}
            Err(refusal) => bencode::failure(body, &refusal.to_string()),
        }
        None
    }
}
