//! Pumps the bytes of two transports through a [`Session`]. A transport is anything that reads
//! and writes.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
    time::timeout,
};

use crate::{
    Limiter,
    frame::FrameTooLong,
    limiter,
    policy::Direction,
    session::{Output, Session},
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
    /// A side sent what is no frame.
    #[error(transparent)]
    Frame(#[from] FrameTooLong),
    /// A connection broke.
    #[error("connection broke")]
    Io(#[from] io::Error),
    /// The peer was silent; a living one sends a keep-alive every two minutes (BEP 3).
    #[error("wanted a frame or a keep-alive from the peer, got nothing for {0:?}")]
    Idle(Duration),
}

/// Bridges a peer and the engine, both past their handshakes, until both directions have ended.
///
/// The end of one is passed on, and the other then has two seconds to end as well.
///
/// # Errors
/// The bridge broke off, or the peer said nothing for `idle`.
pub(crate) async fn run(
    session: &Mutex<Session>,
    (peer_reader, peer_writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (engine_reader, engine_writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    limits: impl Iterator<Item = &Limiter> + Clone,
    idle: Duration,
) -> Result<(), BridgeError> {
    let pump = Pump { session, inserts: &Inserts::default() };
    let unlimited = std::iter::empty();
    let to_engine = pump.run(Direction::ToEngine, peer_reader, engine_writer, unlimited, idle);
    // The engine is trusted to end a connection that it has no more use for.
    let to_peer = pump.run(Direction::ToPeer, engine_reader, peer_writer, limits, Duration::MAX);
    tokio::pin!(to_engine, to_peer);
    let _gave_up = tokio::select! {
        ended = &mut to_engine => { ended?; timeout(LINGER, to_peer).await }
        ended = &mut to_peer => { ended?; timeout(LINGER, to_engine).await }
    };
    Ok(())
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
}

impl Pump<'_> {
    async fn run(
        self,
        direction: Direction,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        limits: impl Iterator<Item = &Limiter> + Clone,
        idle: Duration,
    ) -> Result<(), BridgeError> {
        let mut buffer = match direction {
            Direction::ToEngine => vec![0; TO_ENGINE_BUFFER],
            Direction::ToPeer => vec![0; TO_PEER_BUFFER],
        };
        let (mut filled, mut output) = (0, Vec::new());
        loop {
            tokio::select! {
                read = timeout(idle, from.read(&mut buffer[filled..])) => {
                    match read.map_err(|_| BridgeError::Idle(idle))?? {
                        0 => break,
                        read => filled += read,
                    }
                }
                () = self.inserts.of(direction).notified() => {}
            }
            let taken = self.advance(direction, &buffer[..filled], &mut output)?;
            for output in output.drain(..) {
                let bytes = match &output {
                    Output::Copy(run) => &buffer[run.clone()],
                    Output::Insert(bytes) => bytes,
                };
                limiter::write_all(&mut to, bytes, limits.clone()).await?;
            }
            to.flush().await?;
            buffer.copy_within(taken..filled, 0);
            filled -= taken;
        }
        Ok(to.shutdown().await?)
    }

    fn advance(
        self,
        direction: Direction,
        input: &[u8],
        output: &mut Vec<Output>,
    ) -> Result<usize, FrameTooLong> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = session.advance(direction, input, output)?;
        // The other direction may be waiting for input. If it is in a frame, it sees it at its end.
        let other = direction.other();
        if session.has_insert(other) {
            self.inserts.of(other).notify_one();
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use seedbed_metainfo::PieceLength;
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::{Layout, Shield, Torrent};

    const IDLE: Duration = Duration::from_secs(300);
    const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];
    const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];

    fn bridge() -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<Result<(), BridgeError>>) {
        bridge_with(None)
    }

    fn bridge_with(
        limit: Option<Limiter>,
    ) -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<Result<(), BridgeError>>) {
        let piece_length = PieceLength::new(32 << 10).unwrap();
        let torrent = Torrent::whole(Layout { piece_length, length: 1 << 20 });
        let session = Mutex::new(Session::example(torrent, Shield));
        let ((peer, inner_peer), (engine, inner_engine)) = (duplex(1 << 10), duplex(1 << 10));
        let (inner_peer, inner_engine) =
            (tokio::io::split(inner_peer), tokio::io::split(inner_engine));
        let task = tokio::spawn(async move {
            run(&session, inner_peer, inner_engine, limit.iter(), IDLE).await
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
    async fn what_is_no_frame_ends_the_bridge() {
        let (mut peer, _engine, task) = bridge();
        peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(task.await.unwrap(), Err(BridgeError::Frame(_))));
    }
}
