//! Which addresses of a torrent may be dialled, and when again.
//!
//! Time is a parameter.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Failures in a row after which an address is given up.
const MOST_FAILURES: u32 = 8;

/// How long an address stays given up.
const GIVEN_UP: Duration = Duration::from_secs(30 * 60);

/// Addresses that are remembered. Those beyond are not dialled.
const MOST_ADDRESSES: usize = 1024;

/// The addresses that were dialled for one torrent.
#[derive(Debug, Default)]
pub(crate) struct DialBook(HashMap<SocketAddr, Entry>);

#[derive(Debug)]
struct Entry {
    /// When to dial again; `None` while a dial or its connection is up.
    next: Option<Instant>,
    /// How often dialling has failed since it last succeeded.
    failures: u32,
}

impl DialBook {
    /// Whether `address` may be dialled now. If so it counts as up until [`DialBook::ended`].
    pub(crate) fn begin(&mut self, address: SocketAddr, now: Instant) -> bool {
        // An address that was not asked for again long after it was due is forgotten.
        self.0.retain(|_, entry| entry.next.is_none_or(|next| now < next + LONGEST_PAUSE));
        if self.0.len() >= MOST_ADDRESSES && !self.0.contains_key(&address) {
            return false;
        }
        let entry = self.0.entry(address).or_insert(Entry { next: Some(now), failures: 0 });
        let due = entry.next.is_some_and(|next| next <= now);
        if due {
            entry.next = None;
        }
        due
    }

    /// A dial has failed, or the connection that came of it (`connected`) has ended.
    pub(crate) fn ended(&mut self, address: SocketAddr, now: Instant, connected: bool) {
        if let Some(entry) = self.0.get_mut(&address) {
            if connected {
                entry.failures = 0;
            }
            let pause = match entry.failures {
                failures if failures + 1 >= MOST_FAILURES => GIVEN_UP,
                failures => (FIRST_PAUSE * 2_u32.pow(failures)).min(LONGEST_PAUSE),
            };
            entry.next = Some(now + pause);
            entry.failures = if pause == GIVEN_UP { 0 } else { entry.failures + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        ([10, 0, 0, 1], 6881).into()
    }

    #[test]
    fn an_address_that_is_up_is_not_dialled() {
        let (mut book, now) = (DialBook::default(), Instant::now());
        assert!(book.begin(address(), now));
        assert!(!book.begin(address(), now + Duration::from_secs(3600)));
        assert!(book.begin(([10, 0, 0, 2], 6881).into(), now));
    }

    #[test]
    fn the_pause_doubles_and_the_address_is_given_up_for_half_an_hour() {
        let (mut book, mut now) = (DialBook::default(), Instant::now());
        assert!(book.begin(address(), now));
        let failures = [1, 2, 4, 8, 16, 32, 60, 1800, 1, 2].map(|pause| (pause, false));
        for (pause, connected) in failures.into_iter().chain([(1, true), (2, false)]) {
            book.ended(address(), now, connected);
            let due = now + Duration::from_secs(pause);
            assert!(!book.begin(address(), due - Duration::from_millis(1)), "{pause} s");
            assert!(book.begin(address(), due), "{pause} s");
            now = due;
        }
    }

    #[test]
    fn a_tracker_that_lists_no_end_of_addresses_fills_no_memory() {
        let (mut book, now) = (DialBook::default(), Instant::now());
        let address = |port: u16| ([10, 0, 0, 1], port).into();
        let begun = (1..5000).filter(|&port| book.begin(address(port), now)).count();
        assert_eq!((begun, book.0.len()), (MOST_ADDRESSES, MOST_ADDRESSES));
    }

    #[test]
    fn an_address_nobody_asks_for_is_forgotten() {
        let (mut book, now) = (DialBook::default(), Instant::now());
        book.begin(address(), now);
        book.ended(address(), now, false);
        book.begin(([10, 0, 0, 2], 6881).into(), now + Duration::from_secs(61));
        assert_eq!(book.0.len(), 1);
    }
}
