//! `seedbed-videos`: parses the command line and runs the library.

use std::process::ExitCode;

use clap::Parser as _;
use seedbed_videos::cli::Cli;

fn main() -> ExitCode {
    let Cli { command, log } = Cli::parse();
    seedbed_service::run("seedbed-videos", &log, async |shutdown| {
        tokio::task::spawn_blocking(move || seedbed_videos::run(command, &shutdown)).await?
    })
}
