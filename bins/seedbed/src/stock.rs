//! The stock videos, which a bed seeds and serves by default.

use std::path::PathBuf;

use clap::Parser as _;
use seedbed_service::Shutdown;
use seedbed_videos::cli::{Cli, Command};

/// Makes the videos that are missing or out of date, exactly as `seedbed-videos generate` does, and
/// returns their directory.
pub(crate) async fn videos(shutdown: &Shutdown) -> anyhow::Result<PathBuf> {
    let cli = Cli::try_parse_from(["seedbed-videos", "generate"])?;
    let Command::Generate(arguments) = cli.command else {
        anyhow::bail!("wanted the command generate, got {:?}", cli.command);
    };
    let out = arguments.paths.out.clone();
    let shutdown = shutdown.clone();
    tokio::task::spawn_blocking(move || seedbed_videos::generate(arguments, &shutdown)).await??;
    Ok(out)
}
