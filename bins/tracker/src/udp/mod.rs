//! The tracker over UDP (BEP 15).

mod connection_id;
mod responder;

use std::{net::UdpSocket, time::Duration};

use anyhow::Context as _;
use seedbed_service::Shutdown;

pub(crate) use self::responder::Responder;
use crate::clock::Clock;

/// Longest datagram that is read whole: a scrape of 74 torrents takes 1,496 bytes.
const LONGEST: usize = 2048;

/// How long to wait after the socket failed, so that a lasting failure does not burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on `socket` until `shutdown`, one datagram after the other in the order in which they
/// come.
///
/// # Errors
/// The socket cannot be handed to the runtime.
pub(crate) async fn serve(
    socket: UdpSocket,
    responder: Responder,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let socket =
        tokio::net::UdpSocket::from_std(socket).context("failed to register the UDP socket")?;
    let answering = async {
        let mut datagram = vec![0; LONGEST];
        let mut reply = Vec::with_capacity(LONGEST);
        loop {
            let (length, client) = match socket.recv_from(&mut datagram).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(%error, "failed to receive a datagram");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            reply.clear();
            responder.respond(&datagram[..length], client.ip(), clock.now(), &mut reply);
            if !reply.is_empty()
                && let Err(error) = socket.send_to(&reply, client).await
            {
                tracing::debug!(%client, %error, "failed to send a reply");
            }
        }
    };
    shutdown.run_until_cancelled(answering).await;
    Ok(())
}
