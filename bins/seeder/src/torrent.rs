//! One torrent: its source, its content and its state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seedbed_metainfo::{Content, Infohash, Metainfo, Options, Progress};
use seedbed_service::Shutdown;
use serde::Serialize;
use utoipa::ToSchema;

use crate::library::{Fixture, Source};

/// The state of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The seeder hashes its content, or will once it has hashed others.
    Hashing,
    /// The engine checks its content against the hashes.
    Checking,
    /// Peers can download it.
    Seeding,
    /// It is paused: no peer gets anything of it, and no tracker lists it.
    Paused,
    /// Its content has changed or cannot be read: no peer gets anything of it, and no tracker lists
    /// it.
    Error,
}

/// A torrent of this seeder.
pub(crate) struct Torrent {
    /// The key by which the API finds it, beside its infohash.
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) content: Arc<dyn Content>,
    pub(crate) options: Options,
    pub(crate) hashing: Progress,
    /// Cancelled when it is removed.
    pub(crate) removed: Shutdown,
    /// Held while it is loaded.
    pub(crate) loading: tokio::sync::Mutex<()>,
    /// Held while engine, wires and announcers follow a change of its state.
    pub(crate) applying: tokio::sync::Mutex<()>,
    status: Mutex<Status>,
}

#[derive(Default)]
struct Status {
    metainfo: Option<Arc<Metainfo>>,
    checked: bool,
    paused: bool,
    /// Why peers cannot have its content.
    failure: Option<String>,
}

impl Torrent {
    pub(crate) fn new(fixture: Fixture, options: Options) -> Self {
        let Fixture { name, source, content } = fixture;
        Self {
            name,
            source,
            content,
            options,
            hashing: Progress::default(),
            removed: Shutdown::new(),
            loading: tokio::sync::Mutex::default(),
            applying: tokio::sync::Mutex::default(),
            status: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        match *self.status() {
            Status { failure: Some(_), .. } => State::Error,
            Status { metainfo: None, .. } => State::Hashing,
            Status { checked: false, .. } => State::Checking,
            Status { paused: false, .. } => State::Seeding,
            Status { paused: true, .. } => State::Paused,
        }
    }

    /// Its description, once it is hashed.
    pub(crate) fn metainfo(&self) -> Option<Arc<Metainfo>> {
        self.status().metainfo.clone()
    }

    pub(crate) fn infohash(&self) -> Option<Infohash> {
        self.status().metainfo.as_ref().map(|metainfo| metainfo.infohash())
    }

    /// Whether it has been hashed and checked.
    pub(crate) fn is_ready(&self) -> bool {
        self.status().checked
    }

    /// Length of all files in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.content.files().iter().map(|file| file.length).sum()
    }

    pub(crate) fn set_hashed(&self, metainfo: Arc<Metainfo>) {
        self.status().metainfo = Some(metainfo);
    }

    /// The engine has checked the content.
    pub(crate) fn set_checked(&self) {
        self.status().checked = true;
    }

    /// Pauses or resumes it, from now on or from when it is ready.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.status().paused = paused;
    }

    /// Why it is in [`State::Error`], if it is.
    pub(crate) fn failure(&self) -> Option<String> {
        self.status().failure.clone()
    }

    /// Puts it into [`State::Error`]. Returns `false` if it was already, for another reason.
    pub(crate) fn fail(&self, reason: String) -> bool {
        let mut status = self.status();
        let is_first = status.failure.is_none();
        status.failure.get_or_insert(reason);
        is_first
    }

    /// Takes it out of [`State::Error`].
    pub(crate) fn clear_failure(&self) {
        self.status().failure = None;
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
