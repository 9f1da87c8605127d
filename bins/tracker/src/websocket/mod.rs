//! The tracker over WebSocket, as WebTorrent speaks it.
//!
//! Nobody can dial a peer behind a WebSocket, so the tracker does not list it to other kinds of peers.
//! Its announce carries offers. The tracker forwards each offer to another such peer of the swarm, and
//! the answer back.

mod hub;
mod message;
mod session;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use seedbed_service::Shutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

#[cfg(test)]
pub(crate) use self::session::Reaction;
pub(crate) use self::{hub::Hub, session::Session};
use crate::clock::Clock;

/// The longest message that the tracker reads. Ten offers with all their candidates take some 30 KB.
const MAX_MESSAGE: usize = 256 << 10;

/// How often the tracker pings a connection. It closes one that sent nothing since the previous ping.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long a client may take to accept a message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn config() -> WebSocketConfig {
    const BUFFER: usize = 4 << 10;
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
}

/// Serves a connection until it or the tracker ends.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: WebSocketStream<S>,
    mut session: Session,
    clock: Clock,
    shutdown: &Shutdown,
) {
    let close = match shutdown.run_until_cancelled(converse(&mut stream, &mut session, clock)).await
    {
        None => Some(CloseFrame { code: CloseCode::Away, reason: "shutting down".into() }),
        Some(Err(Error::Capacity(error))) => {
            Some(CloseFrame { code: CloseCode::Size, reason: error.to_string().into() })
        }
        Some(_) => None,
    };
    // The peers behind the connection leave their swarms before the client sees that it is closed.
    drop(session);
    let _closed_or_broken = timeout(WRITE_TIMEOUT, stream.close(close)).await;
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    session: &mut Session,
    clock: Clock,
) -> Result<(), Error> {
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    loop {
        let message = tokio::select! {
            message = stream.next() => {
                heard = true;
                let mut reaction = match message.transpose()? {
                    Some(Message::Text(text)) => session.receive(text.as_bytes(), clock.now()),
                    Some(Message::Binary(bytes)) => session.receive(&bytes, clock.now()),
                    // The next read answers Ping and Close.
                    Some(_) => continue,
                    None => return Ok(()),
                };
                if !reaction.delay.is_zero() {
                    // Only this connection waits.
                    sleep(reaction.delay).await;
                }
                session.forward(&mut reaction);
                let Some(reply) = reaction.reply else { continue };
                Message::text(reply)
            }
            Some(message) = session.inbox.receive() => Message::text(message),
            _ = ping.tick() => {
                if !std::mem::take(&mut heard) {
                    return Ok(());
                }
                Message::Ping(Default::default())
            }
        };
        timeout(WRITE_TIMEOUT, stream.send(message)).await.map_err(std::io::Error::from)??;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::duplex;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::{Config, engine::Engine};

    /// Serves a connection in the background. Returns the client's end and the time until the tracker
    /// closes it.
    fn connect() -> (tokio::io::DuplexStream, impl Future<Output = Duration>) {
        let (client, server) = duplex(1 << 10);
        let engine = Arc::new(Engine::new(&Config::default(), 7));
        let session = Session::new(engine, Arc::default(), [127, 0, 0, 1].into(), 74);
        let began = Instant::now();
        let served = tokio::spawn(async move {
            let stream = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
            serve(stream, session, Clock::start(), &Shutdown::new()).await;
        });
        (client, async move {
            served.await.expect("it does not panic");
            began.elapsed()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_answer_a_ping_is_closed() {
        let (_silent, served) = connect();
        assert_eq!(served.await, 2 * PING_INTERVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_answers_pings_is_kept() {
        let (client, served) = connect();
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        // Reading answers them.
        let mut pings = 0;
        while pings < 100 {
            let message = client.next().await.expect("it is open").expect("it works");
            assert!(matches!(message, Message::Ping(_)), "{message:?}");
            pings += 1;
        }
        drop(client);
        assert_eq!(served.await, 100 * PING_INTERVAL);
    }
}
