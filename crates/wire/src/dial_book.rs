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

/// The addresses that were dialled.
#[derive(Debug, Default)]
pub(crate) struct DialBook(HashMap<SocketAddr, Entry>);

#[derive(Debug)]
struct Entry {
    /// When to dial again; none while a dial or its connection is up.
    next: Option<Instant>,
    /// The pause after the next failure.
    pause: Duration,
}

impl DialBook {
    /// Whether `address` may be dialled now. If so it counts as up until [`DialBook::ended`].
    pub(crate) fn begin(&mut self, address: SocketAddr, now: Instant) -> bool {
        // What was not asked for again long after it was due is forgotten.
        self.0.retain(|_, entry| entry.next.is_none_or(|next| now < next + LONGEST_PAUSE));
        let entry = self.0.entry(address).or_insert(Entry { next: Some(now), pause: FIRST_PAUSE });
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
                entry.pause = FIRST_PAUSE;
            }
            entry.next = Some(now + entry.pause);
            entry.pause = (entry.pause * 2).min(LONGEST_PAUSE);
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
    fn the_pause_doubles_from_one_second_to_sixty_and_starts_over_after_a_connection() {
        let (mut book, mut now) = (DialBook::default(), Instant::now());
        assert!(book.begin(address(), now));
        for (pause, connected) in
            [1, 2, 4, 8, 16, 32, 60, 60].map(|pause| (pause, false)).into_iter().chain([(1, true)])
        {
            book.ended(address(), now, connected);
            let due = now + Duration::from_secs(pause);
            assert!(!book.begin(address(), due - Duration::from_millis(1)), "{pause} s");
            assert!(book.begin(address(), due), "{pause} s");
            now = due;
        }
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
