//! The engine: a librqbit session on a private loopback port, which reads what it seeds through a
//! read-only storage.
//!
//! It serves on a thread and runtime of its own. On a runtime of several threads librqbit hands its
//! worker over to another thread for each block that it reads, which costs more than the block.
//! That thread must never block for long, so it reads through a [`Reader`]. Content is checked on
//! the runtime of whoever adds it, where blocking does not matter.
//!
//! Any process on the host can connect to the private port. The engine therefore does not serve a
//! torrent either that is paused or in error.

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
use seedbed_metainfo::{Content, Infohash, Metainfo, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::{mpsc, oneshot},
    task::block_in_place,
};
use tokio_util::sync::DropGuard;

use crate::{reader::Reader, torrent::Torrent};

/// How long a peer may be silent. librqbit's own limit is ten seconds, but a leecher that waits to
/// be unchoked is silent for two minutes (BEP 3's keep-alive).
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Most peers of one torrent. librqbit's own limit is 128.
const MOST_PEERS: usize = 1000;

/// A running session.
pub(crate) struct Engine {
    session: Arc<Session>,
    address: SocketAddr,
    reader: Arc<Reader>,
    failures: mpsc::UnboundedSender<Arc<Torrent>>,
    /// Ends the session and its thread.
    _closing: DropGuard,
}

/// The torrents whose content the engine could not read for a peer.
pub(crate) type Failures = mpsc::UnboundedReceiver<Arc<Torrent>>;

/// Why the engine does not seed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session did not start.
    #[error("failed to start the engine")]
    Start(#[source] Failure),
    /// librqbit refused a torrent, or its files could not be read.
    #[error("failed to seed {name}")]
    Add { name: String, source: Failure },
    /// The content has other hashes than the metainfo.
    #[error("failed to seed {0}: its files are not those that were hashed")]
    Changed(String),
}

/// librqbit's errors are `anyhow`'s, which are not `std::error::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct Failure(anyhow::Error);

impl Engine {
    /// Starts a session that talks to nobody but whoever connects to its loopback port.
    pub(crate) async fn start(
        peer_id: PeerId,
        shutdown: &Shutdown,
    ) -> Result<(Self, Failures), Error> {
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
            peer_limit: Some(MOST_PEERS),
            ..SessionOptions::default()
        };
        let failed = |error| Error::Start(Failure(error));
        let session = on_its_own_thread(options, closing.clone()).await.map_err(failed)?;
        let address =
            session.listen_addr().ok_or_else(|| failed(anyhow::anyhow!("it does not listen")))?;
        let (failures, failed) = mpsc::unbounded_channel();
        let reader = Arc::default();
        let closing = closing.drop_guard();
        Ok((Self { session, address, reader, failures, _closing: closing }, failed))
    }

    /// Where it accepts peers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a torrent, and returns once its content is checked and it seeds.
    ///
    /// A read for a peer that fails afterwards puts the torrent into
    /// [`State::Error`](crate::State::Error) and sends it to the [`Failures`].
    pub(crate) async fn add(
        &self,
        torrent: &Arc<Torrent>,
        metainfo: &Metainfo,
    ) -> Result<(), Error> {
        let name = torrent.content.name().to_owned();
        let storage = Storage {
            content: metainfo.laid_out(Arc::clone(&torrent.content)),
            torrent: Arc::clone(torrent),
            reader: Arc::clone(&self.reader),
            failures: self.failures.clone(),
        };
        let file = metainfo.to_torrent(&[], &[]);
        let failed = |error| Error::Add { name: name.clone(), source: Failure(error) };
        let options = AddTorrentOptions {
            disable_trackers: true,
            // Without it, librqbit refuses content that exists.
            overwrite: true,
            peer_opts: Some(PeerConnectionOptions {
                read_write_timeout: Some(IDLE_TIMEOUT),
                ..PeerConnectionOptions::default()
            }),
            storage_factory: Some(storage.boxed()),
            ..AddTorrentOptions::default()
        };
        let handle = self
            .session
            .add_torrent(AddTorrent::from_bytes(file), Some(options))
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

    /// Removes a torrent, if it has it. The content stays as it is.
    pub(crate) async fn remove(&self, infohash: Infohash) {
        if let Err(error) = self.session.delete(id(infohash), false).await {
            tracing::debug!(%infohash, %error, "the engine does not have the torrent");
        }
    }

    /// Serves a torrent at the private port or not, if it has it.
    pub(crate) async fn set_paused(&self, infohash: Infohash, paused: bool) {
        let Some(torrent) = self.session.get(id(infohash)) else { return };
        let result = match (paused, torrent.is_paused()) {
            (true, false) => self.session.pause(&torrent).await,
            (false, true) => self.session.unpause(&torrent).await,
            _ => return,
        };
        if let Err(error) = result {
            tracing::warn!(%infohash, paused, error = format!("{error:#}"), "the engine refuses");
        }
    }
}

fn id(infohash: Infohash) -> TorrentIdOrHash {
    TorrentIdOrHash::Hash(Id20::new(*infohash.as_bytes()))
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

/// A storage over a torrent's content, and the factory of itself.
#[derive(Clone)]
struct Storage {
    /// Laid out as the metainfo's files are.
    content: Arc<dyn Content>,
    torrent: Arc<Torrent>,
    reader: Arc<Reader>,
    failures: mpsc::UnboundedSender<Arc<Torrent>>,
}

impl Storage {
    /// Reads for a peer. The first failure takes the torrent out of service.
    fn serve(&self, file: usize, offset: u64, buffer: &mut [u8]) -> anyhow::Result<()> {
        if let Some(reason) = self.torrent.failure() {
            anyhow::bail!(reason);
        }
        let read = self.reader.read(&self.content, file, offset, buffer);
        if let Err(error) = &read
            && self.torrent.fail(error.to_string())
        {
            // Nobody listens during shutdown.
            let _unheard = self.failures.send(Arc::clone(&self.torrent));
        }
        Ok(read?)
    }
}

impl StorageFactory for Storage {
    type Storage = Self;

    fn create(&self, _: &ManagedTorrentShared, _: &TorrentMetadata) -> anyhow::Result<Self> {
        Ok(self.clone())
    }

    fn clone_box(&self) -> BoxStorageFactory {
        self.clone().boxed()
    }
}

impl TorrentStorage for Storage {
    fn init(&mut self, _: &ManagedTorrentShared, _: &TorrentMetadata) -> anyhow::Result<()> {
        Ok(())
    }

    fn pread_exact(&self, file: usize, offset: u64, buffer: &mut [u8]) -> anyhow::Result<()> {
        // There librqbit checks the content, all of it without a pause.
        let is_check = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if is_check {
            Ok(block_in_place(|| self.content.read_exact_at(file, offset, buffer))?)
        } else {
            self.serve(file, offset, buffer)
        }
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

#[cfg(test)]
mod tests {
    use seedbed_metainfo::{Options, SEEDBED_PREFIX};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;
    use crate::{
        library::{Fixture, Source},
        reader::tests::gated,
        torrent::State,
    };

    fn torrent(content: Arc<dyn Content>) -> (Arc<Torrent>, Metainfo) {
        let metainfo = Metainfo::build(&*content, &Options::default()).unwrap();
        let name = content.name().to_owned();
        let source = Source::Path(name.clone().into());
        let torrent = Torrent::new(Fixture { name, source, content }, Options::default());
        (Arc::new(torrent), metainfo)
    }

    /// Connects to the engine's port, as any process of the host can, and asks for a block.
    async fn ask(engine: &Engine, infohash: Infohash) -> io::Result<TcpStream> {
        let mut peer = TcpStream::connect(engine.address()).await?;
        let head = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0";
        let id = b"-TR3000-abcdefghijkl";
        peer.write_all(&[&head[..], infohash.as_bytes(), id].concat()).await?;
        peer.read_exact(&mut [0; 68]).await?;
        // Interested, and a request for four bytes.
        peer.write_all(b"\0\0\0\x01\x02\0\0\0\x0d\x06\0\0\0\0\0\0\0\0\0\0\0\x04").await?;
        Ok(peer)
    }

    /// Reads until the block comes.
    async fn block(peer: &mut TcpStream) -> io::Result<Vec<u8>> {
        loop {
            let mut frame = vec![0; peer.read_u32().await? as usize];
            peer.read_exact(&mut frame).await?;
            if frame.first() == Some(&7) {
                return Ok(frame.split_off(9));
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_hangs_holds_up_no_other_torrent_and_is_reported() {
        let shutdown = Shutdown::new();
        let peer_id = PeerId::derived(SEEDBED_PREFIX, 0, 0);
        let (engine, mut failures) = Engine::start(peer_id, &shutdown).await.unwrap();
        let ((hung, gate), (healthy, _)) = (gated("hung", 4), gated("healthy", 4));
        let (hung, healthy) = (torrent(hung), torrent(healthy));
        for (torrent, metainfo) in [&hung, &healthy] {
            engine.add(torrent, metainfo).await.unwrap();
        }
        gate.set_closed(true);
        let mut peer_of_hung = ask(&engine, hung.1.infohash()).await.unwrap();
        block(&mut peer_of_hung).await.unwrap_err();
        let failed = failures.recv().await.unwrap();
        assert_eq!((&*failed.name, failed.state()), ("hung", State::Error));
        assert!(failed.failure().unwrap().contains("hangs"), "{:?}", failed.failure());
        // The gate is still closed.
        let mut peer = ask(&engine, healthy.1.infohash()).await.unwrap();
        assert_eq!(block(&mut peer).await.unwrap(), [0; 4]);
        gate.set_closed(false);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_paused_torrent_is_not_to_be_had_at_the_private_port_either() {
        let shutdown = Shutdown::new();
        let peer_id = PeerId::derived(SEEDBED_PREFIX, 0, 0);
        let (engine, _failures) = Engine::start(peer_id, &shutdown).await.unwrap();
        let (torrent, metainfo) = torrent(gated("a", 4).0);
        engine.add(&torrent, &metainfo).await.unwrap();
        engine.set_paused(metainfo.infohash(), true).await;
        ask(&engine, metainfo.infohash()).await.unwrap_err();
        engine.set_paused(metainfo.infohash(), false).await;
        let mut peer = ask(&engine, metainfo.infohash()).await.unwrap();
        assert_eq!(block(&mut peer).await.unwrap(), [0; 4]);
    }
}
