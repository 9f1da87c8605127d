//! The tracker over UDP (BEP 15).

mod batch;
mod connection_id;
mod delayed;
mod responder;
mod thread;

use std::{net::UdpSocket, time::Duration};

use anyhow::Context as _;
use seedbed_service::Shutdown;
use tokio::time::{sleep, timeout};

pub(crate) use self::responder::Responder;
use self::{
    batch::{Received, Replies},
    delayed::Delayed,
};
use crate::clock::{Clock, Moment};

/// The pause after a failure of the socket, so that a lasting failure does not burn a core.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Answers on `socket` until `shutdown`, on a thread of its own.
///
/// # Errors
/// The thread cannot be started, or the socket cannot be registered with its runtime.
pub(crate) async fn serve_on_thread(
    socket: UdpSocket,
    responder: Responder,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    thread::run("tracker-udp", move || serve(socket, responder, clock, shutdown)).await
}

/// Answers on `socket` until `shutdown`, one datagram after the other in the order of arrival.
///
/// # Errors
/// The socket cannot be registered with the runtime.
async fn serve(
    socket: UdpSocket,
    responder: Responder,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let socket =
        tokio::net::UdpSocket::from_std(socket).context("failed to register the UDP socket")?;
    let answering = async {
        let mut received = Received::new();
        let mut answers = Answers::default();
        loop {
            let receive = received.receive(&socket);
            let result = match answers.delayed.next_due() {
                None => receive.await,
                // Nothing is received if a delayed reply is due first.
                Some(due) => timeout(due.since(clock.now()), receive).await.unwrap_or(Ok(())),
            };
            if let Err(error) = result {
                tracing::warn!(%error, "failed to receive datagrams");
                sleep(PAUSE_AFTER_FAILURE).await;
                continue;
            }
            answers.collect(&received, &responder, clock.now());
            answers.ready.send(&socket).await;
        }
    };
    shutdown.run_until_cancelled(answering).await;
    Ok(())
}

/// Replies that go out now, and those that go out later.
#[derive(Default)]
struct Answers {
    ready: Replies,
    delayed: Delayed,
}

impl Answers {
    /// Answers datagrams, and collects delayed replies that are due.
    fn collect(&mut self, received: &Received, responder: &Responder, now: Moment) {
        let Self { ready, delayed } = self;
        while let Some((client, bytes)) = delayed.pop(now) {
            ready.add(client, |reply| reply.extend_from_slice(&bytes));
        }
        for (datagram, client) in received.iter() {
            ready.add(client, |reply| {
                let start = reply.len();
                let delay = responder.respond(datagram, client.ip(), now, reply);
                if !delay.is_zero() {
                    delayed.add(now.after(delay), client, reply.split_off(start));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Config,
        engine::Engine,
        messages::RequestKind,
        policy::{Incoming, Outgoing, Policy},
    };

    /// Holds back the replies to everything but connects.
    #[derive(Debug)]
    struct Slow;

    impl Policy for Slow {
        fn apply(&self, incoming: Incoming<'_>, outgoing: &mut Outgoing, _now: Moment) {
            if incoming.request.kind() != RequestKind::Connect {
                outgoing.delivery.delay = Duration::from_millis(300);
            }
        }
    }

    #[tokio::test]
    async fn a_reply_that_is_held_back_holds_up_no_other_and_still_goes_out() {
        let engine = Arc::new(Engine::new(&Config::default(), 7).with_policy(Slow));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let tracker = socket.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let responder = Responder::new(engine, false, 7);
        let serving = serve(socket, responder, Clock::start(), shutdown.clone());

        let asking = async {
            let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            client.connect(tracker).await.unwrap();
            // A scrape with a wrong connection id, whose error is held back, and then a connect.
            let scrape = [&[9; 8][..], &[0, 0, 0, 2, 0, 0, 0, 1], &[7; 20]].concat();
            client.send(&scrape).await.unwrap();
            let connect = 0x0417_2710_1980_i64.to_be_bytes();
            client.send(&[&connect[..], &[0, 0, 0, 0, 0, 0, 0, 2]].concat()).await.unwrap();
            let mut reply = [0; 64];
            for (action, transaction) in [(0, 2), (3, 1)] {
                client.recv(&mut reply).await.unwrap();
                assert_eq!(reply[..8], [0, 0, 0, action, 0, 0, 0, transaction]);
            }
            shutdown.cancel();
        };
        let (served, ()) = tokio::join!(serving, asking);
        served.unwrap();
    }
}
