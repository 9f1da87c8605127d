//! Changes of the inventory: load, add, pause, resume and remove torrents.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;
use seedbed_metainfo::{HashCache, Metainfo, Options};
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};

use crate::{
    engine::{self, Engine},
    inventory::Inventory,
    library::{self, Fixture, Library, Source},
    torrent::{State, Torrent},
};

/// Everything that a change to the inventory needs.
pub(crate) struct Control {
    pub(crate) inventory: Inventory,
    /// `None` if another client has the content.
    pub(crate) engine: Option<Engine>,
    pub(crate) library: Library,
    pub(crate) options: Options,
    pub(crate) cache: Option<HashCache>,
    /// Held while content is hashed, since that takes all cores.
    pub(crate) hashing: Mutex<()>,
    /// Held while a torrent is inserted, and while torrents are removed.
    pub(crate) membership: Mutex<()>,
    /// Permits to hash the content of torrents in error again. A read that hangs keeps one.
    pub(crate) recoveries: Semaphore,
}

/// How long hashing may go on without a byte before its content counts as hanging.
const HASHING_TIMEOUT: Duration = Duration::from_secs(120);

/// How many torrents in error are hashed again at a time.
pub(crate) const MOST_RECOVERIES: usize = 4;

/// The torrent that a caller asks for.
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) name: Option<String>,
    pub(crate) options: Options,
}

/// The outcome of an addition.
pub(crate) enum Added {
    /// The torrent is new.
    New(Arc<Torrent>),
    /// The torrent existed, and stays as it is.
    Old(Arc<Torrent>),
}

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    #[error(transparent)]
    Source(#[from] library::Error),
    #[error("{0} is the name of another torrent")]
    NameTaken(String),
    #[error("the torrent exists already, by the name {0}")]
    OtherName(String),
    #[error("the torrent was removed before it was seeded")]
    Removed,
    #[error("{0:#}")]
    Load(anyhow::Error),
}

impl Control {
    /// Hashes a torrent's content, has the engine check it, and serves it.
    ///
    /// Ends early, and without an error, when the torrent is removed.
    pub(crate) async fn load(&self, torrent: &Arc<Torrent>) -> anyhow::Result<()> {
        let _loading = torrent.loading.lock().await;
        let prepared = torrent.removed.run_until_cancelled(self.prepare(torrent)).await;
        match prepared {
            // Its hashing is interrupted when it is removed, which may be seen before the removal.
            Some(Err(error)) if !torrent.removed.is_cancelled() => Err(error),
            _ => Ok(()),
        }
    }

    async fn prepare(&self, torrent: &Arc<Torrent>) -> anyhow::Result<()> {
        self.hash(torrent, self.cache.clone()).await?;
        if self.inventory.twin(torrent).is_some() {
            return Ok(());
        }
        match self.check(torrent).await {
            // The cache does not have the hashes of this content.
            Err(engine::Error::Changed(_)) if self.cache.is_some() => {
                self.hash(torrent, None).await?;
                self.check(torrent).await?;
            }
            checked => checked?,
        }
        torrent.set_checked();
        self.apply_state(torrent).await;
        Ok(())
    }

    /// Makes the engine, the wires and the announcers follow a change of a torrent's state. Returns
    /// once it is served, or once no peer is connected and the trackers were told `stopped`.
    async fn apply_state(&self, torrent: &Torrent) {
        let _one_at_a_time = torrent.applying.lock().await;
        let Some(metainfo) = torrent.metainfo() else { return };
        let infohash = metainfo.infohash();
        let is_served = torrent.state() == State::Seeding && !torrent.removed.is_cancelled();
        if let (Some(engine), true) = (&self.engine, is_served) {
            engine.set_paused(infohash, false).await;
        }
        let public_peers = self.inventory.public_peers().iter();
        if is_served {
            public_peers.for_each(|peer| peer.serve(&metainfo));
        } else {
            join_all(public_peers.map(|peer| peer.withdraw(infohash))).await;
        }
        if let (Some(engine), false) = (&self.engine, is_served) {
            engine.set_paused(infohash, true).await;
        }
    }

    /// Pauses or resumes torrents: first their states, then engine, wires and trackers. Those in
    /// error are hashed again to resume them.
    pub(crate) async fn set_paused(&self, torrents: &[Arc<Torrent>], paused: bool) {
        for torrent in torrents {
            torrent.set_paused(paused);
        }
        join_all(torrents.iter().map(async |torrent| {
            if !paused && torrent.state() == State::Error {
                self.recover(torrent).await;
            }
            self.apply_state(torrent).await;
            self.inventory.wait_for_trackers(torrent).await;
        }))
        .await;
    }

    /// Takes a torrent out of service whose content the engine could not read, and puts it back if
    /// its bytes turn out to be those that were hashed.
    pub(crate) async fn withdraw_failed(&self, torrent: &Arc<Torrent>) {
        let reason = torrent.failure().unwrap_or_default();
        tracing::warn!(name = torrent.name, reason, "stopped serving a torrent");
        self.apply_state(torrent).await;
        self.recover(torrent).await;
        self.apply_state(torrent).await;
    }

    /// Hashes the content of a torrent in error again, and takes it out of that state if the
    /// infohash is the same. A file that was only renamed to and fro, linked or given other
    /// permissions, or whose file system answers again, is thus served again.
    async fn recover(&self, torrent: &Arc<Torrent>) {
        let _loading = torrent.loading.lock().await;
        let (Some(before), State::Error) = (torrent.metainfo(), torrent.state()) else { return };
        let hash = async {
            let _permit = self.recoveries.acquire().await?;
            self.build(torrent, None).await
        };
        match torrent.removed.run_until_cancelled(hash).await {
            Some(Ok(metainfo)) if metainfo.infohash() == before.infohash() => {
                tracing::info!(name = torrent.name, "the content is as it was hashed");
                torrent.clear_failure();
            }
            Some(Err(error)) => {
                let error = format!("{error:#}");
                tracing::info!(name = torrent.name, error, "the content cannot be hashed again");
            }
            Some(Ok(_)) | None => {}
        }
    }

    async fn hash(&self, torrent: &Arc<Torrent>, cache: Option<HashCache>) -> anyhow::Result<()> {
        let _one_at_a_time = self.hashing.lock().await;
        let building = self.build(torrent, cache);
        tokio::pin!(building);
        let mut hashed = 0;
        let metainfo = loop {
            match timeout(HASHING_TIMEOUT, &mut building).await {
                Ok(metainfo) => break metainfo?,
                // Content that hangs must not keep others from being hashed.
                Err(_) if torrent.hashing.hashed() == hashed => {
                    bail!("failed to hash {}: its file system hangs", torrent.name)
                }
                Err(_) => hashed = torrent.hashing.hashed(),
            }
        };
        torrent.set_hashed(Arc::new(metainfo));
        Ok(())
    }

    async fn build(
        &self,
        torrent: &Arc<Torrent>,
        cache: Option<HashCache>,
    ) -> anyhow::Result<Metainfo> {
        let hashed = Arc::clone(torrent);
        let build = move || {
            let Torrent { content, options, hashing, .. } = &*hashed;
            Metainfo::build_with(&**content, options, hashing, cache.as_ref())
        };
        Ok(tokio::task::spawn_blocking(build).await.context("hashing ended")??)
    }

    async fn check(&self, torrent: &Arc<Torrent>) -> Result<(), engine::Error> {
        let (Some(engine), Some(metainfo)) = (&self.engine, torrent.metainfo()) else {
            return Ok(());
        };
        let added = engine.add(torrent, &metainfo).await;
        if added.is_err() {
            engine.remove(metainfo.infohash()).await;
        }
        added
    }

    /// Inserts the torrents to seed from the start.
    pub(crate) fn insert(&self, fixtures: Vec<Fixture>) -> Vec<Arc<Torrent>> {
        let torrent = |fixture| Arc::new(Torrent::new(fixture, self.options.clone()));
        let torrents: Vec<_> = fixtures.into_iter().map(torrent).collect();
        torrents.iter().for_each(|torrent| self.inventory.insert(Arc::clone(torrent)));
        torrents
    }

    /// Adds a torrent, and returns once its trackers have answered or have had their time. A torrent
    /// that exists stays as it is.
    pub(crate) async fn add(&self, wanted: Wanted) -> Result<Added, AddError> {
        let Wanted { source, name, options } = wanted;
        let (old, torrent) = {
            let _one_at_a_time = self.membership.lock().await;
            match self.same(&source, &options) {
                Some(old) => (true, old),
                None => (false, self.insert_new(source, name.as_deref(), options).await?),
            }
        };
        if old {
            if name.is_some_and(|name| name != torrent.name) {
                return Err(AddError::OtherName(torrent.name.clone()));
            }
            // It may still be loading, and may be removed meanwhile.
            drop(torrent.loading.lock().await);
            return match torrent.removed.is_cancelled() {
                true => Err(AddError::Removed),
                false => Ok(Added::Old(torrent)),
            };
        }
        let loaded = self.load(&torrent).await;
        let twin = self.inventory.twin(&torrent);
        if loaded.is_err() || twin.is_some() {
            self.inventory.remove(&torrent);
        }
        loaded.map_err(AddError::Load)?;
        if let Some(twin) = twin {
            return match name {
                Some(name) if name != twin.name => Err(AddError::OtherName(twin.name.clone())),
                _ => Ok(Added::Old(twin)),
            };
        }
        self.inventory.wait_for_trackers(&torrent).await;
        match torrent.removed.is_cancelled() {
            true => Err(AddError::Removed),
            false => Ok(Added::New(torrent)),
        }
    }

    /// The torrent made from this source with these options.
    fn same(&self, source: &Source, options: &Options) -> Option<Arc<Torrent>> {
        let is_same = |torrent: &Arc<Torrent>| {
            torrent.source == *source
                && torrent.options.piece_length == options.piece_length
                && torrent.options.private == options.private
        };
        self.inventory.all().into_iter().find(is_same)
    }

    /// Opens a source and inserts it under a free name: the one given, the stem, or the whole name.
    async fn insert_new(
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

    /// Removes torrents. Returns once no peer is connected, the trackers were told `stopped`, and the
    /// engine has removed them.
    pub(crate) async fn remove(&self, torrents: &[Arc<Torrent>]) {
        let _one_at_a_time = self.membership.lock().await;
        join_all(torrents.iter().map(async |torrent| {
            torrent.removed.cancel();
            torrent.hashing.interrupt();
            drop(torrent.loading.lock().await);
            self.apply_state(torrent).await;
            if let (Some(engine), Some(infohash)) = (&self.engine, torrent.infohash()) {
                engine.remove(infohash).await;
            }
            self.inventory.remove(torrent);
        }))
        .await;
    }
}
