//! `seedbed-seeder`: parses the command line, binds the sockets and runs the library.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use seedbed_seeder::{
    Listeners, Seeder,
    cli::{Cli, Command},
};
use seedbed_service::{Shutdown, Usage, announce, bind};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = cli.log.clone();
    seedbed_service::run("seedbed-seeder", &log, async |shutdown| run(cli, shutdown).await)
}

async fn run(cli: Cli, shutdown: Shutdown) -> anyhow::Result<()> {
    if let Some(Command::Healthcheck(healthcheck)) = cli.command {
        return healthcheck.run(cli.listen).await;
    }
    // Only the subcommand, which has been dealt with, goes without it.
    let content = cli.content.context(Usage("wanted --content DIR".to_owned()))?;
    let config = cli.torrents.config(content, cli.announce, cli.dial);
    let listeners = Listeners { http: bind::tcp(cli.listen)?, peers: bind::tcp(cli.peer_listen)? };
    let (http, peers) = (listeners.http.local_addr()?, listeners.peers.local_addr()?);
    let seeder = Seeder::start(config, listeners, shutdown).await?;
    announce::listening(format_args!("http://{http}"), None);
    announce::listening(format_args!("tcp://{peers}"), None);
    if seeder.seeding().await {
        announce::ready();
    }
    seeder.finished().await
}
