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
use seedbed_service::{Healthcheck, LogArgs, Usage, guard::ControlArgs};
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
    /// A command other than seeding.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address of the control API; port 0 takes a free one
    #[arg(long, env = "SEEDBED_SEEDER_LISTEN", value_name = "ADDR", default_value = "[::]:3001")]
    pub listen: SocketAddr,

    /// Address at which to accept peers; port 0 takes a free one
    #[arg(
        long,
        env = "SEEDBED_SEEDER_PEER_LISTEN",
        value_name = "ADDR",
        default_value = "[::]:6881"
    )]
    pub peer_listen: SocketAddr,

    /// Directory whose files and folders to seed; optional with synthetic content
    #[arg(
        long,
        env = "SEEDBED_CONTENT",
        value_name = "DIR",
        required_unless_present_any = ["synthetic", "spec"]
    )]
    pub content: Option<PathBuf>,

    /// Tracker to announce to (http or udp); repeat it, or separate several by commas. Each is a tier
    /// of its own; `|` joins trackers of one tier
    #[arg(long, env = "SEEDBED_ANNOUNCE", value_name = "URL", value_delimiter = ',')]
    pub announce: Vec<Tier>,

    /// Connect to the peers that trackers list, instead of only accepting them
    #[arg(long, env = "SEEDBED_DIAL")]
    pub dial: bool,

    /// The torrents to seed, and how to announce them.
    #[command(flatten)]
    pub torrents: TorrentArgs,

    /// Who may change state.
    #[command(flatten)]
    pub control: ControlArgs,

    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// A command other than seeding.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Exit 0 if the seeder is healthy and 1 if it is not
    Healthcheck(Healthcheck),
}

/// The torrents to seed, and how to announce them.
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

    /// File that lists what to seed instead of the whole directory: on each line a path below the
    /// directory, or `synthetic NAME=SIZE[,seed=N]`
    #[arg(long, env = "SEEDBED_SPEC", value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// Name of the CI run: another namespace gives other infohashes for the same content
    #[arg(long, env = "SEEDBED_NAMESPACE", value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub namespace: Option<String>,

    /// Bytes in a piece, a power of two; by default the smallest that gives at most 1024 pieces
    #[arg(long, env = "SEEDBED_PIECE_LENGTH", value_name = "BYTES")]
    pub piece_length: Option<PieceLength>,

    /// Mark torrents as private (BEP 27). Magnet links do not work then: the engine does not send
    /// the metadata of private torrents
    #[arg(long, env = "SEEDBED_PRIVATE")]
    pub private: bool,

    /// Align each file of a folder to a piece with pad files (BEP 47)
    #[arg(long, env = "SEEDBED_PAD_FILES")]
    pub pad_files: bool,

    /// URL below which another server has the directory: a web seed of each torrent (BEP 19)
    #[arg(long, env = "SEEDBED_WEB_SEED", value_name = "URL", value_delimiter = ',', value_parser = parse_web_seed)]
    pub web_seed: Vec<String>,

    /// Directory for a cache of the hashes of unchanged files; ignored if it cannot be written
    #[arg(long, env = "SEEDBED_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// Seed of peer ids and partial shares: give each seeder of one bed another
    #[arg(long, env = "SEEDBED_SEED", value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Number of seeders to run, each with its own peer id and port (consecutive ports)
    #[arg(long, env = "SEEDBED_SEEDERS", value_name = "N", default_value = "1", value_parser = value_parser!(u16).range(1..=256))]
    pub seeders: u16,

    /// Share of the pieces that each of several seeders has; none has all pieces, and together they
    /// do
    #[arg(long, env = "SEEDBED_PARTIAL", value_name = "FRACTION")]
    pub partial: Option<Fraction>,

    /// Address of another BitTorrent client that serves the content in place of the engine
    #[arg(long, env = "SEEDBED_UPSTREAM", value_name = "HOST:PORT", value_parser = parse_upstream)]
    pub upstream: Option<String>,

    /// IP address for trackers to list, instead of the one that announces come from
    #[arg(long, env = "SEEDBED_ANNOUNCE_IP", value_name = "IP")]
    pub announce_ip: Option<IpAddr>,

    /// Longest time between two announces, whatever interval the tracker asks for
    #[arg(long, env = "SEEDBED_ANNOUNCE_INTERVAL", value_name = "SECONDS", value_parser = value_parser!(u32).range(1..))]
    pub announce_interval: Option<u32>,

    /// Encryption of connections to peers: plaintext, rc4 (Message Stream Encryption) or both
    #[arg(long, env = "SEEDBED_ENCRYPTION", value_name = "KIND", default_value_t = Encryption::Both)]
    pub encryption: Encryption,

    /// Accept peers over uTP (BEP 29) too, on the UDP port of the same number
    #[arg(long, env = "SEEDBED_UTP", value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub utp: bool,

    /// Upload limit for all peers together, in bytes per second
    #[arg(long, env = "SEEDBED_UPLOAD_LIMIT", value_name = "BYTES")]
    pub upload_limit: Option<NonZeroU64>,

    /// Upload limit for each peer, in bytes per second
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
        control: ControlArgs,
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
            control,
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

    /// The number of seeders.
    #[must_use]
    pub fn seeders(&self) -> NonZeroU16 {
        NonZeroU16::new(self.seeders).unwrap_or(NonZeroU16::MIN)
    }
}

/// A tier of trackers (BEP 12): URLs with `|` between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier(Vec<TrackerUrl>);

impl From<TrackerUrl> for Tier {
    fn from(url: TrackerUrl) -> Self {
        Self(vec![url])
    }
}

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
