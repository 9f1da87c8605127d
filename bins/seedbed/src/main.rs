//! `seedbed`: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser as _;
use seedbed::cli::{Cli, Command};

fn main() -> ExitCode {
    let Cli { command: Command::Up(args), log } = Cli::parse();
    seedbed_service::run("seedbed", &log, async |shutdown| seedbed::up(*args, shutdown).await)
}
