//! Puts the routes together and serves them.

use std::{net::TcpListener, sync::Arc};

use anyhow::Context as _;
use seedbed_http::Server;
use seedbed_service::Shutdown;

use crate::{Config, app::App, routes};

/// Serves the files below the configured root until `shutdown`.
///
/// # Errors
/// The listener cannot be used, or a thread cannot be started.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    let address = listener.local_addr().context("failed to read the bound address")?;
    let tls = config.tls.clone();
    let app = Arc::new(App::new(config, address));
    let every_request = routes::EveryRequest::new(Arc::clone(&app));
    let service = seedbed_http::App::layered(routes::service(app), every_request);
    Server::new("range", service)
        .tls(tls)
        .serve(listener, shutdown)
        .await
        .context("failed to serve")
}
