//! The engine: a librqbit session on a private loopback port, which reads what it seeds through a
//! storage that cannot write.
//!
//! It serves on a thread and runtime of its own. On a runtime of several threads librqbit hands its
//! worker over to another thread for each block that it reads, which costs more than the block.
//! Content is checked on the runtime of whoever adds it, where that does pay.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use librqbit::{
    AddTorrent, AddTorrentOptions, ListenerMode, ListenerOptions, ManagedTorrentShared,
    PeerConnectionOptions, Session, SessionOptions, TorrentMetadata,
    api::TorrentIdOrHash,
    storage::{BoxStorageFactory, StorageFactory, StorageFactoryExt as _, TorrentStorage},
};
use librqbit_core::Id20;
use seedbed_metainfo::{Content, Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::oneshot,
    task::block_in_place,
};
use tokio_util::sync::DropGuard;

/// librqbit drops a peer that is silent for ten seconds unless it is told otherwise, and a leecher
/// that waits to be unchoked is silent for two minutes (BEP 3's keep-alive).
const IDLE: Duration = Duration::from_secs(300);

/// Peers of one torrent. librqbit's own limit is 128.
const PEERS: usize = 1000;

/// A running session.
pub(crate) struct Engine {
    session: Arc<Session>,
    address: SocketAddr,
    /// Ends the session and its thread.
    _closing: DropGuard,
}

/// Why the engine does not seed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session did not start.
    #[error("failed to start the engine")]
    Start(#[source] Failure),
    /// A torrent was not taken, or its files could not be read.
    #[error("failed to seed {name}")]
    Add { name: String, source: Failure },
    /// The files are not those that were hashed.
    #[error("failed to seed {0}: its files are not those that were hashed")]
    Changed(String),
}

/// librqbit's errors are `anyhow`'s, which are not `std::error::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct Failure(anyhow::Error);

impl Engine {
    /// Starts a session that talks to nobody but whoever connects to its loopback port.
    pub(crate) async fn start(peer_id: PeerId, shutdown: &Shutdown) -> Result<Self, Error> {
        let closing = shutdown.child_token();
        let options = SessionOptions {
            cancellation_token: Some(closing.clone()),
            client_name_and_version: Some(concat!("seedbed ", env!("CARGO_PKG_VERSION")).into()),
            dht: None,
            disable_local_service_discovery: true,
            disable_trackers: true,
            ipv4_only: true,
            listen: Some(ListenerOptions {
                mode: ListenerMode::TcpOnly,
                listen_addr: (Ipv4Addr::LOCALHOST, 0).into(),
                ipv4_only: true,
                ..ListenerOptions::default()
            }),
            peer_id: Some(Id20::new(*peer_id.as_bytes())),
            peer_limit: Some(PEERS),
            ..SessionOptions::default()
        };
        let failed = |error| Error::Start(Failure(error));
        let session = on_its_own_thread(options, closing.clone()).await.map_err(failed)?;
        let address =
            session.listen_addr().ok_or_else(|| failed(anyhow::anyhow!("it does not listen")))?;
        Ok(Self { session, address, _closing: closing.drop_guard() })
    }

    /// Where it accepts peers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a torrent, and returns once its content is checked and it seeds.
    pub(crate) async fn add(
        &self,
        torrent: Vec<u8>,
        content: Arc<dyn Content>,
    ) -> Result<(), Error> {
        let name = content.name().to_owned();
        let failed = |error| Error::Add { name: name.clone(), source: Failure(error) };
        let options = AddTorrentOptions {
            disable_trackers: true,
            // Else it refuses content that is there already.
            overwrite: true,
            peer_opts: Some(PeerConnectionOptions {
                read_write_timeout: Some(IDLE),
                ..PeerConnectionOptions::default()
            }),
            storage_factory: Some(ReadOnly(content).boxed()),
            ..AddTorrentOptions::default()
        };
        let handle = self
            .session
            .add_torrent(AddTorrent::from_bytes(torrent), Some(options))
            .await
            .map_err(failed)?
            .into_handle()
            .ok_or_else(|| failed(anyhow::anyhow!("the engine only listed it")))?;
        handle.wait_until_initialized().await.map_err(failed)?;
        if !handle.stats().finished {
            return Err(Error::Changed(name));
        }
        Ok(())
    }

    /// Forgets a torrent, if it has it. The content stays as it is.
    pub(crate) async fn remove(&self, infohash: Infohash) {
        let id = TorrentIdOrHash::Hash(Id20::new(*infohash.as_bytes()));
        if let Err(error) = self.session.delete(id, false).await {
            tracing::debug!(%infohash, %error, "the engine has nothing to forget");
        }
    }
}

/// Starts a session on a thread that runs until `closing`.
async fn on_its_own_thread(
    options: SessionOptions,
    closing: Shutdown,
) -> anyhow::Result<Arc<Session>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (started, session) = oneshot::channel();
    let run = move || {
        runtime.block_on(async {
            // The folder is never used: every torrent brings its own storage.
            let session = Session::new_with_opts(PathBuf::from("/nonexistent"), options).await;
            // Whoever asked may be gone: then so is the guard that ends this.
            let _asker_is_gone = started.send(session);
            closing.cancelled().await;
        });
    };
    thread::Builder::new().name("engine".to_owned()).spawn(run)?;
    session.await?
}

/// A storage over a [`Content`], and the factory of itself.
#[derive(Clone)]
struct ReadOnly(Arc<dyn Content>);

impl StorageFactory for ReadOnly {
    type Storage = Self;

    fn create(&self, _: &ManagedTorrentShared, _: &TorrentMetadata) -> anyhow::Result<Self> {
        Ok(self.clone())
    }

    fn clone_box(&self) -> BoxStorageFactory {
        self.clone().boxed()
    }
}

impl TorrentStorage for ReadOnly {
    fn init(&mut self, _: &ManagedTorrentShared, _: &TorrentMetadata) -> anyhow::Result<()> {
        Ok(())
    }

    fn pread_exact(&self, file: usize, offset: u64, buffer: &mut [u8]) -> anyhow::Result<()> {
        let mut read = || self.0.read_exact_at(file, offset, buffer);
        // There the content is checked, all of it in one go, which must not hold up others.
        let shared = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        Ok(if shared { block_in_place(read) } else { read() }?)
    }

    fn pwrite_all(&self, _: usize, _: u64, _: &[u8]) -> anyhow::Result<()> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem).into())
    }

    fn remove_file(&self, _: usize, _: &Path) -> anyhow::Result<()> {
        Ok(())
    }

    fn remove_directory_if_empty(&self, _: &Path) -> anyhow::Result<()> {
        Ok(())
    }

    fn ensure_file_length(&self, _: usize, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn take(&self) -> anyhow::Result<Box<dyn TorrentStorage>> {
        Ok(Box::new(self.clone()))
    }
}
