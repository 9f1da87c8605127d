//! What can be done to torrents: load them, add them, take them away.

use std::sync::Arc;

use anyhow::Context as _;
use seedbed_metainfo::{HashCache, Metainfo, Options};
use tokio::sync::Mutex;

use crate::{
    engine::{self, Engine},
    inventory::Inventory,
    library::{self, Fixture, Library, Source},
    torrent::Torrent,
};

/// Everything that a change to the inventory needs.
pub(crate) struct Control {
    pub(crate) inventory: Inventory,
    /// None where another client has the content.
    pub(crate) engine: Option<Engine>,
    pub(crate) library: Library,
    pub(crate) options: Options,
    pub(crate) cache: Option<HashCache>,
    /// Held while content is hashed: that takes all cores.
    pub(crate) hashing: Mutex<()>,
    /// Held while a name is taken, and while torrents are taken away.
    pub(crate) membership: Mutex<()>,
}

/// What is to be added.
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) name: Option<String>,
    pub(crate) options: Options,
}

/// What became of it.
pub(crate) enum Added {
    /// It is new.
    New(Arc<Torrent>),
    /// It was there.
    Old(Arc<Torrent>),
}

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    #[error(transparent)]
    Source(#[from] library::Error),
    #[error("{0} is the name of another torrent")]
    NameTaken(String),
    #[error("it is there already, by the name {0}")]
    OtherName(String),
    #[error("it was removed before it was seeded")]
    Removed,
    #[error("{0:#}")]
    Load(anyhow::Error),
}

impl Control {
    /// Hashes a torrent's content, has the engine check it, and lets peers have it.
    ///
    /// It ends early, and without an error, when the torrent is removed.
    pub(crate) async fn load(&self, torrent: &Arc<Torrent>) -> anyhow::Result<()> {
        let _loading = torrent.loading.lock().await;
        torrent.removed.run_until_cancelled(self.prepare(torrent)).await.transpose()?;
        Ok(())
    }

    async fn prepare(&self, torrent: &Arc<Torrent>) -> anyhow::Result<()> {
        self.hash(torrent, self.cache.clone()).await?;
        if self.inventory.twin(torrent).is_some() {
            return Ok(());
        }
        match self.check(torrent).await {
            // What the cache remembers is not what is there.
            Err(engine::Error::Changed(_)) if self.cache.is_some() => {
                self.hash(torrent, None).await?;
                self.check(torrent).await?;
            }
            checked => checked?,
        }
        torrent.set_checked();
        self.inventory.settle(torrent).await;
        Ok(())
    }

    async fn hash(&self, torrent: &Arc<Torrent>, cache: Option<HashCache>) -> anyhow::Result<()> {
        let _one_at_a_time = self.hashing.lock().await;
        let hashed = Arc::clone(torrent);
        let build = move || {
            let Torrent { content, options, hashing, .. } = &*hashed;
            Metainfo::build_with(&**content, options, hashing, cache.as_ref())
        };
        let metainfo = tokio::task::spawn_blocking(build).await.context("hashing ended")??;
        torrent.set_hashed(Arc::new(metainfo));
        Ok(())
    }

    async fn check(&self, torrent: &Torrent) -> Result<(), engine::Error> {
        let (Some(engine), Some(metainfo)) = (&self.engine, torrent.metainfo()) else {
            return Ok(());
        };
        let content = metainfo.laid_out(Arc::clone(&torrent.content));
        let added = engine.add(metainfo.to_torrent(&[], &[]), content).await;
        if added.is_err() {
            engine.remove(metainfo.infohash()).await;
        }
        added
    }

    /// Takes in what is to be seeded from the start.
    pub(crate) fn insert(&self, fixtures: Vec<Fixture>) -> Vec<Arc<Torrent>> {
        let options = |fixture| Arc::new(Torrent::new(fixture, self.options.clone()));
        let torrents: Vec<_> = fixtures.into_iter().map(options).collect();
        torrents.iter().for_each(|torrent| self.inventory.insert(Arc::clone(torrent)));
        torrents
    }

    /// Adds a torrent, and returns once it is announced or that has been tried. What is there
    /// already stays as it is.
    pub(crate) async fn add(&self, wanted: Wanted) -> Result<Added, AddError> {
        let Wanted { source, name, options } = wanted;
        let (old, torrent) = {
            let _one_at_a_time = self.membership.lock().await;
            match self.same(&source, &options) {
                Some(old) => (true, old),
                None => (false, self.take_in(source, name.as_deref(), options).await?),
            }
        };
        if old {
            if name.is_some_and(|name| name != torrent.name) {
                return Err(AddError::OtherName(torrent.name.clone()));
            }
            // It may still be on its way.
            drop(torrent.loading.lock().await);
            return Ok(Added::Old(torrent));
        }
        let loaded = self.load(&torrent).await;
        let twin = self.inventory.twin(&torrent);
        if loaded.is_err() || twin.is_some() {
            self.inventory.forget(&torrent);
        }
        loaded.map_err(AddError::Load)?;
        if let Some(twin) = twin {
            return match name {
                Some(name) if name != twin.name => Err(AddError::OtherName(twin.name.clone())),
                _ => Ok(Added::Old(twin)),
            };
        }
        self.inventory.tried(&torrent).await;
        match torrent.removed.is_cancelled() {
            true => Err(AddError::Removed),
            false => Ok(Added::New(torrent)),
        }
    }

    /// The torrent that was made from the same.
    fn same(&self, source: &Source, options: &Options) -> Option<Arc<Torrent>> {
        let is_it = |torrent: &Arc<Torrent>| {
            torrent.source == *source
                && torrent.options.piece_length == options.piece_length
                && torrent.options.private == options.private
        };
        self.inventory.all().into_iter().find(is_it)
    }

    /// Opens a source and takes a name for it: the one given, the stem, or the whole name.
    async fn take_in(
        &self,
        source: Source,
        name: Option<&str>,
        options: Options,
    ) -> Result<Arc<Torrent>, AddError> {
        let (library, opened) = (self.library.clone(), source.clone());
        let opening = tokio::task::spawn_blocking(move || library.open(&opened));
        let content = opening.await.map_err(|error| AddError::Load(error.into()))??;
        let is_free = |name: &&str| self.inventory.all().iter().all(|other| other.name != **name);
        let (stem, whole) = (library::stem(&*content), content.name());
        let name = match name {
            Some(name) => Some(name).filter(is_free).ok_or(name),
            None => [stem, whole].into_iter().find(is_free).ok_or(whole),
        };
        let name = name.map_err(|name| AddError::NameTaken(name.to_owned()))?.to_owned();
        let torrent = Arc::new(Torrent::new(Fixture { name, source, content }, options));
        self.inventory.insert(Arc::clone(&torrent));
        Ok(torrent)
    }

    /// Takes torrents away, and returns once no peer has them any more, the trackers know and the
    /// engine has forgotten them.
    pub(crate) async fn remove(&self, torrents: &[Arc<Torrent>]) {
        let _one_at_a_time = self.membership.lock().await;
        futures_util::future::join_all(torrents.iter().map(async |torrent| {
            torrent.removed.cancel();
            torrent.hashing.interrupt();
            drop(torrent.loading.lock().await);
            self.inventory.settle(torrent).await;
            if let (Some(engine), Some(infohash)) = (&self.engine, torrent.infohash()) {
                engine.remove(infohash).await;
            }
            self.inventory.forget(torrent);
        }))
        .await;
    }
}
