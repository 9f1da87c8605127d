//! Accepting connections until shutdown.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Shutdown, shutdown::GRACE};

/// How long to wait when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs `connection` for each connection to `listener` until `shutdown`, then lets those that are
/// open end within [`GRACE`] and drops the rest.
///
/// # Errors
/// The listener cannot be handed to the runtime.
pub async fn accept<F, Fut>(
    listener: TcpListener,
    shutdown: Shutdown,
    connection: F,
) -> anyhow::Result<()>
where
    F: Fn(TcpStream, SocketAddr) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener =
        tokio::net::TcpListener::from_std(listener).context("failed to register the listener")?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    // A response is written at once: nothing is gained by holding its end back.
                    let _the_peer_is_gone = stream.set_nodelay(true);
                    connections.spawn(connection(stream, remote));
                }
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    drop(listener);
    let _cut_off = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}
