//! The open WebSocket connections and the messages that wait for them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::messages::ConnectionNumber;

/// The most messages that wait for a connection. The hub drops further ones: a client that does not
/// read loses its own messages, and nobody waits for it.
const MAX_QUEUED_MESSAGES: usize = 256;

/// The most bytes that wait for a connection, in the sum of its messages.
const MAX_QUEUED_BYTES: usize = 1 << 20;

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Hub(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    open: HashMap<ConnectionNumber, Outbox>,
    opened: u64,
}

/// The sending end of a connection's queue.
#[derive(Debug)]
struct Outbox {
    messages: Sender<String>,
    queued_bytes: Arc<AtomicUsize>,
}

/// The receiving end of a connection's queue.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: Receiver<String>,
    queued_bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// Waits for the next message from another peer.
    pub(super) async fn receive(&mut self) -> Option<String> {
        let message = self.messages.recv().await?;
        self.queued_bytes.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

impl Hub {
    /// Opens a connection: returns its number and its queue.
    pub(super) fn join(&self) -> (ConnectionNumber, Inbox) {
        let (sender, messages) = mpsc::channel(MAX_QUEUED_MESSAGES);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut connections = self.lock();
        connections.opened += 1;
        let connection = ConnectionNumber(connections.opened);
        let outbox = Outbox { messages: sender, queued_bytes: Arc::clone(&queued_bytes) };
        connections.open.insert(connection, outbox);
        (connection, Inbox { messages, queued_bytes })
    }

    pub(super) fn leave(&self, connection: ConnectionNumber) {
        self.lock().open.remove(&connection);
    }

    /// Queues a message for a connection, unless the connection is closed or its queue is full.
    pub(super) fn send(&self, connection: ConnectionNumber, message: String) {
        let connections = self.lock();
        let Some(Outbox { messages, queued_bytes }) = connections.open.get(&connection) else {
            return;
        };
        // Nobody else adds, because of the lock.
        let length = message.len();
        if queued_bytes.load(Ordering::Relaxed) + length > MAX_QUEUED_BYTES {
            return;
        }
        queued_bytes.fetch_add(length, Ordering::Relaxed);
        if messages.try_send(message).is_err() {
            queued_bytes.fetch_sub(length, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// The number of messages that wait in a queue.
    fn drain(inbox: &mut Inbox) -> usize {
        std::iter::from_fn(|| inbox.receive().now_or_never().flatten()).count()
    }

    #[test]
    fn no_more_messages_wait_for_a_connection_than_the_limit() {
        let hub = Hub::default();
        let (connection, mut inbox) = hub.join();
        for _ in 0..2 {
            for _ in 0..MAX_QUEUED_MESSAGES + 10 {
                hub.send(connection, "message".to_owned());
            }
            assert_eq!(drain(&mut inbox), MAX_QUEUED_MESSAGES);
        }
    }

    #[test]
    fn no_more_bytes_wait_for_a_connection_than_the_limit() {
        let hub = Hub::default();
        let (connection, mut inbox) = hub.join();
        for _ in 0..2 {
            for _ in 0..10 {
                hub.send(connection, "x".repeat(MAX_QUEUED_BYTES / 4));
            }
            assert_eq!(drain(&mut inbox), 4);
        }
    }

    #[test]
    fn a_closed_connection_takes_no_messages() {
        let hub = Hub::default();
        let (connection, mut inbox) = hub.join();
        hub.leave(connection);
        hub.send(connection, "message".to_owned());
        assert_eq!(drain(&mut inbox), 0);
    }
}
