//! The latest events of all swarms, for the statistics page.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use seedbed_metainfo::{Infohash, PeerId};

use crate::{
    clock::Moment,
    messages::{AnnounceRequest, Event, Transport},
};

/// The number of events kept.
const CAPACITY: usize = 30;

/// A peer that started, completed, paused or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecentEvent {
    pub(crate) at: Moment,
    pub(crate) event: Event,
    pub(crate) transport: Transport,
    pub(crate) infohash: Infohash,
    pub(crate) peer_id: PeerId,
}

/// The latest events of all swarms.
#[derive(Debug, Default)]
pub(crate) struct RecentEvents(Mutex<VecDeque<RecentEvent>>);

impl RecentEvents {
    /// Records an announce, unless it is one without an event.
    pub(crate) fn record(&self, request: &AnnounceRequest, now: Moment) {
        let &AnnounceRequest { transport, infohash, peer_id, event, .. } = request;
        if event == Event::Empty {
            return;
        }
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.truncate(CAPACITY - 1);
        events.push_front(RecentEvent { at: now, event, transport, infohash, peer_id });
    }

    /// The events, the latest first.
    pub(crate) fn list(&self) -> Vec<RecentEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{Addresses, Families};

    #[test]
    fn only_the_latest_events_are_kept() {
        let events = RecentEvents::default();
        let mut request = AnnounceRequest {
            transport: Transport::Http,
            infohash: Infohash::new([7; 20]),
            peer_id: PeerId::new([1; 20]),
            addresses: Addresses::default(),
            web: None,
            event: Event::Started,
            uploaded: 0,
            downloaded: 0,
            left: None,
            numwant: None,
            families: Families::Both,
            peer_ids: false,
        };
        for millis in 0..100 {
            events.record(&request, Moment::from_millis(millis));
        }
        request.event = Event::Empty;
        events.record(&request, Moment::from_millis(100));
        let times: Vec<_> = events.list().iter().map(|event| event.at.as_millis()).collect();
        assert_eq!(times, (70..100).rev().collect::<Vec<_>>());
    }
}
