//! `--engine aquatic`: the production tracker `aquatic_http` in place of our own.
//!
//! It serves announce and scrape over HTTP and nothing else, from a swarm of its own, and takes
//! those of the flags that it has a setting for.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use aquatic_http::config::Config;
use io_uring::IoUring;
use seedbed_service::{Shutdown, Usage};
use tokio::{net::TcpStream, sync::oneshot, time::sleep};

use crate::cli::Cli;

/// How often it is tried whether it accepts connections.
const POLL: Duration = Duration::from_millis(10);

/// Runs it until `shutdown`; `ready` is called with its address once it accepts connections.
///
/// # Errors
/// A flag is given that it has nothing for, the kernel denies io_uring, the address cannot be
/// bound, or it fails later on.
pub async fn run(
    cli: &Cli,
    shutdown: Shutdown,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    // Without io_uring its threads panic, and the process stays up without serving.
    IoUring::new(8).context("--engine aquatic needs io_uring, which is denied here")?;
    let config = configure(cli)?;
    let address = config.network.address;
    let (failed, mut failure) = oneshot::channel();
    let body = move || {
        let _nobody_waits = failed.send(aquatic_http::run(config));
    };
    std::thread::Builder::new()
        .name("aquatic".to_owned())
        .spawn(body)
        .context("failed to start a thread")?;
    let serving = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(POLL).await;
        }
        ready(address);
        // It has no way to be stopped; the end of the process ends it.
        shutdown.cancelled().await;
    };
    tokio::select! {
        () = serving => Ok(()),
        outcome = &mut failure => match outcome {
            Ok(outcome) => outcome.context("aquatic_http failed"),
            Err(_) => bail!("aquatic_http panicked"),
        },
    }
}

fn configure(cli: &Cli) -> anyhow::Result<Config> {
    for (flag, given) in [
        ("--whitelist", !cli.whitelist.0.is_empty()),
        ("--blacklist", !cli.blacklist.0.is_empty()),
        ("--seed", cli.seed.is_some()),
        ("--http false", !cli.http),
    ] {
        if given {
            bail!(Usage(format!("--engine aquatic has nothing for {flag}")));
        }
    }
    // It binds the address itself; this one shows that it is free, and which port 0 is.
    let bound = seedbed_service::bind::tcp(cli.address())?.local_addr()?;
    let mut config = Config::default();
    config.network.address = bound;
    config.network.runs_behind_reverse_proxy = cli.trust_proxy;
    config.protocol.max_peers = cli.max_numwant as usize;
    config.protocol.max_scrape_torrents = cli.max_scrape as usize;
    config.protocol.peer_announce_interval = cli.interval as usize;
    config.cleaning.max_peer_age = cli.interval.saturating_mul(cli.expire_after);
    Ok(config)
}
