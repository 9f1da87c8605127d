//! `--engine aquatic`: the production tracker `aquatic_http` in place of our own.
//!
//! It serves announce and scrape over HTTP and nothing else, from a swarm of its own, and takes
//! those of the flags that it has a setting for.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use aquatic_http::config::Config;
use clap::{ArgMatches, parser::ValueSource};
use io_uring::IoUring;
use seedbed_service::{Shutdown, Usage};
use tokio::{net::TcpStream, sync::oneshot, time::sleep};

use crate::cli::Cli;

/// How often it is tried whether it accepts connections.
const POLL: Duration = Duration::from_millis(10);

/// Runs it until `shutdown`; `ready` is called with its address once it accepts connections. Which
/// flags are given, and which have their default value, is known from `given`.
///
/// # Errors
/// A flag is given that it has nothing for, the kernel denies io_uring, the address cannot be
/// bound, or it fails later on.
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

/// Refuses the flags that are given and ask for what it does not do.
fn refuse(cli: &Cli, given: &ArgMatches) -> Result<(), Usage> {
    let asks = [
        ("http", !cli.http),
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
            return Err(Usage(format!("--engine aquatic has nothing for --{flag} as it is given")));
        }
    }
    Ok(())
}

fn configure(cli: &Cli) -> anyhow::Result<Config> {
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
