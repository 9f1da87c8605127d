//! Streams a file of a torrent over HTTP while it is downloaded: `GET /api/stream/{torrent}`.
//!
//! An example of the programs that seedbed tests; it knows nothing of seedbed.

mod error;
mod library;
mod range;
mod stream;

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use reqwest::Url;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{library::Library, stream::App};

/// How long open streams may continue after SIGTERM or Ctrl-C.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Streams a file of a torrent over HTTP while it is downloaded
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "STREAM_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Tracker to ask for peers of every torrent; repeat it, or separate several by commas
    #[arg(long, env = "STREAM_TRACKER", value_name = "URL", value_delimiter = ',')]
    tracker: Vec<Url>,

    /// How long a request may wait for data from peers
    #[arg(
        long,
        env = "STREAM_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    timeout: u64,

    /// Directory for downloads; the app makes a directory in it and removes that when it ends
    #[arg(long, env = "STREAM_DOWNLOAD_DIR", value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    download_dir: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Exit with 0 if the server at STREAM_LISTEN is healthy: images may have no other HTTP client
    Healthcheck,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let cli = Cli::parse();
    if let Some(Command::Healthcheck) = cli.command {
        return healthcheck(cli.listen).await;
    }
    let downloads = tempfile::Builder::new()
        .prefix("streaming-app-")
        .tempdir_in(&cli.download_dir)
        .with_context(|| format!("failed to make a directory in {:?}", cli.download_dir))?;
    let listener = TcpListener::bind(cli.listen)
        .await
        .with_context(|| format!("failed to listen on {}", cli.listen))?;
    let library = Library::open(downloads.path().to_owned(), cli.tracker).await?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let signalled = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        signalled.cancel();
    });

    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}\nready", listener.local_addr()?)?;
    stdout.flush()?;

    let app = App { library: library.clone(), data_timeout: Duration::from_secs(cli.timeout) };
    let server = axum::serve(listener, stream::router(app))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        ended = server => ended?,
        // A stream to a paused player would never end.
        () = async { shutdown.cancelled().await; sleep(SHUTDOWN_GRACE).await } => {}
    }
    library.close().await;
    downloads.close().context("failed to remove the downloads")
}

async fn healthcheck(mut address: SocketAddr) -> anyhow::Result<()> {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let client = reqwest::Client::builder().no_proxy().build()?;
    client.get(format!("http://{address}/health")).send().await?.error_for_status()?;
    Ok(())
}
