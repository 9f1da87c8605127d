//! What the command line asks for: reads the catalog and the lock file, and runs the command.

use std::path::Path;

use anyhow::bail;
use seedbed_service::{Shutdown, UsageContext as _, startup};

use crate::{
    Video,
    catalog::Catalog,
    cli::{Clean, Command, Generate, List, Source, Verify},
    generate::{Outcome, Request},
    list,
    lock::Lock,
    verify,
};

/// Runs a command, and says on stdout what it did.
///
/// # Errors
/// It failed, or a video is not as it should be; bad configuration is marked as usage.
pub fn run(command: Command, shutdown: &Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Generate(arguments) => {
            let made = make(arguments, shutdown)?;
            if made.unchanged > 0 {
                let Outcome { unchanged, of } = made;
                startup::line(format_args!("{unchanged} of {of} videos are up to date"));
            }
            Ok(())
        }
        Command::Verify(arguments) => verify(&arguments, shutdown),
        Command::List(arguments) => list(&arguments),
        Command::Clean(arguments) => clean(&arguments, shutdown),
    }
}

/// Makes what is missing or changed. Where that is nothing, nothing is said.
///
/// # Errors
/// A video could not be made; bad configuration is marked as usage.
pub fn generate(arguments: Generate, shutdown: &Shutdown) -> anyhow::Result<()> {
    make(arguments, shutdown).map(|_| ())
}

fn make(arguments: Generate, shutdown: &Shutdown) -> anyhow::Result<Outcome> {
    let request = Request {
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
    Ok(crate::generate::run(&request, shutdown)?)
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
        startup::line(format_args!("{:#}", list::json(&rows)));
    } else {
        startup::line(list::table(&rows));
    }
    Ok(())
}

fn clean(arguments: &Clean, shutdown: &Shutdown) -> anyhow::Result<()> {
    let source = &arguments.source;
    let videos = videos(source, &arguments.names)?;
    Ok(crate::clean::run(&videos, arguments.names.is_empty(), &source.out, shutdown)?)
}

fn videos(source: &Source, names: &[String]) -> anyhow::Result<Vec<Video>> {
    let path = source.catalog.display();
    let catalog =
        Catalog::read(&source.catalog).usage(format_args!("failed to read the catalog {path}"))?;
    let videos = catalog.select(names).usage(format_args!("wrong name for the catalog {path}"))?;
    Ok(videos.into_iter().cloned().collect())
}

fn read_lock(path: &Path) -> anyhow::Result<Lock> {
    Lock::read(path).usage(format_args!("failed to read the lock file {}", path.display()))
}
