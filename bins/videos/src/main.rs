//! The command line of `seedbed-videos`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;
use seedbed_service::{Shutdown, UsageContext as _, announce};
use seedbed_videos::{
    catalog::{Catalog, Video},
    cli::{Cli, Command, Generate, List, Source, Verify},
    generate, list,
    lock::Lock,
    verify,
};

fn main() -> ExitCode {
    let Cli { command, log } = Cli::parse();
    seedbed_service::run("seedbed-videos", &log, async |shutdown| {
        tokio::task::spawn_blocking(move || match command {
            Command::Generate(arguments) => generate(arguments, &shutdown),
            Command::Verify(arguments) => verify(&arguments, &shutdown),
            Command::List(arguments) => list(&arguments),
        })
        .await?
    })
}

fn generate(arguments: Generate, shutdown: &Shutdown) -> anyhow::Result<()> {
    let request = generate::Request {
        videos: videos(&arguments.source, &arguments.names)?,
        whole_catalog: arguments.names.is_empty(),
        lock_mode: arguments.lock_mode(),
        out: arguments.source.out,
        lock: arguments.source.lock,
        jobs: arguments.jobs,
        ffmpeg: arguments.ffmpeg,
        ffprobe: arguments.ffprobe,
    };
    read_lock(&request.lock)?;
    Ok(generate::run(&request, shutdown)?)
}

fn verify(arguments: &Verify, shutdown: &Shutdown) -> anyhow::Result<()> {
    let source = &arguments.source;
    let videos = videos(source, &arguments.names)?;
    let lock = read_lock(&source.lock)?;
    match verify::run(&videos, &source.out, &lock, &arguments.ffprobe, shutdown)? {
        0 => Ok(()),
        failed => bail!("{failed} of {} videos failed", videos.len()),
    }
}

fn list(arguments: &List) -> anyhow::Result<()> {
    let source = &arguments.source;
    let videos = videos(source, &[])?;
    let lock = read_lock(&source.lock)?;
    let rows = list::rows(&videos, &source.out, &lock)?;
    if arguments.json {
        announce::line(format_args!("{:#}", list::json(&rows)));
    } else {
        announce::line(list::table(&rows));
    }
    Ok(())
}

fn videos(source: &Source, names: &[String]) -> anyhow::Result<Vec<Video>> {
    let path = source.catalog.display();
    let catalog =
        Catalog::read(&source.catalog).usage(format_args!("failed to read the catalog {path}"))?;
    let videos = catalog.select(names).usage(format_args!("wrong name for the catalog {path}"))?;
    Ok(videos.into_iter().cloned().collect())
}

fn read_lock(path: &std::path::Path) -> anyhow::Result<Lock> {
    Lock::read(path).usage(format_args!("failed to read the lock file {}", path.display()))
}
