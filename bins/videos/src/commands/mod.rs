//! The commands: generate, verify, list and clean.
//!
//! This module reads the catalog and the lock file, runs a command, and prints its results. It knows
//! neither arguments of ffmpeg nor bytes of a container. It depends on all other modules; none
//! depends on it.

mod clean;
mod generate;
mod list;
mod make;
mod output_directory;
mod progress;
mod verify;

use std::path::Path;

use anyhow::bail;
use seedbed_service::{Shutdown, UsageContext as _, startup};

use self::generate::{Outcome, Request};
use crate::{
    catalog::{Catalog, Video},
    cli::{Clean, Command, Generate, List, Paths, Verify},
    lock::Lock,
};

/// Runs a command, and prints its results on stdout.
///
/// # Errors
/// The command failed, or found a video that is wrong. Invalid configuration is marked as usage.
pub fn run(command: Command, shutdown: &Shutdown) -> anyhow::Result<()> {
    match command {
        Command::Generate(arguments) => {
            let Outcome { unchanged, total } = generate_videos(arguments, shutdown)?;
            if unchanged > 0 {
                startup::line(format_args!("{unchanged} of {total} videos are up to date"));
            }
            Ok(())
        }
        Command::Verify(arguments) => verify(&arguments, shutdown),
        Command::List(arguments) => list(&arguments),
        Command::Clean(arguments) => clean(&arguments, shutdown),
    }
}

/// Makes the videos that are missing or out of date. Prints nothing if there are none.
///
/// # Errors
/// A video cannot be made. Invalid configuration is marked as usage.
pub fn generate(arguments: Generate, shutdown: &Shutdown) -> anyhow::Result<()> {
    generate_videos(arguments, shutdown).map(|_| ())
}

fn generate_videos(arguments: Generate, shutdown: &Shutdown) -> anyhow::Result<Outcome> {
    let request = Request {
        videos: videos(&arguments.paths, &arguments.names)?,
        whole_catalog: arguments.names.is_empty(),
        lock_mode: arguments.lock_mode(),
        out: arguments.paths.out,
        lock: arguments.paths.lock,
        jobs: arguments.jobs,
        ffmpeg: arguments.ffmpeg,
        ffprobe: arguments.ffprobe,
    };
    read_lock(&request.lock)?;
    Ok(generate::run(&request, shutdown)?)
}

fn verify(arguments: &Verify, shutdown: &Shutdown) -> anyhow::Result<()> {
    let paths = &arguments.paths;
    let videos = videos(paths, &arguments.names)?;
    let lock = read_lock(&paths.lock)?;
    match verify::run(&videos, &paths.out, &lock, &arguments.ffprobe, shutdown)? {
        0 => Ok(()),
        failed => bail!("{failed} of {} videos failed", videos.len()),
    }
}

fn list(arguments: &List) -> anyhow::Result<()> {
    let paths = &arguments.paths;
    let videos = videos(paths, &[])?;
    let lock = read_lock(&paths.lock)?;
    let rows = list::rows(&videos, &paths.out, &lock)?;
    if arguments.json {
        startup::line(format_args!("{:#}", list::json(&rows)));
    } else {
        startup::line(list::table(&rows));
    }
    Ok(())
}

fn clean(arguments: &Clean, shutdown: &Shutdown) -> anyhow::Result<()> {
    let paths = &arguments.paths;
    let videos = videos(paths, &arguments.names)?;
    Ok(clean::run(&videos, arguments.names.is_empty(), &paths.out, shutdown)?)
}

fn videos(paths: &Paths, names: &[String]) -> anyhow::Result<Vec<Video>> {
    let path = paths.catalog.display();
    let catalog =
        Catalog::read(&paths.catalog).usage(format_args!("failed to read the catalog {path}"))?;
    let videos = catalog.select(names).usage(format_args!("failed to select from {path}"))?;
    Ok(videos.into_iter().cloned().collect())
}

fn read_lock(path: &Path) -> anyhow::Result<Lock> {
    Lock::read(path).usage(format_args!("failed to read the lock file {}", path.display()))
}
