//! The names of torrents, for servers that know infohashes only.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use seedbed_metainfo::Infohash;

/// The names of torrents. The seeder writes them; in a bed, the tracker's rules and the journal
/// read them.
#[derive(Clone, Debug, Default)]
pub struct TorrentNames {
    names: Arc<RwLock<HashMap<Infohash, Arc<str>>>>,
}

impl TorrentNames {
    /// The name of a torrent, if it is known.
    #[must_use]
    pub fn get(&self, infohash: &Infohash) -> Option<Arc<str>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(infohash).map(Arc::clone)
    }

    /// Notes a name.
    pub fn insert(&self, infohash: Infohash, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(infohash, name.into());
    }

    /// Forgets a name.
    pub fn remove(&self, infohash: &Infohash) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.remove(infohash);
    }
}
