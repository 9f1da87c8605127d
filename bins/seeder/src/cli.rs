//! The command line of `seedbed-seeder`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroU64},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::{ArgAction, Args, Parser, Subcommand, builder::NonEmptyStringValueParser, value_parser};
use seedbed_announcer::{InvalidTrackerUrl, TrackerUrl};
use seedbed_metainfo::{Options, PieceLength};
use seedbed_service::{Healthcheck, LogArgs, Usage};
use seedbed_wire::Encryption;

use crate::{Config, Fraction, Library, Synthetic};

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

    /// Directory whose files and folders are seeded; not needed for synthetic content alone
    #[arg(
        long,
        env = "SEEDBED_CONTENT",
        value_name = "DIR",
        required_unless_present_any = ["synthetic", "spec"]
    )]
    pub content: Option<PathBuf>,

    /// Tracker to announce to (http or udp); each is a tier of its own, those with `|` between them
    /// are one tier; repeat it, or separate tiers by commas
    #[arg(long, env = "SEEDBED_ANNOUNCE", value_name = "URL", value_delimiter = ',')]
    pub announce: Vec<Tier>,

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
    /// Seed content that needs no disk, with a SIZE such as 1000, 64KiB or 2GiB; repeat it, or
    /// separate several by semicolons
    #[arg(
        long,
        env = "SEEDBED_SYNTHETIC",
        value_name = "NAME=SIZE[,seed=N]",
        value_delimiter = ';'
    )]
    pub synthetic: Vec<Synthetic>,

    /// Seed what this file lists, and not all of the directory: a path below it on each line, or
    /// `synthetic NAME=SIZE[,seed=N]`
    #[arg(long, env = "SEEDBED_SPEC", value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// Another namespace gives other infohashes for the same content: name the CI run
    #[arg(long, env = "SEEDBED_NAMESPACE", value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub namespace: Option<String>,

    /// Bytes in a piece, a power of two; by default such that there are at most 1024 pieces
    #[arg(long, env = "SEEDBED_PIECE_LENGTH", value_name = "BYTES")]
    pub piece_length: Option<PieceLength>,

    /// Mark torrents as private (BEP 27); magnet links then do not do, since the engine gives the
    /// metadata of such torrents to nobody
    #[arg(long, env = "SEEDBED_PRIVATE")]
    pub private: bool,

    /// Begin each file of a folder at a piece, by pad files (BEP 47)
    #[arg(long, env = "SEEDBED_PAD_FILES")]
    pub pad_files: bool,

    /// URL below which the directory is served too, for torrents to name as web seed (BEP 19)
    #[arg(long, env = "SEEDBED_WEB_SEED", value_name = "URL", value_delimiter = ',', value_parser = parse_web_seed)]
    pub web_seed: Vec<String>,

    /// Directory in which the hashes of unchanged files are remembered, if it can be written
    #[arg(long, env = "SEEDBED_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// Peer ids and partial shares derive from it: give each seeder of one bed another
    #[arg(long, env = "SEEDBED_SEED", value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Be so many peers, each with a peer id and a port (the one after the last) of its own
    #[arg(long, env = "SEEDBED_SEEDERS", value_name = "N", default_value = "1", value_parser = value_parser!(u16).range(1..=256))]
    pub seeders: u16,

    /// Let each of several seeders have about this share of the pieces, so that none has all and
    /// together they do
    #[arg(long, env = "SEEDBED_PARTIAL", value_name = "FRACTION")]
    pub partial: Option<Fraction>,

    /// Let peers have the content of another client, at this address, and not the engine's
    #[arg(long, env = "SEEDBED_UPSTREAM", value_name = "HOST:PORT", value_parser = parse_upstream)]
    pub upstream: Option<String>,

    /// Address that the tracker is told to list, where it is not the one that announces come from
    #[arg(long, env = "SEEDBED_ANNOUNCE_IP", value_name = "IP")]
    pub announce_ip: Option<IpAddr>,

    /// Announce at least so often, whatever interval the tracker asks for
    #[arg(long, env = "SEEDBED_ANNOUNCE_INTERVAL", value_name = "SECONDS", value_parser = value_parser!(u32).range(1..))]
    pub announce_interval: Option<u32>,

    /// Streams to speak with peers: plaintext, rc4 (Message Stream Encryption) or both
    #[arg(long, env = "SEEDBED_ENCRYPTION", value_name = "KIND", default_value_t = Encryption::Both)]
    pub encryption: Encryption,

    /// Accept peers over uTP (BEP 29) too, on the UDP port of the same number
    #[arg(long, env = "SEEDBED_UTP", value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub utp: bool,

    /// Bytes a second to all peers together
    #[arg(long, env = "SEEDBED_UPLOAD_LIMIT", value_name = "BYTES")]
    pub upload_limit: Option<NonZeroU64>,

    /// Bytes a second to each peer
    #[arg(long, env = "SEEDBED_PEER_UPLOAD_LIMIT", value_name = "BYTES")]
    pub peer_upload_limit: Option<NonZeroU64>,
}

impl TorrentArgs {
    /// The settings of a seeder with these flags.
    ///
    /// # Errors
    /// The flags contradict each other.
    pub fn config(
        &self,
        content: Option<PathBuf>,
        announce: Vec<Tier>,
        dial: bool,
    ) -> Result<Config, Usage> {
        if let (Some(partial), 1) = (self.partial, self.seeders) {
            return Err(Usage(format!(
                "wanted --seeders of 2 or more with --partial {partial}, got 1"
            )));
        }
        let announce: Vec<_> = announce.into_iter().map(|tier| tier.0).collect();
        let text = |tier: &Vec<TrackerUrl>| tier.iter().map(ToString::to_string).collect();
        Ok(Config {
            library: Library {
                directory: content,
                spec: self.spec.clone(),
                synthetic: self.synthetic.clone(),
            },
            options: Options {
                piece_length: self.piece_length,
                source: self.namespace.clone(),
                private: self.private,
                pads: self.pad_files,
            },
            cache: self.cache_dir.clone(),
            magnet_trackers: announce.iter().map(text).collect(),
            announce,
            web_seeds: self.web_seed.clone(),
            seed: self.seed,
            announce_ip: self.announce_ip,
            announce_interval: self
                .announce_interval
                .map(|seconds| Duration::from_secs(seconds.into())),
            dial,
            partial: self.partial,
            upstream: self.upstream.clone(),
            encryption: self.encryption,
            upload_limit: self.upload_limit,
            peer_upload_limit: self.peer_upload_limit,
        })
    }

    /// How many peers to be.
    #[must_use]
    pub fn seeders(&self) -> NonZeroU16 {
        NonZeroU16::new(self.seeders).unwrap_or(NonZeroU16::MIN)
    }
}

/// A tier of trackers (BEP 12): URLs with `|` between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier(Vec<TrackerUrl>);

impl FromStr for Tier {
    type Err = InvalidTrackerUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('|').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&urls.join("|"))
    }
}

fn parse_web_seed(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.query().is_none() => {
            Ok(text.to_owned())
        }
        _ => Err(format!("wanted the URL of a folder, http://host/path, got {text}")),
    }
}

fn parse_upstream(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<NonZeroU16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err(format!("wanted HOST:PORT, got {text}")),
    }
}
