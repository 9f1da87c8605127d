//! Decides what of an answer goes out, and when.
//!
//! [`Engine::handle`](crate::engine::Engine::handle) shows each request and the answer to it to the
//! policy in force before a transport encodes the answer. This is the place for faults: a policy can
//! replace the response and change its [`Delivery`]. Without a policy, it costs one branch.

use std::{fmt::Debug, net::IpAddr, time::Duration};

use crate::{
    clock::Moment,
    counters::Outcome,
    messages::{Request, Response, Transport},
};

/// A request and the circumstances in which it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) transport: Transport,
    pub(crate) client: IpAddr,
    pub(crate) request: &'a Request,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) response: Response,
    pub(crate) outcome: Outcome,
    pub(crate) delivery: Delivery,
}

/// How a transport delivers an encoded response. The default delivers it whole and at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How long the transport holds the response back.
    pub(crate) delay: Duration,
    /// How many bytes of the response go out, at most. Zero bytes are no answer.
    pub(crate) limit: Option<usize>,
    /// The transaction id of the response in place of the client's (UDP only).
    pub(crate) transaction_id: Option<i32>,
}

impl Delivery {
    /// Cuts the encoded response that begins at `start` of `bytes` to the limit.
    pub(crate) fn cut(self, bytes: &mut Vec<u8>, start: usize) {
        if let Some(limit) = self.limit {
            bytes.truncate(start.saturating_add(limit));
        }
    }

    /// Whether the response goes out whole and at once.
    pub(crate) fn is_plain(self) -> bool {
        self == Self::default()
    }
}

/// Decides about answers. An engine without a policy delivers every answer as it is.
pub(crate) trait Policy: Debug + Send + Sync {
    /// Changes the answer to a request, if it wants to.
    fn apply(&self, incoming: Incoming<'_>, outgoing: &mut Outgoing, now: Moment);
}

#[cfg(test)]
pub(crate) mod tests;
