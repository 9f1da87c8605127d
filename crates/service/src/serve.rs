//! Serving an axum router until shutdown.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use axum::Router;

use crate::{Shutdown, shutdown::GRACE};

/// Serves `router` on `listener` until `shutdown`, then lets the requests under way end within
/// [`GRACE`] and drops the rest.
///
/// Handlers may extract `ConnectInfo<SocketAddr>`, the remote address.
///
/// # Errors
/// The listener cannot be handed to the runtime, or the runtime fails to accept on it.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> anyhow::Result<()> {
    let listener =
        tokio::net::TcpListener::from_std(listener).context("failed to register the listener")?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let graceful =
        axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        result = graceful => result.context("failed to serve"),
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}
