//! `seedbed`: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser as _;
use seedbed::cli::{Cli, Command};

fn main() -> ExitCode {
    if let Some(code) = seedbed_service::probe::run() {
        return code;
    }
    let Cli { command, log } = Cli::parse();
    seedbed_service::run("seedbed", &log, async |shutdown| match command {
        Command::Up(args) => seedbed::up(*args, shutdown).await,
        Command::Fetch(args) => seedbed::fetch(args, shutdown).await,
        Command::Healthcheck(args) => args.run().await,
    })
}
