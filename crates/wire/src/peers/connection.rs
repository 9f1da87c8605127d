//! One connection from its first byte to its last: handshakes with the peer, a connection to the
//! engine, and then the bridge between them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::{
    admission::{Admission, Admitted, Refused},
    registry::{Left, Registered, Registry},
};
use crate::{
    Config, Encryption, Handshake, Limiter, Torrent,
    greeting::{
        self, GreetingError,
        mse::{Reader, Writer},
    },
    policy::{
        CloseKind, ClosedBy, Event, IncomingPeer, Occasion, Origin, PeerInfo, Plan, Transport,
    },
    session::{Session, SessionError},
    transport::{
        self, Reset,
        bridge::{self, BridgeError},
        deliver::{self, Delivered},
    },
};

/// What a peer is to send first.
const PEERS_HANDSHAKE: &str = "the peer's handshake";

/// What all connections of a wire share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Ends all connections.
    pub(crate) closing: Shutdown,
    pub(crate) connections: TaskTracker,
    pub(crate) admission: Arc<Admission>,
    pub(crate) registry: Registry,
    /// For keys and pads, which need not be secret.
    pub(crate) rng: Mutex<fastrand::Rng>,
}

/// The stream of a peer that has not said who it is.
pub(crate) struct PeerStream<R, W> {
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
    Refused(#[from] Refused),
    #[error("closed by the policy")]
    Policy,
    #[error("made room for another connection")]
    Evicted,
    #[error("the torrent is no longer served")]
    Withdrawn,
    #[error("the wire shuts down")]
    Shutdown,
    #[error(transparent)]
    Bridge(#[from] BridgeError),
}

impl ConnectionError {
    /// Which side ended the connection.
    fn by(&self) -> ClosedBy {
        match self {
            Self::Failed { what: PEERS_HANDSHAKE, source: GreetingError::Io(_) } => ClosedBy::Peer,
            Self::Engine { .. } => ClosedBy::Engine,
            Self::Policy => ClosedBy::Policy,
            Self::Bridge(error) => error.by(),
            _ => ClosedBy::Wire,
        }
    }

    /// The error and its causes in one line.
    fn reason(&self) -> String {
        let causes =
            std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}

/// How a connection ended: the side that ended it in order, or an error.
type Outcome = Result<ClosedBy, ConnectionError>;

/// A peer whose handshake has come.
struct HandshakenPeer<R, W> {
    reader: Reader<R>,
    writer: Writer<W>,
    theirs: Handshake,
}

impl Shared {
    /// Serves a peer that came, from its first byte to its last.
    pub(crate) async fn incoming<R, W>(&self, stream: PeerStream<R, W>, admitted: Admitted)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Reset + Unpin,
    {
        let PeerStream { reader, writer, address, transport } = stream;
        let connection = admitted.number;
        let peer = IncomingPeer { connection, address, origin: Origin::Incoming, transport };
        self.tell(connection, Event::Connected(peer));
        let mut infohash = None;
        let outcome = self.meet((reader, writer), &peer, &admitted, &mut infohash).await;
        self.report(&peer, infohash, &outcome);
    }

    async fn meet<R, W>(
        &self,
        (reader, writer): (R, W),
        info: &IncomingPeer,
        admitted: &Admitted,
        infohash: &mut Option<Infohash>,
    ) -> Outcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Reset + Unpin,
    {
        let greeting = async {
            let ask = |occasion| self.config.policy.accept(occasion, info);
            let writer = self.deliver(writer, &[], ask).await?;
            let greeting = async {
                let served = || self.registry.served();
                let encryption = self.config.encryption;
                let (mut reader, writer) =
                    greeting::incoming(reader, writer, encryption, self.rng(), served).await?;
                let theirs = greeting::read(&mut reader).await?;
                Ok::<_, GreetingError>(HandshakenPeer { reader, writer, theirs })
            };
            self.in_time(PEERS_HANDSHAKE, greeting).await
        };
        let peer = self.unless_ended(admitted, None, greeting).await?;
        *infohash = Some(peer.theirs.infohash);
        let not_served = ConnectionError::NotServed(peer.theirs.infohash);
        let (open, torrent) = self.registry.open(peer.theirs.infohash).ok_or(not_served)?;
        let registered = self.register(&peer, info, admitted, torrent)?;
        let connection = async {
            let HandshakenPeer { reader, writer, theirs } = peer;
            let (engine, engines) = self.engine(&theirs).await?;
            let ours = Handshake { peer_id: self.config.peer_id, ..engines.plain() };
            let known = *lock(&registered.session).peer();
            let ask = |occasion| self.config.policy.handshake(occasion, &known, &ours);
            let writer = self.deliver(writer, &ours.to_bytes(), ask).await?;
            self.bridge(&registered, reader, writer, engine).await
        };
        let outcome = self.unless_ended(admitted, Some(&open), connection).await;
        registered.leave(left(&outcome));
        outcome
    }

    /// Dials a peer and serves it to its last byte. Sets `connected` once it is bridged.
    pub(crate) async fn outgoing(
        &self,
        infohash: Infohash,
        (open, torrent): (Shutdown, Torrent),
        address: SocketAddr,
        admitted: Admitted,
        connected: &mut bool,
    ) {
        let (connection, transport) = (admitted.number, Transport::Tcp);
        let peer = IncomingPeer { connection, address, origin: Origin::Outgoing, transport };
        self.tell(connection, Event::Connected(peer));
        let outcome = self.reach(infohash, (&open, torrent), &peer, &admitted, connected).await;
        self.report(&peer, Some(infohash), &outcome);
    }

    async fn reach(
        &self,
        infohash: Infohash,
        (open, torrent): (&Shutdown, Torrent),
        info: &IncomingPeer,
        admitted: &Admitted,
        connected: &mut bool,
    ) -> Outcome {
        let encryption = self.config.encryption;
        let greeting = async {
            match self.greet(infohash, info, encryption == Encryption::Rc4).await {
                // It may be a peer that takes no others than encrypted streams.
                Err(ConnectionError::Failed { what: PEERS_HANDSHAKE, .. })
                    if encryption == Encryption::Both =>
                {
                    self.greet(infohash, info, true).await
                }
                greeted => greeted,
            }
        };
        let peer = self.unless_ended(admitted, Some(open), greeting).await?;
        expect(infohash, &peer.theirs)?;
        let registered = self.register(&peer, info, admitted, torrent)?;
        let connection = async {
            let HandshakenPeer { reader, writer, theirs } = peer;
            let known = *lock(&registered.session).peer();
            let ours = Handshake::new(infohash, self.config.peer_id);
            let ask = |occasion| self.config.policy.handshake(occasion, &known, &ours);
            let writer = self.deliver(writer, &[], ask).await?;
            let (engine, _) = self.engine(&theirs).await?;
            *connected = true;
            self.bridge(&registered, reader, writer, engine).await
        };
        let outcome = self.unless_ended(admitted, Some(open), connection).await;
        registered.leave(left(&outcome));
        outcome
    }

    /// Connects to a peer and shakes hands.
    async fn greet(
        &self,
        infohash: Infohash,
        info: &IncomingPeer,
        encrypted: bool,
    ) -> Result<HandshakenPeer<OwnedReadHalf, OwnedWriteHalf>, ConnectionError> {
        let connecting = transport::connect(info.address);
        let stream = self.in_time("a connection to the peer", connecting).await?;
        let (reader, writer) = stream.into_split();
        let ask = |occasion| self.config.policy.accept(occasion, info);
        let writer = self.deliver(writer, &[], ask).await?;
        let encryption = encrypted.then(|| (self.config.encryption, self.rng()));
        let ours = Handshake::new(infohash, self.config.peer_id);
        let greeting = async {
            let (mut reader, writer) = greeting::outgoing(reader, writer, encryption, ours).await?;
            let theirs = greeting::read(&mut reader).await?;
            Ok::<_, GreetingError>(HandshakenPeer { reader, writer, theirs })
        };
        self.in_time(PEERS_HANDSHAKE, greeting).await
    }

    fn register<R, W>(
        &self,
        peer: &HandshakenPeer<R, W>,
        from: &IncomingPeer,
        admitted: &Admitted,
        torrent: Torrent,
    ) -> Result<Registered<'_>, ConnectionError> {
        let Handshake { infohash, peer_id, .. } = peer.theirs;
        if peer_id == self.config.peer_id {
            return Err(ConnectionError::Ourselves);
        }
        let IncomingPeer { connection, address, origin, transport } = *from;
        let encrypted = peer.reader.is_encrypted();
        let info =
            PeerInfo { connection, infohash, peer_id, address, origin, transport, encrypted };
        let Config { policy, observer, .. } = &self.config;
        let now = Instant::now().into_std();
        let session =
            Session::new(now, info, torrent, Arc::clone(policy), observer.as_ref().map(Arc::clone));
        let registered =
            self.registry.register(session, now).ok_or(ConnectionError::Connected(peer_id))?;
        admitted.establish(now, infohash, Arc::clone(&registered.session))?;
        self.tell(connection, Event::Handshake(info));
        Ok(registered)
    }

    async fn bridge<R, W>(
        &self,
        registered: &Registered<'_>,
        reader: Reader<R>,
        writer: Writer<W>,
        engine: TcpStream,
    ) -> Outcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Reset + Unpin,
    {
        let Config { idle_timeout, peer_limit, limiter, policy, .. } = &self.config;
        let own = peer_limit.map(Limiter::new);
        let limits = own.iter().chain(limiter.as_deref());
        let peer = (reader, writer);
        let (session, changes) = (&registered.session, policy.changes());
        Ok(bridge::run(session, changes, peer, engine.into_split(), limits, *idle_timeout).await?)
    }

    /// Sends `original` as the policy wants it.
    async fn deliver<W: AsyncWrite + Reset + Unpin>(
        &self,
        mut writer: W,
        original: &[u8],
        ask: impl Fn(Occasion) -> Plan,
    ) -> Result<W, ConnectionError> {
        let Config { policy, handshake_timeout, .. } = &self.config;
        let what = "our handshake sent";
        let failed = |source| ConnectionError::Failed { what, source: GreetingError::Io(source) };
        match deliver::run(&**policy, &mut writer, original, ask, *handshake_timeout).await {
            Ok(Delivered::Whole) => Ok(writer),
            Ok(Delivered::Close(CloseKind::Fin)) => {
                // The connection ends in any case.
                let _gone = writer.shutdown().await;
                Err(ConnectionError::Policy)
            }
            Ok(Delivered::Close(CloseKind::Reset)) => {
                writer.reset();
                Err(ConnectionError::Policy)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Comes to the engine as the peer that sent `theirs`.
    async fn engine(&self, theirs: &Handshake) -> Result<(TcpStream, Handshake), ConnectionError> {
        let upstream = &self.config.upstream;
        let connecting = async {
            let connecting = transport::connect_engine(upstream);
            let mut engine = self.in_time("a connection", connecting).await?;
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

    /// Runs a step unless the wire shuts down, the torrent is withdrawn, or the connection has to
    /// make room for another.
    async fn unless_ended<T>(
        &self,
        admitted: &Admitted,
        open: Option<&Shutdown>,
        step: impl Future<Output = Result<T, ConnectionError>>,
    ) -> Result<T, ConnectionError> {
        let withdrawn = async {
            match open {
                Some(open) => open.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Err(ConnectionError::Shutdown),
            () = withdrawn => Err(ConnectionError::Withdrawn),
            () = admitted.evicted.cancelled() => Err(ConnectionError::Evicted),
            outcome = step => outcome,
        }
    }

    fn rng(&self) -> fastrand::Rng {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    fn tell(&self, connection: u64, event: Event) {
        if let Some(observer) = &self.config.observer {
            observer.event(Instant::now().into_std(), connection, event);
        }
    }

    /// Logs the end of a connection.
    ///
    /// An engine that does not answer concerns whoever runs the server, and so does a peer that is
    /// refused because of how it was configured; any other trouble of a peer is its own.
    fn report(&self, from: &IncomingPeer, infohash: Option<Infohash>, outcome: &Outcome) {
        let Left { by, reason, .. } = left(outcome);
        let (peer, origin) = (from.address, from.origin.name());
        let infohash = infohash.map(tracing::field::display);
        let ended_by = by.name();
        match outcome {
            Err(ConnectionError::Engine { .. }) => {
                warn!(%peer, infohash, origin, by = ended_by, reason, "closed a connection");
            }
            Err(ConnectionError::Failed { source, .. }) if source.is_of_encryption() => {
                info!(%peer, infohash, origin, by = ended_by, reason, "refused a peer");
            }
            // The peer can do something about it.
            Err(ConnectionError::Bridge(BridgeError::Session(SessionError::Breach(_), _))) => {
                info!(%peer, infohash, origin, by = ended_by, reason, "closed a connection");
            }
            _ => debug!(%peer, infohash, origin, by = ended_by, reason, "closed a connection"),
        }
        self.tell(from.connection, Event::Closed { by, reason });
    }
}

fn left(outcome: &Outcome) -> Left {
    let (by, reason) = match outcome {
        Ok(by) => (*by, format!("closed by the {}", by.name())),
        Err(error) => (error.by(), error.reason()),
    };
    Left { at: Instant::now().into_std(), by, reason }
}

impl PeerStream<OwnedReadHalf, OwnedWriteHalf> {
    pub(crate) fn tcp(stream: TcpStream, address: SocketAddr) -> Self {
        transport::no_delay(&stream);
        let (reader, writer) = stream.into_split();
        Self { reader, writer, address, transport: Transport::Tcp }
    }
}

fn expect(wanted: Infohash, handshake: &Handshake) -> Result<(), ConnectionError> {
    match handshake.infohash {
        came if came == wanted => Ok(()),
        came => Err(ConnectionError::OtherTorrent { wanted, came }),
    }
}

fn lock(session: &Mutex<Session>) -> std::sync::MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}
