//! `seedbed-seeder`: parses the command line, binds the sockets and runs the library.

use std::process::ExitCode;

use clap::Parser as _;
use seedbed_seeder::{
    Listeners, Seeder,
    cli::{Cli, Command},
};
use seedbed_service::{Shutdown, startup};

fn main() -> ExitCode {
    if let Some(code) = seedbed_service::probe::run() {
        return code;
    }
    let cli = Cli::parse();
    let log = cli.log.clone();
    seedbed_service::run("seedbed-seeder", &log, async |shutdown| run(cli, shutdown).await)
}

async fn run(cli: Cli, shutdown: Shutdown) -> anyhow::Result<()> {
    if let Some(Command::Healthcheck(healthcheck)) = cli.command {
        return healthcheck.run("http", cli.listen).await;
    }
    let torrents = &cli.torrents;
    let config = torrents.config(cli.content, cli.announce, cli.dial, cli.control)?;
    let listeners = Listeners::bind(cli.listen, cli.peer_listen, torrents.seeders(), torrents.utp)?;
    let addresses = listeners.addresses()?;
    let seeder = Seeder::start(config, listeners, shutdown).await?;
    addresses.announce(None);
    if seeder.seeding().await {
        startup::ready();
    }
    seeder.finished().await
}
