//! The tracker over UDP (BEP 15).

mod batch;
mod connection_id;
mod responder;

use std::{net::UdpSocket, time::Duration};

use anyhow::Context as _;
use seedbed_service::Shutdown;

use self::batch::{Received, Replies};
pub(crate) use self::responder::Responder;
use crate::clock::Clock;

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
        let mut received = Received::new();
        let mut replies = Replies::default();
        loop {
            if let Err(error) = received.receive(&socket).await {
                tracing::warn!(%error, "failed to receive datagrams");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let now = clock.now();
            for (datagram, client) in received.iter() {
                replies.add(client, |reply| responder.respond(datagram, client.ip(), now, reply));
            }
            replies.send(&socket).await;
        }
    };
    shutdown.run_until_cancelled(answering).await;
    Ok(())
}
