//! `seedbed-tracker`: see the library.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use seedbed_service::announce;
use seedbed_tracker::{
    cli::{Cli, Command},
    run,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    seedbed_service::run("seedbed-tracker", &cli.log, async |shutdown| {
        if let Some(Command::Healthcheck(healthcheck)) = &cli.command {
            return healthcheck.run(cli.address()).await;
        }
        let listeners = cli.bind()?;
        let http = listeners.http.local_addr().context("failed to read the bound address")?;
        announce::listening(format_args!("http://{http}"), None);
        if listeners.udp.is_some() {
            announce::listening(format_args!("udp://{http}"), None);
        }
        announce::ready();
        run(cli.config(), listeners, shutdown).await
    })
}
