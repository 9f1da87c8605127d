//! Announces and scrapes that are answered straight from the head of a request.

use std::{net::SocketAddr, sync::Arc};

use seedbed_http::{FastPath, Head, RequestLine};

use super::{Tracker, respond::Endpoint};

/// The status line and the fields of a response. Failures have status 200 too, as clients expect.
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n";

/// Answers announces and scrapes in place, without an `http::Request`.
#[derive(Clone, Debug)]
pub(super) struct InPlace(pub(super) Arc<Tracker>);

impl InPlace {
    /// The endpoint of a request that can be answered in place.
    fn endpoint(&self, line: &RequestLine<'_>) -> Option<Endpoint> {
        let Tracker { http, engine, .. } = &*self.0;
        let endpoint = || Endpoint::of(line.path);
        (*http && engine.is_plain() && line.method == b"GET").then(endpoint)?
    }
}

impl FastPath for InPlace {
    fn answer(
        &self,
        request: &Head<'_>,
        remote: SocketAddr,
        body: &mut Vec<u8>,
    ) -> Option<&'static [u8]> {
        let endpoint = self.endpoint(&request.line)?;
        if request.upgrade && self.0.websocket {
            return None;
        }
        let forwarded_for =
            if self.0.trust_proxy { request.last(b"x-forwarded-for") } else { None };
        let parsed = self.0.parse(endpoint, request.line.query, remote.ip(), forwarded_for);
        // A full scrape may be long, so the router streams it.
        if parsed.is_full_scrape() {
            return None;
        }
        self.0.handle(&parsed, remote.ip(), body);
        Some(HEAD)
    }

    fn head_too_large(
        &self,
        line: &RequestLine<'_>,
        remote: SocketAddr,
        body: &mut Vec<u8>,
    ) -> Option<&'static [u8]> {
        let endpoint = self.endpoint(line)?;
        let parsed = self.0.refuse_long_head(endpoint, line.query);
        self.0.handle(&parsed, remote.ip(), body);
        Some(HEAD)
    }
}
