//! `seedbed fetch`: downloads a torrent with librqbit, a client that owes nothing to our wire, and
//! prints the SHA-256 of each file, so that anyone can check a bed without a client at hand.
//!
//! librqbit checks every piece against the metainfo; the sums are those of the files as they then
//! stand on the disk.

mod progress;
mod source;
mod sums;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use librqbit::{
    AddTorrentOptions, ListenerMode, ListenerOptions, ManagedTorrent, Session, SessionOptions,
};
use seedbed_service::{Shutdown, startup};
use tokio::time::Instant;

pub use self::source::Source;
use crate::fetch::progress::Progress;

/// How often to look how far the download has come: it has no event for that.
const LOOK: Duration = Duration::from_millis(20);

/// The flags of `seedbed fetch`.
#[derive(Args, Clone, Debug)]
pub struct FetchArgs {
    /// Magnet link, .torrent file, or http URL of one
    #[arg(value_name = "MAGNET|TORRENT")]
    pub source: Source,

    /// Directory to keep the files in; by default they are only summed, and then removed
    #[arg(long, env = "SEEDBED_FETCH_OUT", value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Peer to ask beside those that trackers list; repeat it, or separate several by commas
    #[arg(long, env = "SEEDBED_FETCH_PEER", value_name = "ADDR", value_delimiter = ',')]
    pub peer: Vec<SocketAddr>,

    /// Give up once so many seconds have brought no byte
    #[arg(long, env = "SEEDBED_FETCH_TIMEOUT", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: u32,
}

/// Downloads, verifies, and prints one line `sha256  path` for each file, as `sha256sum` does.
///
/// # Errors
/// There is no such torrent, no peer serves it in time, or the files cannot be written.
pub async fn fetch(args: FetchArgs, shutdown: Shutdown) -> anyhow::Result<()> {
    let patience = Duration::from_secs(args.timeout.into());
    let work = async {
        // Removed when it is dropped, also on failure.
        let (scratch, directory) = match &args.out {
            Some(directory) => (None, directory.clone()),
            None => {
                let scratch = tempfile::Builder::new()
                    .prefix("seedbed-fetch-")
                    .tempdir()
                    .context("failed to create a directory to download to")?;
                let directory = scratch.path().to_owned();
                (Some(scratch), directory)
            }
        };
        let session = start(directory.clone(), &shutdown).await?;
        let torrent = add(&session, &args, patience).await?;
        download(&torrent, &args.source, patience).await?;
        let files = sums::files(&torrent)?;
        let sums = tokio::task::spawn_blocking(move || sums::of(&directory, &files)).await??;
        for line in sums {
            startup::line(line);
        }
        drop(scratch);
        Ok(())
    };
    match shutdown.run_until_cancelled(work).await {
        Some(outcome) => outcome,
        None => bail!("stopped before {} was there", args.source),
    }
}

/// A session that talks to trackers and peers, and to nobody else.
async fn start(directory: PathBuf, shutdown: &Shutdown) -> anyhow::Result<Arc<Session>> {
    let options = SessionOptions {
        cancellation_token: Some(shutdown.child_token()),
        client_name_and_version: Some(concat!("seedbed ", env!("CARGO_PKG_VERSION")).into()),
        dht: None,
        disable_local_service_discovery: true,
        // Without a listener it would announce a port that is not its own.
        listen: Some(ListenerOptions { mode: ListenerMode::TcpOnly, ..ListenerOptions::default() }),
        ..SessionOptions::default()
    };
    Session::new_with_opts(directory, options).await.context("failed to start the client")
}

/// Adds the torrent; from a magnet link that takes a peer that has its metadata.
async fn add(
    session: &Arc<Session>,
    args: &FetchArgs,
    patience: Duration,
) -> anyhow::Result<Arc<ManagedTorrent>> {
    let options = AddTorrentOptions {
        initial_peers: Some(args.peer.clone()),
        // What is in the directory already is checked, and taken where it is right.
        overwrite: true,
        ..AddTorrentOptions::default()
    };
    let torrent = args.source.open(patience).await?;
    let adding = session.add_torrent(torrent, Some(options));
    tokio::time::timeout(patience, adding)
        .await
        .with_context(|| {
            format!("no peer gave the metadata of {} within {patience:?}", args.source)
        })?
        .with_context(|| format!("failed to add {}", args.source))?
        .into_handle()
        .context("the client only listed it")
}

/// Waits until every piece is there and right, while each stretch of `patience` brings something.
async fn download(
    torrent: &Arc<ManagedTorrent>,
    source: &Source,
    patience: Duration,
) -> anyhow::Result<()> {
    let name = torrent.name().unwrap_or_else(|| source.to_string());
    let failed = || format!("failed to download {name}");
    torrent.wait_until_initialized().await.with_context(failed)?;
    let progress = Progress::new(&name, torrent.stats().total_bytes);
    let (mut last, mut since) = (0, Instant::now());
    let mut looks = tokio::time::interval(LOOK);
    let done = torrent.wait_until_completed();
    tokio::pin!(done);
    loop {
        tokio::select! {
            outcome = &mut done => return outcome.with_context(failed),
            _ = looks.tick() => {
                let stats = torrent.stats();
                // Bytes of pieces that are not whole yet are a sign of life, too.
                let fetched = stats.progress_bytes
                    + stats.live.as_ref().map_or(0, |live| live.snapshot.fetched_bytes);
                progress.set(stats.progress_bytes);
                if fetched != last {
                    (last, since) = (fetched, Instant::now());
                } else if since.elapsed() >= patience {
                    bail!(
                        "failed to download {name}: no byte within {patience:?}, {} of {} are there",
                        stats.progress_bytes,
                        stats.total_bytes
                    );
                }
            }
        }
    }
}
