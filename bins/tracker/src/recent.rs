//! What happened last, for those who look at the page.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use seedbed_metainfo::{Infohash, PeerId};

use crate::{
    announce::{AnnounceRequest, Event, Transport},
    clock::Moment,
};

/// How many events are remembered.
const REMEMBERED: usize = 30;

/// A peer that came, completed, paused or left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) at: Moment,
    pub(crate) event: Event,
    pub(crate) transport: Transport,
    pub(crate) infohash: Infohash,
    pub(crate) peer_id: PeerId,
}

/// The last events, of all swarms.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Happened>>);

impl Recent {
    /// Takes an announce in, unless it is one of those that are made at regular intervals.
    pub(crate) fn note(&self, request: &AnnounceRequest, now: Moment) {
        let &AnnounceRequest { transport, infohash, peer_id, event, .. } = request;
        if event == Event::Empty {
            return;
        }
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.truncate(REMEMBERED - 1);
        events.push_front(Happened { at: now, event, transport, infohash, peer_id });
    }

    /// The events, the last one first.
    pub(crate) fn all(&self) -> Vec<Happened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
