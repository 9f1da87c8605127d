//! `seedbed-tracker`: see the library.

use std::process::ExitCode;

use anyhow::Context as _;
#[cfg(feature = "aquatic")]
use clap::CommandFactory as _;
use clap::Parser as _;
use seedbed_service::{Shutdown, UsageContext as _, startup};
use seedbed_tracker::{
    Config,
    cli::{Cli, Command, EngineKind},
    run,
};

fn main() -> ExitCode {
    if let Some(code) = seedbed_service::probe::run() {
        return code;
    }
    let cli = Cli::parse();
    seedbed_service::run("seedbed-tracker", &cli.log, async |shutdown| {
        if let Some(Command::Healthcheck(healthcheck)) = &cli.command {
            return healthcheck.run(cli.tls.scheme(), cli.address()).await;
        }
        if cli.engine == EngineKind::Aquatic {
            return aquatic(&cli, shutdown).await;
        }
        let tls = cli.load_tls().usage("failed to set up TLS")?;
        let listeners = cli.bind()?;
        let http = listeners.http.local_addr().context("failed to read the bound address")?;
        if let Some(tls) = &tls {
            tls.publish().usage("failed to set up TLS")?;
        }
        startup::listening(format_args!("{}://{http}", cli.tls.scheme()), None);
        if listeners.udp.is_some() {
            startup::listening(format_args!("udp://{http}"), None);
        }
        startup::ready();
        run(Config { tls, ..cli.config() }, listeners, shutdown).await
    })
}

#[cfg(feature = "aquatic")]
async fn aquatic(cli: &Cli, shutdown: Shutdown) -> anyhow::Result<()> {
    let ready = |address| {
        startup::listening(format_args!("http://{address}"), None);
        startup::ready();
    };
    let given = Cli::command().get_matches();
    seedbed_tracker::aquatic::run(cli, &given, shutdown, ready).await
}

#[cfg(not(feature = "aquatic"))]
async fn aquatic(_cli: &Cli, _shutdown: Shutdown) -> anyhow::Result<()> {
    let reason = "--engine aquatic: this binary was built without the feature aquatic";
    Err(seedbed_service::Usage(reason.to_owned()).into())
}
