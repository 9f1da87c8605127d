//! How the bytes of a response go out.
//!
//! A response is sent as fast as its client takes it. A response with a [`Delivery`] in its extensions is
//! sent as a [`Plan`] asks for instead: this is where a delay, a rate, an early end or a changed byte acts
//! on a response in progress.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

/// An extension of a response that says how it is sent.
#[derive(Clone)]
pub struct Delivery(Arc<Mutex<Option<Box<dyn Plan>>>>);

/// Decides, piece by piece, how a response is sent.
pub trait Plan: Send {
    /// Returns what to do next. The writer asks before each piece, until all is sent.
    fn next(&mut self, progress: &Progress) -> Step;
}

/// How far a response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes sent, the head included.
    pub sent: u64,
    /// Length in bytes of the head: the status line, the header section and the empty line.
    pub head: u64,
}

/// Changes bytes on their way.
pub type Change = Box<dyn FnOnce(&mut [u8]) + Send>;

/// What to do next with a response.
pub enum Step {
    /// Send at most this many bytes, and at least one. `u64::MAX` is all that is there.
    Send(u64),
    /// Wait, then ask again.
    Wait(BoxFuture<'static, ()>),
    /// Send at most this many bytes, changed by the closure.
    Change(u64, Change),
    /// Close the connection in an orderly way, with the rest unsent.
    Close,
    /// Reset the connection, with the rest unsent.
    Reset,
}

impl Delivery {
    /// The delivery of one response.
    pub fn new(plan: impl Plan + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(plan)))))
    }

    pub(crate) fn take(&self) -> Option<Box<dyn Plan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Any closure that decides is a plan.
impl<F: FnMut(&Progress) -> Step + Send> Plan for F {
    fn next(&mut self, progress: &Progress) -> Step {
        self(progress)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivery")
    }
}
