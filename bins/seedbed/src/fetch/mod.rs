//! `seedbed fetch`: downloads a torrent with librqbit, a client that owes nothing to our wire, and
//! prints the SHA-256 of each file, so that anyone can check a bed without another client.
//!
//! Our announcer talks to the trackers: librqbit's own sends neither `completed` nor `stopped`.
//! librqbit checks each piece against the metainfo; the sums are those of the files as they then
//! stand on the disk.

mod client;
mod progress;
mod source;
mod sums;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use seedbed_announcer::{Announcer, TrackerUrl};
use seedbed_service::{Shutdown, startup};
use tokio::time::timeout;

pub use self::source::Source;
use self::{
    client::{Client, Counters},
    source::Wanted,
};

/// How many peers to ask a tracker for.
const NUMWANT: u32 = 200;

/// The length that is announced while it is unknown: not nothing (libtorrent announces the same).
const UNKNOWN_LENGTH: u64 = 16 << 10;

/// The flags of `seedbed fetch`.
#[derive(Args, Clone, Debug)]
pub struct FetchArgs {
    /// Magnet link, .torrent file, or http URL of one
    #[arg(value_name = "MAGNET|TORRENT")]
    pub source: Source,

    /// Directory to keep the files in; by default fetch removes them once it has their sums
    #[arg(long, env = "SEEDBED_FETCH_OUT", value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Peer to download from, beside those that trackers list; repeat it, or separate several by
    /// commas
    #[arg(long, env = "SEEDBED_FETCH_PEER", value_name = "ADDR", value_delimiter = ',')]
    pub peer: Vec<SocketAddr>,

    /// Give up after so many seconds without a byte
    #[arg(long, env = "SEEDBED_FETCH_TIMEOUT", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: u32,
}

/// Downloads, verifies, and prints one line `sha256  path` for each file, as `sha256sum` does.
///
/// # Errors
/// There is no such torrent, no peer serves it in time, or the files cannot be written.
pub async fn fetch(args: FetchArgs, shutdown: Shutdown) -> anyhow::Result<()> {
    let limit = Duration::from_secs(args.timeout.into());
    let stopped = || format!("stopped before {} was complete", args.source);
    let opened = shutdown.run_until_cancelled(args.source.open(limit)).await;
    let wanted = opened.with_context(stopped)??;
    // Removed when it is dropped, also on failure.
    let scratch = match args.out {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("seedbed-fetch-")
                .tempdir()
                .context("failed to create a directory to download to")?,
        ),
    };
    let scratch_path = scratch.as_ref().map(|scratch| scratch.path().to_owned());
    let directory = scratch_path.or(args.out.clone()).context("no directory to download to")?;
    let mut client = Client::start(directory.clone(), &args.peer, &shutdown).await?;
    // Of its own, since `stopped` is sent in any case.
    let end = Shutdown::new();
    let (announcer, found) = Announcer::start(announcer_config(&wanted, &client), end.clone());
    let counters = Arc::new(Counters::default());
    client.listen_to(found, Arc::clone(&counters));
    let work = download(&args, wanted, client, &announcer, &counters, limit, directory);
    let outcome = shutdown.run_until_cancelled(work).await;
    end.cancel();
    announcer.finished().await;
    for line in outcome.with_context(stopped)?? {
        startup::line(line);
    }
    Ok(())
}

fn announcer_config(wanted: &Wanted, client: &Client) -> seedbed_announcer::Config {
    let parse = |url: &String| match url.parse::<TrackerUrl>() {
        Ok(url) => Some(url),
        Err(error) => {
            tracing::warn!("left out a tracker: {error}");
            None
        }
    };
    let trackers = wanted.trackers.iter().map(|tier| tier.iter().filter_map(parse).collect());
    seedbed_announcer::Config {
        trackers: trackers.collect(),
        peer_id: client.peer_id,
        port: client.port,
        announce_ip: None,
        max_interval: None,
        numwant: NUMWANT,
    }
}

/// Downloads the torrent while it is announced, and returns a line for each file.
async fn download(
    args: &FetchArgs,
    mut wanted: Wanted,
    mut client: Client,
    announcer: &Announcer,
    counters: &Arc<Counters>,
    limit: Duration,
    directory: PathBuf,
) -> anyhow::Result<Vec<String>> {
    let infohash = wanted.infohash;
    let announce = || {
        let counters = Arc::clone(counters);
        announcer.add(infohash, move || seedbed_announcer::Progress {
            uploaded: 0,
            downloaded: counters.downloaded.load(Ordering::Relaxed),
            left: counters.left.load(Ordering::Relaxed),
        });
    };
    let mut was_incomplete = None;
    if wanted.needs_metainfo() {
        // Trackers know the peers that have the metainfo.
        counters.left.store(wanted.length.unwrap_or(UNKNOWN_LENGTH), Ordering::Relaxed);
        was_incomplete = Some(true);
        announce();
        let metainfo = timeout(limit, client.get_metainfo(&mut wanted)).await;
        metainfo.map_err(|_| {
            anyhow::anyhow!("no peer gave the metadata of {} within {limit:?}", args.source)
        })??;
    }
    let started = || {
        let is_incomplete = counters.left.load(Ordering::Relaxed) > 0;
        if was_incomplete.is_none() {
            was_incomplete = Some(is_incomplete);
            announce();
        }
    };
    let torrent = client.download(&wanted, limit, started).await?;
    if was_incomplete == Some(true) {
        announcer.complete(infohash).await;
    }
    let files = sums::files(&torrent)?;
    tokio::task::spawn_blocking(move || sums::of(&directory, &files)).await?
}
