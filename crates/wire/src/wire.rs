//! The public listener and the dialler: they shake hands with a peer, connect it to the engine and
//! leave the rest to the bridge.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::{
    bridge::{self, BridgeError},
    handshake::{self, Handshake, PROTOCOL},
    policy::{Origin, PeerInfo, Policy, Shield},
    registry::{PeerStatus, Registered, Registry},
    session::Session,
};

/// Pause after a failure to accept, which lasts (no more file descriptors) rather than passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a wire behaves.
#[derive(Clone)]
pub struct Config {
    /// Where the engine listens.
    pub upstream: SocketAddr,
    /// Our peer id, in every handshake with a peer.
    pub peer_id: PeerId,
    /// How long connecting and each handshake may take.
    pub handshake_timeout: Duration,
    /// How long a peer may be silent; above two minutes, the time between keep-alives (BEP 3).
    pub idle_timeout: Duration,
    /// Connections at one time, incoming and outgoing, those in their handshakes included.
    pub max_connections: usize,
    /// What passes.
    pub policy: Arc<dyn Policy>,
}

impl Config {
    /// The defaults: ten seconds for handshakes, five idle minutes, 2,000 connections, and the
    /// [`Shield`].
    #[must_use]
    pub fn new(upstream: SocketAddr, peer_id: PeerId) -> Self {
        Self {
            upstream,
            peer_id,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            max_connections: 2000,
            policy: Arc::new(Shield),
        }
    }
}

/// The wire cannot run.
#[derive(Debug, thiserror::Error)]
#[error("failed to register the peer listener")]
pub struct WireError(#[from] io::Error);

/// Why a connection ended other than by itself.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("wanted {what} within {after:?}, got none")]
    TimedOut { what: &'static str, after: Duration },
    #[error("failed to get {what}")]
    Io { what: &'static str, source: io::Error },
    #[error("wanted a torrent that is served, got {0}")]
    NotServed(Infohash),
    #[error("wanted a handshake for {wanted}, got one for {came}")]
    OtherTorrent { wanted: Infohash, came: Infohash },
    #[error("wanted a peer, got ourselves")]
    Ourselves,
    #[error("wanted a new peer, got {0}, which is connected")]
    Connected(PeerId),
    #[error("wanted the engine at {upstream}")]
    Engine { upstream: SocketAddr, source: Box<Self> },
    #[error(transparent)]
    Bridge(#[from] BridgeError),
}

/// A handle to the wire; clones are the same wire.
#[derive(Clone)]
pub struct Wire(Arc<Shared>);

struct Shared {
    config: Config,
    /// Ends all connections.
    closing: Shutdown,
    connections: TaskTracker,
    registry: Registry,
}

impl Wire {
    /// A wire that serves nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared {
            config,
            closing: Shutdown::new(),
            connections: TaskTracker::new(),
            registry: Registry::default(),
        }))
    }

    /// Accepts peers on `listener`, which must be non-blocking, until `shutdown`; then closes all
    /// connections, the dialled ones included, and returns when the last is gone.
    ///
    /// # Errors
    /// The listener cannot be handed to the runtime.
    pub async fn run(
        &self,
        listener: std::net::TcpListener,
        shutdown: Shutdown,
    ) -> Result<(), WireError> {
        let listener = TcpListener::from_std(listener)?;
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, address)) => {
                        // An IPv4 peer looks the same on a wildcard IPv6 socket.
                        let ip = address.ip().to_canonical();
                        no_delay(&stream);
                        self.accept(stream, SocketAddr::new(ip, address.port()));
                    }
                    Err(error) => {
                        warn!(%error, "failed to accept a peer");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(accept).await.unwrap_or(());
        self.0.closing.cancel();
        self.0.connections.close();
        self.0.connections.wait().await;
        Ok(())
    }

    /// Takes over a peer that came in over any transport.
    pub fn accept<T>(&self, transport: T, address: SocketAddr)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if self.is_full() {
            debug!(%address, "closed a peer: too many connections");
            return;
        }
        let shared = self.0.clone();
        self.0.connections.spawn(async move {
            let connection = shared.incoming(transport, address);
            if let Some(Err(error)) = shared.closing.run_until_cancelled(connection).await {
                report(address, &error);
            }
        });
    }

    /// Dials a peer that a tracker listed, and says whether it does.
    ///
    /// It does not where the torrent is not served, the address is connected or being dialled, or
    /// the last attempt is not long enough ago: one second, doubling up to a minute. Nor does it
    /// where `peer_id`, if the tracker gave it, is ours or connected; otherwise such a
    /// connection is closed after the peer's handshake. A dial that fails is not repeated.
    pub fn dial(&self, infohash: Infohash, address: SocketAddr, peer_id: Option<PeerId>) -> bool {
        let known =
            |peer_id| peer_id == self.0.config.peer_id || self.0.registry.knows(infohash, peer_id);
        if self.is_full() || peer_id.is_some_and(known) {
            return false;
        }
        let now = Instant::now().into_std();
        let Some(open) = self.0.registry.begin_dial(infohash, address, now) else { return false };
        let shared = self.0.clone();
        self.0.connections.spawn(async move {
            let mut connected = false;
            let connection = shared.outgoing(infohash, address, &mut connected);
            // When the torrent is withdrawn its whole dial book goes.
            let Some(result) = open.run_until_cancelled(connection).await else { return };
            if let Err(error) = result {
                report(address, &error);
            }
            let now = Instant::now().into_std();
            shared.registry.end_dial(infohash, address, now, connected);
        });
        true
    }

    /// Lets peers have `infohash` from now on.
    pub fn serve(&self, infohash: Infohash) {
        self.0.registry.serve(infohash, &self.0.closing);
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

    /// Bytes of content that all peers of a torrent were sent, those that are gone included.
    #[must_use]
    pub fn uploaded(&self, infohash: Infohash) -> u64 {
        self.0.registry.uploaded(infohash).bytes
    }

    /// How many blocks that was.
    #[must_use]
    pub fn blocks(&self, infohash: Infohash) -> u64 {
        self.0.registry.uploaded(infohash).blocks
    }

    fn is_full(&self) -> bool {
        self.0.connections.len() >= self.0.config.max_connections
    }
}

impl Shared {
    async fn incoming<T>(&self, mut peer: T, address: SocketAddr) -> Result<(), ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let theirs = self.in_time("the peer's handshake", read_handshake(&mut peer)).await?;
        let infohash = theirs.infohash;
        let open = self.registry.open(infohash).ok_or(ConnectionError::NotServed(infohash))?;
        let connection = async {
            let registered = self.register(&theirs, address, Origin::Incoming)?;
            let (engine, engines) = self.engine(&theirs).await?;
            let ours = Handshake { peer_id: self.config.peer_id, ..engines.plain() }.to_bytes();
            self.in_time("our handshake sent", send(&mut peer, &ours)).await?;
            let idle = self.config.idle_timeout;
            Ok(bridge::run(&registered.session, peer, engine, idle).await?)
        };
        open.run_until_cancelled(connection).await.unwrap_or(Ok(()))
    }

    async fn outgoing(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        connected: &mut bool,
    ) -> Result<(), ConnectionError> {
        let mut peer = self.in_time("a connection to the peer", connect(address)).await?;
        let ours = Handshake::new(infohash, self.config.peer_id).to_bytes();
        self.in_time("our handshake sent", send(&mut peer, &ours)).await?;
        let theirs = self.in_time("the peer's handshake", read_handshake(&mut peer)).await?;
        expect(infohash, &theirs)?;
        let registered = self.register(&theirs, address, Origin::Outgoing)?;
        let (engine, _) = self.engine(&theirs).await?;
        *connected = true;
        Ok(bridge::run(&registered.session, peer, engine, self.config.idle_timeout).await?)
    }

    fn register(
        &self,
        theirs: &Handshake,
        address: SocketAddr,
        origin: Origin,
    ) -> Result<Registered<'_>, ConnectionError> {
        let Handshake { infohash, peer_id, .. } = *theirs;
        if peer_id == self.config.peer_id {
            return Err(ConnectionError::Ourselves);
        }
        let peer = PeerInfo { infohash, peer_id, address, origin };
        let session = Session::new(peer, self.config.policy.clone());
        self.registry.register(session).ok_or(ConnectionError::Connected(peer_id))
    }

    /// Comes to the engine as the peer that sent `theirs`.
    async fn engine(&self, theirs: &Handshake) -> Result<(TcpStream, Handshake), ConnectionError> {
        let upstream = self.config.upstream;
        let connecting = async {
            let mut engine = self.in_time("a connection", connect(upstream)).await?;
            let hello = theirs.plain().to_bytes();
            self.in_time("the peer's handshake sent", send(&mut engine, &hello)).await?;
            let engines = self.in_time("its handshake", read_handshake(&mut engine)).await?;
            expect(theirs.infohash, &engines)?;
            Ok((engine, engines))
        };
        let failed = |source| ConnectionError::Engine { upstream, source: Box::new(source) };
        connecting.await.map_err(failed)
    }

    async fn in_time<T>(
        &self,
        what: &'static str,
        step: impl Future<Output = io::Result<T>>,
    ) -> Result<T, ConnectionError> {
        let after = self.config.handshake_timeout;
        timeout(after, step)
            .await
            .map_err(|_| ConnectionError::TimedOut { what, after })?
            .map_err(|source| ConnectionError::Io { what, source })
    }
}

async fn read_handshake(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Handshake> {
    let mut bytes = [0; handshake::LENGTH];
    let (protocol, rest) = bytes.split_at_mut(PROTOCOL.len());
    from.read_exact(protocol).await?;
    // Another protocol's client may never send as much as a handshake is long.
    if protocol == PROTOCOL {
        from.read_exact(rest).await?;
    }
    Handshake::parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    no_delay(&stream);
    Ok(stream)
}

fn no_delay(stream: &TcpStream) {
    // It fails on a connection that is gone, which the next read says too.
    let _gone = stream.set_nodelay(true);
}

fn expect(wanted: Infohash, handshake: &Handshake) -> Result<(), ConnectionError> {
    match handshake.infohash {
        came if came == wanted => Ok(()),
        came => Err(ConnectionError::OtherTorrent { wanted, came }),
    }
}

/// An engine that does not answer concerns whoever runs the server; a peer's trouble is its own.
fn report(peer: SocketAddr, error: &ConnectionError) {
    let chain =
        std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let why = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match error {
        ConnectionError::Engine { .. } => warn!(%peer, "closed a connection: {why}"),
        _ => debug!(%peer, "closed a connection: {why}"),
    }
}
