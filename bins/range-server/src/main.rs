//! Parses the command line, binds the socket, and lets the library serve.

use std::process::ExitCode;

use clap::Parser as _;
use seedbed_range::cli::{Cli, Command};
use seedbed_service::{UsageContext as _, bind, startup};

fn main() -> ExitCode {
    if let Some(code) = seedbed_service::probe::run() {
        return code;
    }
    let cli = Cli::parse();
    seedbed_service::run("seedbed-range", &cli.log, async |shutdown| {
        if let Some(Command::Healthcheck(healthcheck)) = &cli.command {
            return healthcheck.run(cli.tls.scheme(), cli.listen).await;
        }
        let config = cli.config()?;
        let listener = bind::tcp(cli.listen)?;
        let address = bind::reachable(listener.local_addr()?);
        if let Some(tls) = &config.tls {
            tls.publish().usage("failed to set up TLS")?;
        }
        startup::listening(format_args!("{}://{address}", cli.tls.scheme()), None);
        startup::ready();
        seedbed_range::run(config, listener, shutdown).await
    })
}
