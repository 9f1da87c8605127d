//! One torrent: what it is, how far it has come, and whether it is to be had.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seedbed_metainfo::{Content, Infohash, Metainfo, Options, Progress};
use seedbed_service::Shutdown;
use serde::Serialize;
use utoipa::ToSchema;

use crate::library::{Fixture, Source};

/// How far a torrent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its content is being hashed, or waits for that.
    Hashing,
    /// Hashed; the engine checks its content.
    Checking,
    /// Any peer may have it.
    Seeding,
    /// Ready, but held back: no peer gets anything, and no tracker lists it.
    Paused,
}

/// A torrent of this seeder.
pub(crate) struct Torrent {
    /// Under which it is found, beside its infohash.
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) content: Arc<dyn Content>,
    pub(crate) options: Options,
    pub(crate) hashing: Progress,
    /// Cancelled when it is taken away.
    pub(crate) removed: Shutdown,
    /// Held while it is loaded.
    pub(crate) loading: tokio::sync::Mutex<()>,
    /// Held while wires and announcers are brought in line with the status.
    pub(crate) settling: tokio::sync::Mutex<()>,
    status: Mutex<Status>,
}

#[derive(Default)]
struct Status {
    metainfo: Option<Arc<Metainfo>>,
    checked: bool,
    paused: bool,
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
            settling: tokio::sync::Mutex::default(),
            status: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        match *self.status() {
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

    /// Whether peers may have it, or could if it were not paused.
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

    /// Says whether it is to be held back, from now on or from when it is ready.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.status().paused = paused;
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
