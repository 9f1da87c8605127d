//! Replies that are held back.
//!
//! A policy can delay a reply. The socket serves every client, so the reply waits here while others
//! go out.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    net::SocketAddr,
};

use crate::clock::Moment;

/// The most replies that wait at a time. Further ones are dropped, as a network would drop them.
pub(super) const CAPACITY: usize = 10_000;

/// Replies in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Delayed {
    replies: BinaryHeap<Reverse<Reply>>,
    added: u64,
}

#[derive(Debug)]
struct Reply {
    due: Moment,
    /// Tells apart replies that are due at the same time: the first added goes first.
    number: u64,
    client: SocketAddr,
    bytes: Vec<u8>,
}

impl Delayed {
    /// Adds a reply, unless too many are waiting.
    pub(super) fn add(&mut self, due: Moment, client: SocketAddr, bytes: Vec<u8>) {
        if self.replies.len() == CAPACITY {
            tracing::debug!(peer = %client, "dropped a delayed reply: {CAPACITY} are waiting");
            return;
        }
        self.added += 1;
        self.replies.push(Reverse(Reply { due, number: self.added, client, bytes }));
    }

    /// When the next reply is due.
    pub(super) fn next_due(&self) -> Option<Moment> {
        self.replies.peek().map(|Reverse(reply)| reply.due)
    }

    /// Removes the next reply if it is due.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
        if self.next_due()? > now {
            return None;
        }
        self.replies.pop().map(|Reverse(Reply { client, bytes, .. })| (client, bytes))
    }
}

impl Reply {
    fn key(&self) -> (Moment, u64) {
        (self.due, self.number)
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Reply {}

impl PartialOrd for Reply {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reply {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> SocketAddr {
        ([127, 0, 0, 1], 6881).into()
    }

    #[test]
    fn replies_go_out_when_they_are_due_in_the_order_in_which_they_are_due() {
        let mut delayed = Delayed::default();
        for (due, name) in [(30, b'c'), (10, b'a'), (20, b'b'), (10, b'A')] {
            delayed.add(Moment::from_millis(due), client(), vec![name]);
        }
        let at = |delayed: &mut Delayed, millis| {
            let next = || delayed.pop(Moment::from_millis(millis)).map(|(_, bytes)| bytes[0]);
            std::iter::from_fn(next).collect::<Vec<_>>()
        };
        assert_eq!(at(&mut delayed, 9), b"");
        assert_eq!(delayed.next_due(), Some(Moment::from_millis(10)));
        assert_eq!(at(&mut delayed, 20), b"aAb");
        assert_eq!(at(&mut delayed, 29), b"");
        assert_eq!(at(&mut delayed, 30), b"c");
        assert_eq!(delayed.next_due(), None);
    }

    #[test]
    fn no_more_replies_wait_than_the_capacity() {
        let mut delayed = Delayed::default();
        for _ in 0..CAPACITY + 5 {
            delayed.add(Moment::from_millis(1), client(), vec![1]);
        }
        let sent = std::iter::from_fn(|| delayed.pop(Moment::from_millis(1))).count();
        assert_eq!(sent, CAPACITY);
    }
}
