//! The ring of entries: writing never waits for a reader.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{Entry, Filter, Record};
use crate::words::Source;

/// How many entries a journal keeps unless it is told otherwise: some 8 MiB.
pub const DEFAULT_CAPACITY: usize = 32_768;

/// How many entries a reader looks at before it lets a writer in.
const BATCH: usize = 256;

/// The journal of a bed, or of one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    capacity: usize,
    ring: Mutex<Ring>,
    /// Told the last number whenever somebody waits for it.
    written: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    entries: VecDeque<Entry>,
    /// The number of the last entry.
    last: u64,
    /// The number of the last entry that was dropped since the journal was full.
    dropped: u64,
    /// The number up to which entries were deleted on demand, so that nobody misses them.
    deleted: u64,
    /// How often the journal was reset.
    resets: u64,
    started: Instant,
}

/// A part of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The entries, in their order.
    pub entries: Vec<Entry>,
    /// The number to ask for next with `since`.
    pub next: u64,
    /// How many entries after `since` were dropped from the journal before they were read.
    pub skipped: u64,
    /// Milliseconds since the start or the last reset.
    pub now: u64,
    /// How often the journal was reset. A reader that sees another number than before is to forget
    /// what it has read.
    pub resets: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl Journal {
    /// A journal that keeps the last `capacity` entries; with 0 it keeps none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let ring = Ring {
            entries: VecDeque::new(),
            last: 0,
            dropped: 0,
            deleted: 0,
            resets: 0,
            started: Instant::now(),
        };
        let written = watch::Sender::new(0);
        Self { inner: Arc::new(Inner { capacity, ring: Mutex::new(ring), written }) }
    }

    /// Writes an entry and gives its number. Drops the oldest entry if the journal is full.
    pub fn write(&self, record: Record) -> u64 {
        if self.inner.capacity == 0 {
            return 0;
        }
        let now = Instant::now();
        let mut ring = self.ring();
        let at = millis(now.saturating_duration_since(ring.started));
        ring.last += 1;
        let seq = ring.last;
        let oldest =
            (ring.entries.len() == self.inner.capacity).then(|| ring.entries.pop_front()).flatten();
        if let Some(oldest) = &oldest {
            ring.dropped = oldest.seq;
        }
        ring.entries.push_back(Entry { seq, at, record });
        drop(ring);
        // Out of the lock: it may free memory.
        drop(oldest);
        if self.inner.written.receiver_count() > 0 {
            self.inner.written.send_replace(seq);
        }
        seq
    }

    /// The number of the last entry; 0 if there never was one.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ring().last
    }

    /// Deletes all entries. Numbers go on.
    pub fn clear(&self) {
        let entries = {
            let mut ring = self.ring();
            ring.deleted = ring.last;
            std::mem::take(&mut ring.entries)
        };
        drop(entries);
    }

    /// Deletes the entries of some servers. Numbers go on.
    pub fn clear_of(&self, servers: &[Source]) {
        self.ring().entries.retain(|entry| !servers.contains(&entry.record.server));
    }

    /// Deletes all entries and restarts the clock. Numbers go on, so that a reader never takes
    /// an entry for one that it has read.
    pub fn reset(&self) {
        self.clear();
        let last = {
            let mut ring = self.ring();
            ring.started = Instant::now();
            ring.resets += 1;
            ring.last
        };
        self.inner.written.send_replace(last);
    }

    /// At most `limit` entries behind number `since` that `filter` lets through.
    #[must_use]
    pub fn read(&self, since: u64, filter: &Filter, limit: usize) -> Page {
        let mut page = Page { entries: Vec::new(), next: since, skipped: 0, now: 0, resets: 0 };
        loop {
            let ring = self.ring();
            page.now = millis(ring.started.elapsed());
            page.resets = ring.resets;
            // A number of the future comes from another process, before a restart.
            page.next = page.next.min(ring.last);
            page.skipped += ring.dropped.saturating_sub(page.next.max(ring.deleted));
            page.next = page.next.max(ring.dropped);
            let index = ring.entries.partition_point(|entry| entry.seq <= page.next);
            let batch = ring.entries.range(index..).take(BATCH);
            let mut is_last = true;
            for entry in batch {
                is_last = false;
                if page.entries.len() == limit {
                    return page;
                }
                page.next = entry.seq;
                if filter.matches(entry) {
                    page.entries.push(entry.clone());
                }
            }
            if is_last {
                // Entries behind the last one that is left were deleted.
                page.next = ring.last;
                return page;
            }
        }
    }

    /// As [`Journal::read`], but waits up to `timeout` until there is an entry or the journal is
    /// reset.
    pub async fn wait(&self, since: u64, filter: &Filter, limit: usize, timeout: Duration) -> Page {
        let resets = self.resets();
        self.wait_from(since, resets, filter, limit, timeout).await
    }

    /// As [`Journal::wait`], for a reader that knows of so many resets.
    pub(crate) async fn wait_from(
        &self,
        since: u64,
        resets: u64,
        filter: &Filter,
        limit: usize,
        timeout: Duration,
    ) -> Page {
        let deadline = Instant::now() + timeout;
        let mut written = self.inner.written.subscribe();
        let (mut since, mut skipped) = (since, 0);
        loop {
            let mut page = self.read(since, filter, limit);
            page.skipped += skipped;
            if !page.entries.is_empty() || page.resets != resets {
                return page;
            }
            (since, skipped) = (page.next, page.skipped);
            match tokio::time::timeout_at(deadline, written.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return page,
            }
        }
    }

    /// How often the journal was reset.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.ring().resets
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A panic between the changes of a ring is not possible, so the ring is whole.
        self.inner.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
