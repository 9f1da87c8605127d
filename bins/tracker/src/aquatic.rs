//! `--engine aquatic`: the production tracker `aquatic_http` in place of our own.
//!
//! It serves only announce and scrape over HTTP, from a swarm of its own, and takes only the flags that
//! it has a setting for.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use aquatic_http::config::Config;
use clap::{ArgMatches, parser::ValueSource};
use io_uring::IoUring;
use seedbed_service::{Shutdown, Usage};
use tokio::{net::TcpStream, sync::oneshot, time::sleep};

use crate::cli::Cli;

/// The time between two attempts to connect to it while it starts.
const START_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Runs `aquatic_http` until `shutdown`, and calls `ready` with its address once it accepts connections.
/// `given` tells the flags that the user gave from those that have their default value.
///
/// # Errors
/// `aquatic_http` does not support a flag, the kernel denies io_uring, the address cannot be bound, or
/// `aquatic_http` fails later on.
pub async fn run(
    cli: &Cli,
    given: &ArgMatches,
    shutdown: Shutdown,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    refuse(cli, given)?;
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
            sleep(START_POLL_INTERVAL).await;
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

/// Refuses the flags that ask for what `aquatic_http` does not do.
fn refuse(cli: &Cli, given: &ArgMatches) -> Result<(), Usage> {
    let asks = [
        ("http", !cli.http),
        ("tls", cli.tls.tls),
        ("udp", cli.udp),
        ("websocket", cli.websocket),
        ("stats", cli.stats),
        ("max_query", true),
        ("peer_order", true),
        ("seed", true),
        ("whitelist", !cli.whitelist.0.is_empty()),
        ("blacklist", !cli.blacklist.0.is_empty()),
    ];
    for (id, asks) in asks {
        if asks
            && given.value_source(id) != Some(ValueSource::DefaultValue)
            && given.contains_id(id)
        {
            let flag = id.replace('_', "-");
            return Err(Usage(format!("--engine aquatic does not support --{flag} as given")));
        }
    }
    Ok(())
}

fn configure(cli: &Cli) -> anyhow::Result<Config> {
    // `aquatic_http` binds the address itself. Binding it here shows that it is free, and resolves port 0.
    let bound = seedbed_service::bind::tcp(cli.address())?.local_addr()?;
    let mut config = Config::default();
    config.network.address = bound;
    config.network.runs_behind_reverse_proxy = cli.trust_proxy;
    config.protocol.max_peers = cli.max_numwant as usize;
    config.protocol.max_scrape_torrents = cli.max_scrape as usize;
    config.protocol.peer_announce_interval = cli.interval as usize;
    config.cleaning.max_peer_age =
        u32::try_from(cli.config().time_to_live().as_secs()).unwrap_or(u32::MAX);
    Ok(config)
}
