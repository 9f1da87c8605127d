//! One connection from its first byte to its last: handshakes with the peer, a connection to the
//! engine, and then the bridge between them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{
        TcpSocket, TcpStream, lookup_host,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::{
    Config, Encryption, Limiter, Torrent,
    bridge::{self, BridgeError},
    greeting::{self, GreetingError},
    handshake::Handshake,
    mse::{Reader, Writer},
    policy::{Origin, PeerInfo, Transport},
    registry::{Registered, Registry},
    session::Session,
};

/// What a peer is to send first.
const PEERS_HANDSHAKE: &str = "the peer's handshake";

/// What all connections of a wire share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Ends all connections.
    pub(crate) closing: Shutdown,
    pub(crate) connections: TaskTracker,
    pub(crate) registry: Registry,
    /// For keys and pads, which need not be secret.
    pub(crate) rng: Mutex<fastrand::Rng>,
}

/// A peer before it has said who it is.
pub(crate) struct Stranger<R, W> {
    pub(crate) reader: R,
    pub(crate) writer: W,
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
}

/// Why a connection ended other than by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("wanted {what} within {after:?}, got none")]
    TimedOut { what: &'static str, after: Duration },
    #[error("failed to get {what}")]
    Failed { what: &'static str, source: GreetingError },
    #[error("wanted a torrent that is served, got {0}")]
    NotServed(Infohash),
    #[error("wanted a handshake for {wanted}, got one for {came}")]
    OtherTorrent { wanted: Infohash, came: Infohash },
    #[error("wanted a peer, got ourselves")]
    Ourselves,
    #[error("wanted a new peer, got {0}, which is connected")]
    Connected(PeerId),
    #[error("wanted the engine at {upstream}")]
    Engine { upstream: String, source: Box<Self> },
    #[error(transparent)]
    Bridge(#[from] BridgeError),
}

/// A peer whose handshake has come.
struct Acquaintance<R, W> {
    reader: Reader<R>,
    writer: Writer<W>,
    theirs: Handshake,
}

impl Shared {
    pub(crate) async fn incoming<R, W>(&self, peer: Stranger<R, W>) -> Result<(), ConnectionError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Stranger { reader, writer, address, transport } = peer;
        let greeting = async {
            let served = || self.registry.served();
            let encryption = self.config.encryption;
            let (mut reader, writer) =
                greeting::incoming(reader, writer, encryption, self.rng(), served).await?;
            let theirs = greeting::read(&mut reader).await?;
            Ok::<_, GreetingError>(Acquaintance { reader, writer, theirs })
        };
        let mut peer = self.in_time(PEERS_HANDSHAKE, greeting).await?;
        let infohash = peer.theirs.infohash;
        let (open, torrent) =
            self.registry.open(infohash).ok_or(ConnectionError::NotServed(infohash))?;
        let connection = async {
            let registered = self.register(&peer, address, transport, Origin::Incoming, torrent)?;
            let (engine, engines) = self.engine(&peer.theirs).await?;
            let ours = Handshake { peer_id: self.config.peer_id, ..engines.plain() };
            self.in_time("our handshake sent", greeting::send(&mut peer.writer, &ours)).await?;
            self.bridge(&registered, peer, engine).await
        };
        open.run_until_cancelled(connection).await.unwrap_or(Ok(()))
    }

    pub(crate) async fn outgoing(
        &self,
        infohash: Infohash,
        torrent: Torrent,
        address: SocketAddr,
        connected: &mut bool,
    ) -> Result<(), ConnectionError> {
        let encryption = self.config.encryption;
        let peer = match self.greet(infohash, address, encryption == Encryption::Rc4).await {
            // It may be a peer that takes no others than encrypted streams.
            Err(ConnectionError::Failed { what: PEERS_HANDSHAKE, .. })
                if encryption == Encryption::Both =>
            {
                self.greet(infohash, address, true).await?
            }
            greeted => greeted?,
        };
        expect(infohash, &peer.theirs)?;
        let registered =
            self.register(&peer, address, Transport::Tcp, Origin::Outgoing, torrent)?;
        let (engine, _) = self.engine(&peer.theirs).await?;
        *connected = true;
        self.bridge(&registered, peer, engine).await
    }

    /// Connects to a peer and shakes hands.
    async fn greet(
        &self,
        infohash: Infohash,
        address: SocketAddr,
        encrypted: bool,
    ) -> Result<Acquaintance<OwnedReadHalf, OwnedWriteHalf>, ConnectionError> {
        let stream = self.in_time("a connection to the peer", connect(address)).await?;
        let (reader, writer) = stream.into_split();
        let encryption = encrypted.then(|| (self.config.encryption, self.rng()));
        let ours = Handshake::new(infohash, self.config.peer_id);
        let greeting = async {
            let (mut reader, writer) = greeting::outgoing(reader, writer, encryption, ours).await?;
            let theirs = greeting::read(&mut reader).await?;
            Ok::<_, GreetingError>(Acquaintance { reader, writer, theirs })
        };
        self.in_time(PEERS_HANDSHAKE, greeting).await
    }

    fn register<R, W>(
        &self,
        peer: &Acquaintance<R, W>,
        address: SocketAddr,
        transport: Transport,
        origin: Origin,
        torrent: Torrent,
    ) -> Result<Registered<'_>, ConnectionError> {
        let Handshake { infohash, peer_id, .. } = peer.theirs;
        if peer_id == self.config.peer_id {
            return Err(ConnectionError::Ourselves);
        }
        let encrypted = peer.reader.is_encrypted();
        let info = PeerInfo { infohash, peer_id, address, origin, transport, encrypted };
        let session = Session::new(info, torrent, self.config.policy.clone());
        let now = tokio::time::Instant::now().into_std();
        self.registry.register(session, now).ok_or(ConnectionError::Connected(peer_id))
    }

    async fn bridge<R, W>(
        &self,
        registered: &Registered<'_>,
        peer: Acquaintance<R, W>,
        engine: TcpStream,
    ) -> Result<(), ConnectionError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Config { idle_timeout, peer_limit, limiter, .. } = &self.config;
        let own = peer_limit.map(Limiter::new);
        let limits = own.iter().chain(limiter.as_deref());
        let (peer, engine) = ((peer.reader, peer.writer), engine.into_split());
        Ok(bridge::run(&registered.session, peer, engine, limits, *idle_timeout).await?)
    }

    /// Comes to the engine as the peer that sent `theirs`.
    async fn engine(&self, theirs: &Handshake) -> Result<(TcpStream, Handshake), ConnectionError> {
        let upstream = &self.config.upstream;
        let connecting = async {
            let mut engine = self.in_time("a connection", connect_engine(upstream)).await?;
            let hello = theirs.plain();
            let sent = greeting::send(&mut engine, &hello);
            self.in_time("the peer's handshake sent", sent).await?;
            let engines = self.in_time("its handshake", greeting::read(&mut engine)).await?;
            expect(theirs.infohash, &engines)?;
            Ok((engine, engines))
        };
        connecting.await.map_err(|source| ConnectionError::Engine {
            upstream: upstream.clone(),
            source: Box::new(source),
        })
    }

    async fn in_time<T>(
        &self,
        what: &'static str,
        step: impl Future<Output = Result<T, impl Into<GreetingError>>>,
    ) -> Result<T, ConnectionError> {
        let after = self.config.handshake_timeout;
        timeout(after, step)
            .await
            .map_err(|_| ConnectionError::TimedOut { what, after })?
            .map_err(|source| ConnectionError::Failed { what, source: source.into() })
    }

    fn rng(&self) -> fastrand::Rng {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }
}

impl Stranger<OwnedReadHalf, OwnedWriteHalf> {
    pub(crate) fn tcp(stream: TcpStream, address: SocketAddr) -> Self {
        no_delay(&stream);
        let (reader, writer) = stream.into_split();
        Self { reader, writer, address, transport: Transport::Tcp }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    no_delay(&stream);
    Ok(stream)
}

/// Connects to the engine. On the loopback interface each connection comes from an address of its
/// own, since libtorrent and transmission take but one from each.
async fn connect_engine(upstream: &str) -> io::Result<TcpStream> {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host(upstream).await? {
        let connecting = async {
            let SocketAddr::V4(v4) = address else { return TcpStream::connect(address).await };
            if !v4.ip().is_loopback() {
                return TcpStream::connect(address).await;
            }
            let socket = TcpSocket::new_v4()?;
            let [high, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            socket.bind(([127, 1, high, low], 0).into())?;
            socket.connect(address).await
        };
        match connecting.await {
            Ok(stream) => {
                no_delay(&stream);
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
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

/// An engine that does not answer concerns whoever runs the server, and so does a peer that is
/// refused because of how it was configured; any other trouble of a peer is its own.
pub(crate) fn report(peer: SocketAddr, error: &ConnectionError) {
    let chain =
        std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let why = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match error {
        ConnectionError::Engine { .. } => warn!(%peer, "closed a connection: {why}"),
        ConnectionError::Failed { source, .. } if source.is_of_encryption() => {
            info!(%peer, "refused a peer: {why}");
        }
        _ => debug!(%peer, "closed a connection: {why}"),
    }
}
