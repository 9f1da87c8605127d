//! The handle to a wire: accepts and dials peers, and lists who is connected.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use librqbit_utp::UtpStream;
use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UdpSocket},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::{
    Config, Listeners, PeerStatus, Torrent,
    peers::{
        admission::{Admission, Admitted},
        connection::{PeerStream, Shared},
        registry::Registry,
    },
    policy::Transport,
    transport::{Reset, utp},
};

/// Pause after a failure to accept. Its cause, such as a lack of file descriptors, tends to last.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long uTP goes on after the last connection was closed: its own task tells the peers, and does
/// not say when it has.
const UTP_FAREWELL: Duration = Duration::from_millis(100);

/// The wire cannot run.
#[derive(Debug, thiserror::Error)]
#[error("failed to register the peer listener")]
pub struct WireError(#[from] io::Error);

/// A handle to the wire; clones are the same wire.
#[derive(Clone)]
pub struct Wire(Arc<Shared>);

impl Wire {
    /// A wire that serves nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let [.., a, b, c, d, e, f, g, h] = *config.peer_id.as_bytes();
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let admission = Admission::new(config.limits, Arc::clone(&config.descriptors));
        Self(Arc::new(Shared {
            config,
            admission: Arc::new(admission),
            closing: Shutdown::new(),
            connections: TaskTracker::new(),
            registry: Registry::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        }))
    }

    /// Accepts peers until `shutdown`; then closes all connections, the dialled ones included, and
    /// returns when the last is gone.
    ///
    /// # Errors
    /// A socket cannot be handed to the runtime.
    pub async fn run(&self, listeners: Listeners, shutdown: Shutdown) -> Result<(), WireError> {
        let tcp = TcpListener::from_std(listeners.tcp)?;
        let utp = listeners.utp.map(UdpSocket::from_std).transpose()?;
        let (has_utp, utp_ends) = (utp.is_some(), Shutdown::new());
        let _at_the_end = utp_ends.clone().drop_guard();
        let accept = async { tokio::join!(self.accept_tcp(tcp), self.accept_utp(utp, utp_ends)) };
        shutdown.run_until_cancelled(accept).await;
        self.0.closing.cancel();
        self.0.connections.close();
        let had_peers = !self.0.connections.is_empty();
        self.0.connections.wait().await;
        if has_utp && had_peers {
            tokio::time::sleep(UTP_FAREWELL).await;
        }
        Ok(())
    }

    async fn accept_tcp(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => self.spawn(PeerStream::tcp(stream, address)),
                Err(error) => {
                    warn!(%error, "failed to accept a peer");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn accept_utp(&self, socket: Option<UdpSocket>, closing: Shutdown) {
        let Some(socket) = socket else { return };
        let Config { limits, idle_timeout, .. } = self.0.config;
        let accepted = |stream: UtpStream| {
            let address = stream.remote_addr();
            let (reader, writer) = stream.split();
            self.spawn(PeerStream { reader, writer, address, transport: Transport::Utp });
        };
        let accept = utp::accept(socket, limits.total, idle_timeout, closing, accepted);
        if let Err(error) = accept.await {
            warn!(%error, "failed to accept peers over uTP");
        }
    }

    /// Takes over a peer that came in over any transport.
    pub fn accept<T>(&self, stream: T, address: SocketAddr, transport: Transport)
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        self.spawn(PeerStream { reader, writer, address, transport });
    }

    fn spawn<R, W>(&self, mut peer: PeerStream<R, W>)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Reset + Unpin + Send + 'static,
    {
        // An IPv4 peer looks the same on a wildcard IPv6 socket.
        peer.address.set_ip(peer.address.ip().to_canonical());
        let Some(admitted) = self.admit(peer.address) else { return };
        let shared = self.0.clone();
        self.0.connections.spawn(async move { shared.incoming(peer, admitted).await });
    }

    fn admit(&self, peer: SocketAddr) -> Option<Admitted> {
        let admitted = self.0.admission.admit(Instant::now().into_std(), peer);
        admitted.inspect_err(|reason| debug!(%peer, %reason, "refused a peer")).ok()
    }

    /// Dials a peer that a tracker listed, and says whether it does.
    ///
    /// It does not if the torrent is not served, the address is connected or being dialled, there
    /// is no room for a connection, or the last attempt is not long enough ago: one second, doubling
    /// up to a minute, and half an hour after eight failures in a row. Nor does it if `peer_id`,
    /// where the tracker gave it, is ours or connected; otherwise such a connection is closed after
    /// the peer's handshake. A dial that fails is not repeated.
    pub fn dial(&self, infohash: Infohash, address: SocketAddr, peer_id: Option<PeerId>) -> bool {
        let known =
            |peer_id| peer_id == self.0.config.peer_id || self.0.registry.knows(infohash, peer_id);
        if peer_id.is_some_and(known) {
            return false;
        }
        let now = Instant::now().into_std();
        let Some(open) = self.0.registry.begin_dial(infohash, address, now) else {
            return false;
        };
        let Some(admitted) = self.admit(address) else {
            self.0.registry.end_dial(infohash, address, now, false);
            return false;
        };
        let (shared, withdrawn) = (self.0.clone(), open.0.clone());
        self.0.connections.spawn(async move {
            let mut connected = false;
            shared.outgoing(infohash, open, address, admitted, &mut connected).await;
            // When the torrent is withdrawn its whole dial book goes.
            if !withdrawn.is_cancelled() {
                let now = Instant::now().into_std();
                shared.registry.end_dial(infohash, address, now, connected);
            }
        });
        true
    }

    /// Serves `infohash` to peers from now on. A later call changes `torrent` for peers that connect
    /// after it.
    pub fn serve(&self, infohash: Infohash, torrent: Torrent) {
        self.0.registry.serve(infohash, torrent, &self.0.closing);
    }

    /// Closes the connections for `infohash` and accepts no more, until it is served again.
    pub fn withdraw(&self, infohash: Infohash) {
        self.0.registry.withdraw(infohash);
    }

    /// How many peers are connected for `infohash`.
    #[must_use]
    pub fn peer_count(&self, infohash: Infohash) -> usize {
        self.0.registry.peer_count(infohash)
    }

    /// The connected peers, by torrent and then in the order in which they came.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.0.registry.peers()
    }

    /// The last peers that left, up to 32 for each torrent: by torrent, the latest first.
    #[must_use]
    pub fn departed(&self) -> Vec<PeerStatus> {
        self.0.registry.departed()
    }

    /// Bytes of content sent to all peers of a torrent, to those that are gone too.
    #[must_use]
    pub fn uploaded(&self, infohash: Infohash) -> u64 {
        self.0.registry.uploaded(infohash).bytes
    }

    /// Blocks sent to all peers of a torrent, to those that are gone too.
    #[must_use]
    pub fn blocks(&self, infohash: Infohash) -> u64 {
        self.0.registry.uploaded(infohash).blocks
    }
}
