//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, thread};

use clap::{Args, Parser, Subcommand};
use seedbed_service::LogArgs;

use crate::lock::LockMode;

/// Make test videos from a catalog, byte for byte the same on every machine
#[derive(Clone, Debug, Parser)]
#[command(name = "seedbed-videos", version, about)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// A command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make the videos that are missing or out of date
    Generate(Generate),
    /// Compare the files with the lock file and the catalog; exit with 1 if one differs
    Verify(Verify),
    /// Show the catalog and the status of each file
    List(List),
    /// Remove the videos; other files stay
    Clean(Clean),
}

/// Where the files are.
#[derive(Args, Clone, Debug)]
pub struct Paths {
    /// The catalog
    #[arg(
        long,
        env = "SEEDBED_VIDEOS_CATALOG",
        value_name = "FILE",
        default_value = "videos/catalog.toml"
    )]
    pub catalog: PathBuf,

    /// The directory of the videos
    #[arg(long, env = "SEEDBED_VIDEOS_OUT", value_name = "DIR", default_value = "videos/out")]
    pub out: PathBuf,

    /// The lock file, which records the result of each entry
    #[arg(
        long,
        env = "SEEDBED_VIDEOS_LOCK",
        value_name = "FILE",
        default_value = "videos/lock.toml"
    )]
    pub lock: PathBuf,
}

/// Make the videos that are missing or out of date.
#[derive(Args, Clone, Debug)]
pub struct Generate {
    /// Only these videos
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Where the files are.
    #[command(flatten)]
    pub paths: Paths,

    /// Number of videos to make at a time
    #[arg(long, short, env = "SEEDBED_VIDEOS_JOBS", value_name = "N", default_value_t = cores())]
    pub jobs: NonZeroUsize,

    /// Fail if a video differs from the lock file, and do not write the lock file
    #[arg(long, env = "SEEDBED_VIDEOS_LOCKED", conflicts_with = "update_lock")]
    pub locked: bool,

    /// Overwrite the records of the lock file with the results
    #[arg(long, env = "SEEDBED_VIDEOS_UPDATE_LOCK")]
    pub update_lock: bool,

    /// ffmpeg: a path, or a name in PATH
    #[arg(long, env = "SEEDBED_VIDEOS_FFMPEG", value_name = "PATH", default_value = "ffmpeg")]
    pub ffmpeg: PathBuf,

    /// ffprobe: a path, or a name in PATH
    #[arg(long, env = "SEEDBED_VIDEOS_FFPROBE", value_name = "PATH", default_value = "ffprobe")]
    pub ffprobe: PathBuf,
}

/// Compare the files with the lock file and the catalog.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// Only these videos
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Where the files are.
    #[command(flatten)]
    pub paths: Paths,

    /// ffprobe: a path, or a name in PATH
    #[arg(long, env = "SEEDBED_VIDEOS_FFPROBE", value_name = "PATH", default_value = "ffprobe")]
    pub ffprobe: PathBuf,
}

/// Show the catalog.
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Where the files are.
    #[command(flatten)]
    pub paths: Paths,

    /// Print JSON
    #[arg(long, env = "SEEDBED_VIDEOS_JSON")]
    pub json: bool,
}

/// Remove the videos.
#[derive(Args, Clone, Debug)]
pub struct Clean {
    /// Only these videos
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Where the files are.
    #[command(flatten)]
    pub paths: Paths,
}

impl Generate {
    /// What to do with the lock file.
    pub(crate) const fn lock_mode(&self) -> LockMode {
        match (self.locked, self.update_lock) {
            (true, _) => LockMode::Enforce,
            (false, true) => LockMode::Overwrite,
            (false, false) => LockMode::AddMissing,
        }
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
