//! Pumps the bytes of two transports through a [`Session`]. A transport is anything that reads
//! and writes.
//!
//! Each direction has a read buffer of fixed size, and writes what the session gives it before it
//! reads on: a side that does not read holds up the other, and nothing grows meanwhile.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{Reset, limiter};
use crate::{
    Limiter,
    policy::{Changes, CloseKind, ClosedBy, Direction},
    session::{Output, Session, SessionError},
};

/// Read buffer towards the engine: requests are 17 bytes each.
const TO_ENGINE_BUFFER: usize = 16 << 10;

/// Read buffer towards the peer: eight blocks, which go on in one write.
const TO_PEER_BUFFER: usize = 128 << 10;

/// How long one direction may go on after the other has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Why a bridge broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BridgeError {
    /// A side sent what is no frame, or the peer broke the protocol.
    #[error("the {} broke the protocol", .1.name())]
    Session(#[source] SessionError, ClosedBy),
    /// A connection broke.
    #[error("the connection to the {} broke", .1.name())]
    Io(#[source] io::Error, ClosedBy),
    /// The peer was silent; a living one sends a keep-alive every two minutes (BEP 3).
    #[error("wanted a frame or a keep-alive from the peer, got nothing for {0:?}")]
    Idle(Duration),
    /// The peer does not read what it asked for.
    #[error("wanted the peer to read, but it took nothing for {0:?}")]
    NotReading(Duration),
}

impl BridgeError {
    /// Which side ended the connection.
    pub(crate) const fn by(&self) -> ClosedBy {
        match self {
            Self::Io(_, by) => *by,
            Self::Session(..) | Self::Idle(_) | Self::NotReading(_) => ClosedBy::Wire,
        }
    }
}

/// How one direction ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its source has ended, and all it said was passed on.
    Source,
    /// The policy wants the connection closed.
    Policy(CloseKind),
}

/// Bridges a peer and the engine, both past their handshakes, until both directions have ended, and
/// returns which side ended it.
///
/// The end of one is passed on, and the other then has two seconds to end as well.
///
/// # Errors
/// The bridge broke off, or the peer said nothing for `idle`.
pub(crate) async fn run<W: AsyncWrite + Reset + Unpin>(
    session: &Mutex<Session>,
    changes: Option<&Changes>,
    (peer_reader, mut peer_writer): (impl AsyncRead + Unpin, W),
    (engine_reader, mut engine_writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    limits: impl Iterator<Item = &Limiter> + Clone,
    idle: Duration,
) -> Result<ClosedBy, BridgeError> {
    let pump = Pump { session, inserts: &Inserts::default(), changes, idle };
    let unlimited = std::iter::empty();
    let to_engine = pump.run(Direction::ToEngine, peer_reader, &mut engine_writer, unlimited);
    let to_peer = pump.run(Direction::ToPeer, engine_reader, &mut peer_writer, limits);
    let (end, by) = {
        tokio::pin!(to_engine, to_peer);
        tokio::select! {
            end = &mut to_engine => match end? {
                End::Source => {
                    let other = timeout(LINGER, to_peer).await;
                    (other.unwrap_or(Ok(End::Source))?, ClosedBy::Peer)
                }
                end => (end, ClosedBy::Peer),
            },
            end = &mut to_peer => match end? {
                End::Source => {
                    let other = timeout(LINGER, to_engine).await;
                    (other.unwrap_or(Ok(End::Source))?, ClosedBy::Engine)
                }
                end => (end, ClosedBy::Engine),
            },
        }
    };
    match end {
        End::Source => Ok(by),
        End::Policy(CloseKind::Fin) => Ok(ClosedBy::Policy),
        End::Policy(CloseKind::Reset) => {
            peer_writer.reset();
            Ok(ClosedBy::Policy)
        }
    }
}

/// Tells each direction that the session has something to say in it.
#[derive(Default)]
struct Inserts {
    to_engine: Notify,
    to_peer: Notify,
}

impl Inserts {
    const fn of(&self, direction: Direction) -> &Notify {
        match direction {
            Direction::ToEngine => &self.to_engine,
            Direction::ToPeer => &self.to_peer,
        }
    }
}

/// What the two directions share.
#[derive(Clone, Copy)]
struct Pump<'a> {
    session: &'a Mutex<Session>,
    inserts: &'a Inserts,
    changes: Option<&'a Changes>,
    idle: Duration,
}

impl Pump<'_> {
    async fn run(
        self,
        direction: Direction,
        mut from: impl AsyncRead + Unpin,
        to: &mut (impl AsyncWrite + Unpin),
        limits: impl Iterator<Item = &Limiter> + Clone,
    ) -> Result<End, BridgeError> {
        let (source, sink) = match direction {
            Direction::ToEngine => (ClosedBy::Peer, ClosedBy::Engine),
            Direction::ToPeer => (ClosedBy::Engine, ClosedBy::Peer),
        };
        let mut buffer = match direction {
            Direction::ToEngine => vec![0; TO_ENGINE_BUFFER],
            Direction::ToPeer => vec![0; TO_PEER_BUFFER],
        };
        // The engine is trusted to end a connection that it has no more use for.
        let idle = (direction == Direction::ToEngine).then_some(self.idle);
        let mut changes = self.changes.map(Changes::subscribe);
        let (mut filled, mut output, mut ended) = (0, Vec::new(), None);
        loop {
            let state = self
                .advance(direction, &buffer[..filled], &mut output)
                .map_err(|error| BridgeError::Session(error, source))?;
            for output in output.drain(..) {
                let bytes = match &output {
                    Output::Copy(run) => &buffer[run.clone()],
                    Output::Insert(bytes) => bytes,
                    Output::Close(how) => {
                        to.flush().await.map_err(|error| BridgeError::Io(error, sink))?;
                        if *how == CloseKind::Fin {
                            // The connection ends in any case.
                            let _gone = to.shutdown().await;
                        }
                        return Ok(End::Policy(*how));
                    }
                };
                match limiter::write_all(to, bytes, limits.clone(), self.idle).await {
                    Err(error)
                        if error.kind() == io::ErrorKind::TimedOut && sink == ClosedBy::Peer =>
                    {
                        return Err(BridgeError::NotReading(self.idle));
                    }
                    written => written.map_err(|error| BridgeError::Io(error, sink))?,
                }
            }
            to.flush().await.map_err(|error| BridgeError::Io(error, sink))?;
            buffer.copy_within(state.taken..filled, 0);
            filled -= state.taken;
            // A frame that still waits for the policy gets as long as the other direction.
            if ended.is_some_and(|ended: Instant| !state.waits || ended.elapsed() >= LINGER) {
                break;
            }
            let deadline = ended.map(|ended| ended + LINGER);
            tokio::select! {
                read = read(&mut from, &mut buffer[filled..], idle),
                    if ended.is_none() && filled < buffer.len() =>
                {
                    match read.map_err(|error| BridgeError::Io(error, source))? {
                        None => return Err(BridgeError::Idle(self.idle)),
                        Some(0) => ended = Some(Instant::now()),
                        Some(read) => filled += read,
                    }
                }
                () = self.inserts.of(direction).notified() => {}
                () = at(state.timeout) => {}
                () = at(deadline) => {}
                () = changed(&mut changes) => {}
            }
        }
        to.shutdown().await.map_err(|error| BridgeError::Io(error, sink))?;
        Ok(End::Source)
    }

    fn advance(
        self,
        direction: Direction,
        input: &[u8],
        output: &mut Vec<Output>,
    ) -> Result<Advanced, SessionError> {
        let mut session = lock(self.session);
        let taken = session.advance(Instant::now().into_std(), direction, input, output)?;
        // The other direction may be waiting for input. If it is in a frame, it sees it at its end.
        let other = direction.other();
        if session.has_insert(other) {
            self.inserts.of(other).notify_one();
        }
        let timeout = session.next_timeout(direction).map(Instant::from_std);
        Ok(Advanced { taken, timeout, waits: session.waits(direction) })
    }
}

/// Where a direction stands.
struct Advanced {
    taken: usize,
    timeout: Option<Instant>,
    waits: bool,
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads into `buffer`; `None` if nothing came in time.
async fn read(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    idle: Option<Duration>,
) -> io::Result<Option<usize>> {
    match idle {
        None => from.read(buffer).await.map(Some),
        Some(idle) => timeout(idle, from.read(buffer)).await.ok().transpose(),
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn changed(changes: &mut Option<watch::Receiver<u64>>) {
    // The policy is borrowed, so it cannot be gone.
    match changes {
        Some(changes) => drop(changes.changed().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use seedbed_metainfo::PieceLength;
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::{Layout, PassAll, Torrent};

    const IDLE: Duration = Duration::from_secs(300);
    const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];
    const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];

    fn bridge()
    -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<Result<ClosedBy, BridgeError>>) {
        bridge_with(None)
    }

    fn bridge_with(
        limit: Option<Limiter>,
    ) -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<Result<ClosedBy, BridgeError>>) {
        let piece_length = PieceLength::new(32 << 10).unwrap();
        let torrent = Torrent::whole(Layout { piece_length, length: 1 << 20 });
        let session = Mutex::new(Session::example(torrent, std::sync::Arc::new(PassAll)));
        let ((peer, inner_peer), (engine, inner_engine)) = (duplex(1 << 10), duplex(1 << 10));
        let (inner_peer, inner_engine) =
            (tokio::io::split(inner_peer), tokio::io::split(inner_engine));
        let task = tokio::spawn(async move {
            run(&session, None, inner_peer, inner_engine, limit.iter(), IDLE).await
        });
        (peer, engine, task)
    }

    async fn expect(stream: &mut DuplexStream, wanted: &[u8]) {
        let mut bytes = vec![0; wanted.len()];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, wanted);
    }

    #[tokio::test]
    async fn interested_releases_the_held_unchoke_though_the_engine_is_silent() {
        let (mut peer, mut engine, _task) = bridge();
        let have = [0, 0, 0, 5, 4, 0, 0, 0, 9];
        engine.write_all(&[UNCHOKE, &have].concat()).await.unwrap();
        expect(&mut peer, &have).await;
        peer.write_all(INTERESTED).await.unwrap();
        expect(&mut engine, INTERESTED).await;
        expect(&mut peer, UNCHOKE).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_a_keep_alive_every_two_minutes_is_kept_and_a_silent_one_is_closed() {
        let (mut peer, mut engine, task) = bridge();
        for _ in 0..5 {
            tokio::time::advance(Duration::from_secs(120)).await;
            peer.write_all(&[0; 4]).await.unwrap();
            expect(&mut engine, &[0; 4]).await;
        }
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, BridgeError::Idle(IDLE)), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_closed() {
        let (mut peer, mut engine, task) = bridge();
        let have = [0, 0, 0, 5, 4, 0, 0, 0, 9];
        let flood =
            tokio::spawn(
                async move { while engine.write_all(&have.repeat(1000)).await.is_ok() {} },
            );
        for _ in 0..2 {
            tokio::time::advance(Duration::from_secs(120)).await;
            peer.write_all(&[0; 4]).await.unwrap();
        }
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, BridgeError::NotReading(IDLE)), "{error}");
        flood.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_for_all_frames_to_the_peer_and_for_none_to_the_engine() {
        let limit = Limiter::new(NonZeroU64::new(1000).unwrap());
        let (mut peer, mut engine, _task) = bridge_with(Some(limit));
        let start = tokio::time::Instant::now();
        let (have, count) = ([0, 0, 0, 5, 4, 0, 0, 0, 9], 1000);
        let frames = have.repeat(count);
        let (sent, ()) = tokio::join!(peer.write_all(&frames), expect(&mut engine, &frames));
        sent.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        let (sent, ()) = tokio::join!(engine.write_all(&frames), expect(&mut peer, &frames));
        sent.unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert!((8.9..9.1).contains(&seconds), "9,000 bytes took {seconds} s");
    }

    #[tokio::test]
    async fn a_peer_that_has_closed_its_half_still_gets_what_it_asked_for() {
        let (mut peer, mut engine, task) = bridge();
        peer.write_all(INTERESTED).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut heard = Vec::new();
        engine.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, INTERESTED);
        engine.write_all(UNCHOKE).await.unwrap();
        drop(engine);
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, UNCHOKE);
        task.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_side_ends_the_other_which_will_not() {
        let (mut peer, engine, task) = bridge();
        drop(engine);
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn bytes_that_are_no_frame_end_the_bridge() {
        let (mut peer, _engine, task) = bridge();
        peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(
            task.await.unwrap(),
            Err(BridgeError::Session(SessionError::Frame(_), ClosedBy::Peer))
        ));
    }
}
