//! The command line of `seedbed-seeder`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use seedbed_announcer::TrackerUrl;
use seedbed_metainfo::PieceLength;
use seedbed_service::{Healthcheck, LogArgs};

use crate::Config;

/// Deterministic BitTorrent seeder for tests: each file or folder of a directory is one torrent
#[derive(Debug, Parser)]
#[command(
    name = "seedbed-seeder",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do instead of seeding.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address of the inventory; port 0 takes a free one
    #[arg(long, env = "SEEDBED_SEEDER_LISTEN", value_name = "ADDR", default_value = "[::]:3001")]
    pub listen: SocketAddr,

    /// Address that peers connect to; port 0 takes a free one
    #[arg(
        long,
        env = "SEEDBED_SEEDER_PEER_LISTEN",
        value_name = "ADDR",
        default_value = "[::]:6881"
    )]
    pub peer_listen: SocketAddr,

    /// Directory whose files and folders are seeded
    #[arg(long, env = "SEEDBED_CONTENT", value_name = "DIR", required = true)]
    pub content: Option<PathBuf>,

    /// Tracker to announce to (http or udp); repeat it, or separate several by commas
    #[arg(long, env = "SEEDBED_ANNOUNCE", value_name = "URL", value_delimiter = ',')]
    pub announce: Vec<TrackerUrl>,

    /// Connect to peers that the tracker lists, instead of waiting for them
    #[arg(long, env = "SEEDBED_DIAL")]
    pub dial: bool,

    /// What is seeded, and how it is announced.
    #[command(flatten)]
    pub torrents: TorrentArgs,

    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to do instead of seeding.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Exit 0 if the seeder is healthy and 1 if it is not
    Healthcheck(Healthcheck),
}

/// What is seeded, and how it is announced.
#[derive(Args, Clone, Debug)]
pub struct TorrentArgs {
    /// Another namespace gives other infohashes for the same content: name the CI run
    #[arg(long, env = "SEEDBED_NAMESPACE", value_name = "RUN", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub namespace: Option<String>,

    /// Bytes in a piece, a power of two; by default such that there are at most 1024 pieces
    #[arg(long, env = "SEEDBED_PIECE_LENGTH", value_name = "BYTES")]
    pub piece_length: Option<PieceLength>,

    /// Peer ids derive from it: give each seeder of one bed another
    #[arg(long, env = "SEEDBED_SEED", value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Address that the tracker is told to list, where it is not the one that announces come from
    #[arg(long, env = "SEEDBED_ANNOUNCE_IP", value_name = "IP")]
    pub announce_ip: Option<IpAddr>,

    /// Announce at least so often, whatever interval the tracker asks for
    #[arg(long, env = "SEEDBED_ANNOUNCE_INTERVAL", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub announce_interval: Option<u32>,
}

impl TorrentArgs {
    /// The settings of a seeder with these flags.
    #[must_use]
    pub fn config(&self, content: PathBuf, announce: Vec<TrackerUrl>, dial: bool) -> Config {
        Config {
            content,
            magnet_trackers: announce.iter().map(ToString::to_string).collect(),
            announce,
            namespace: self.namespace.clone(),
            piece_length: self.piece_length,
            seed: self.seed,
            announce_ip: self.announce_ip,
            announce_interval: self
                .announce_interval
                .map(|seconds| Duration::from_secs(seconds.into())),
            dial,
        }
    }
}
