//! The WebSocket connections that are open, and what is on its way to them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::announce::Connection;

/// Messages that may wait for a connection. Offers beyond that are dropped: a client that does
/// not read loses its own, and nobody waits for it.
const WAITING: usize = 256;

/// The connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Hub(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    open: HashMap<Connection, Sender<String>>,
    opened: u64,
}

impl Hub {
    /// A number for a new connection, and what others will say to it.
    pub(super) fn join(&self) -> (Connection, Receiver<String>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut connections = self.lock();
        connections.opened += 1;
        let connection = Connection(connections.opened);
        connections.open.insert(connection, sender);
        (connection, receiver)
    }

    pub(super) fn leave(&self, connection: Connection) {
        self.lock().open.remove(&connection);
    }

    /// Sends a message to a connection, unless it is closed or has too many waiting.
    pub(super) fn send(&self, connection: Connection, message: String) {
        if let Some(to) = self.lock().open.get(&connection) {
            let _too_many_or_gone = to.try_send(message);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
