//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, thread};

use clap::{Args, Parser, Subcommand};
use seedbed_service::LogArgs;

use crate::generate::LockMode;

/// Make the test videos of a catalog, byte for byte the same each time
#[derive(Clone, Debug, Parser)]
#[command(name = "seedbed-videos", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make what is missing or changed
    Generate(Generate),
    /// Compare the files with the lock file and the catalog; exit 1 where one differs
    Verify(Verify),
    /// Show the catalog, and how the files stand
    List(List),
    /// Remove the videos; files that are not of the catalog stay
    Clean(Clean),
}

/// Which videos, and where they are.
#[derive(Args, Clone, Debug)]
pub struct Source {
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

    /// The record of what came out
    #[arg(
        long,
        env = "SEEDBED_VIDEOS_LOCK",
        value_name = "FILE",
        default_value = "videos/lock.toml"
    )]
    pub lock: PathBuf,
}

/// Make what is missing or changed.
#[derive(Args, Clone, Debug)]
pub struct Generate {
    /// Only these videos
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Where from and where to.
    #[command(flatten)]
    pub source: Source,

    /// How many videos to encode at a time
    #[arg(long, short, env = "SEEDBED_VIDEOS_JOBS", value_name = "N", default_value_t = cores())]
    pub jobs: NonZeroUsize,

    /// Fail where a video is not as the lock file has it, and leave the lock file alone
    #[arg(long, env = "SEEDBED_VIDEOS_LOCKED", conflicts_with = "update_lock")]
    pub locked: bool,

    /// Write what comes out to the lock file, even where it has something else
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

    /// Where they are.
    #[command(flatten)]
    pub source: Source,

    /// ffprobe: a path, or a name in PATH
    #[arg(long, env = "SEEDBED_VIDEOS_FFPROBE", value_name = "PATH", default_value = "ffprobe")]
    pub ffprobe: PathBuf,
}

/// Show the catalog.
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Where they are.
    #[command(flatten)]
    pub source: Source,

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

    /// Where they are.
    #[command(flatten)]
    pub source: Source,
}

impl Generate {
    /// What the lock file is for.
    #[must_use]
    pub const fn lock_mode(&self) -> LockMode {
        match (self.locked, self.update_lock) {
            (true, _) => LockMode::Obey,
            (false, true) => LockMode::Update,
            (false, false) => LockMode::Fill,
        }
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
