//! The command line of `seedbed-tracker`.

use std::{
    collections::HashSet,
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use seedbed_http::{Tls, TlsArgs, TlsError};
use seedbed_metainfo::{Infohash, InvalidInfohash};
use seedbed_service::{Healthcheck, LogArgs, bind, guard::ControlArgs};

use crate::{Config, Listeners, PeerOrder};

/// BitTorrent tracker for tests: HTTP, UDP and WebSocket over one swarm store
#[derive(Clone, Debug, Parser)]
#[command(
    name = "seedbed-tracker",
    version,
    about,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address to listen on, TCP and UDP
    #[arg(
        long,
        env = "SEEDBED_TRACKER_LISTEN",
        value_name = "ADDR",
        default_value_t = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8000))
    )]
    pub listen: SocketAddr,

    /// Port to listen on, in place of the port of --listen
    #[arg(long, env = "PORT", value_name = "N")]
    pub port: Option<u16>,

    /// Seconds between two announces of a peer
    #[arg(
        long,
        env = "INTERVAL",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX))
    )]
    pub interval: u32,

    /// Intervals after which a silent peer expires; by default 3, but at least 330 seconds, because
    /// libtorrent announces every 300 seconds at most
    #[arg(
        long,
        env = "SEEDBED_TRACKER_EXPIRE_AFTER",
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub expire_after: Option<u32>,

    /// Most peers in one response
    #[arg(
        long,
        env = "SEEDBED_TRACKER_MAX_NUMWANT",
        value_name = "N",
        default_value_t = 82,
        // A response over UDP has to fit into a datagram.
        value_parser = clap::value_parser!(u32).range(0..=3000)
    )]
    pub max_numwant: u32,

    /// Longest query of an announce or a scrape over HTTP
    #[arg(
        long,
        env = "SEEDBED_TRACKER_MAX_QUERY",
        value_name = "BYTES",
        default_value_t = 64 << 10,
        value_parser = clap::value_parser!(u32).range(256..=16 << 20)
    )]
    pub max_query: u32,

    /// Most infohashes in a scrape over HTTP or WebSocket
    #[arg(
        long,
        env = "SEEDBED_TRACKER_MAX_SCRAPE",
        value_name = "N",
        default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(1..=65_536)
    )]
    pub max_scrape: u32,

    /// Serve announce and scrape over HTTP
    #[arg(
        long,
        env = "HTTP",
        value_name = "BOOL",
        default_value = "true",
        action = ArgAction::Set,
        value_parser = on_unless_false
    )]
    pub http: bool,

    /// Serve announce and scrape over UDP
    #[arg(
        long,
        env = "UDP",
        value_name = "BOOL",
        default_value = "true",
        action = ArgAction::Set,
        value_parser = on_unless_false
    )]
    pub udp: bool,

    /// Serve WebTorrent peers over WebSocket
    #[arg(
        long,
        env = "WEBSOCKET",
        value_name = "BOOL",
        default_value = "true",
        action = ArgAction::Set,
        value_parser = on_unless_false
    )]
    pub websocket: bool,

    /// Serve /stats, /stats.json and /api/torrents
    #[arg(
        long,
        env = "STATS",
        value_name = "BOOL",
        default_value = "true",
        action = ArgAction::Set,
        value_parser = on_unless_false
    )]
    pub stats: bool,

    /// Trust X-Forwarded-For, and the addresses that senders outside the local network announce
    #[arg(
        long,
        env = "TRUST_PROXY",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        action = ArgAction::Set,
        value_parser = off_unless_true
    )]
    pub trust_proxy: bool,

    /// Comma-separated infohashes: clients may announce no others
    #[arg(
        long,
        env = "TORRENT_WHITELIST",
        value_name = "INFOHASHES",
        default_value = "",
        hide_default_value = true,
        value_parser = parse_infohashes
    )]
    pub whitelist: Infohashes,

    /// Comma-separated infohashes that clients may not announce
    #[arg(
        long,
        env = "TORRENT_BLACKLIST",
        value_name = "INFOHASHES",
        default_value = "",
        hide_default_value = true,
        value_parser = parse_infohashes
    )]
    pub blacklist: Infohashes,

    /// The peers to list if there are more than a client wants, and their order
    #[arg(
        long,
        env = "SEEDBED_TRACKER_PEER_ORDER",
        value_name = "ORDER",
        value_enum,
        default_value_t
    )]
    pub peer_order: PeerOrder,

    /// Seed of all randomness: with it, the same requests get the same answers
    #[arg(long, env = "SEEDBED_TRACKER_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// The tracker that answers
    #[arg(
        long,
        env = "SEEDBED_TRACKER_ENGINE",
        value_name = "ENGINE",
        value_enum,
        default_value_t
    )]
    pub engine: EngineKind,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub tls: TlsArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub control: ControlArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would replace the help of the flags")]
    pub log: LogArgs,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Exit 0 if the tracker is healthy and 1 if it is not
    Healthcheck(Healthcheck),
}

/// The tracker that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// This tracker
    #[default]
    Builtin,
    /// `aquatic_http`: announce and scrape over HTTP only; needs a build with the feature aquatic
    Aquatic,
}

/// The value of a flag that takes several infohashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infohashes(pub HashSet<Infohash>);

impl Cli {
    /// The address to listen on, with `--port` in place.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen.ip(), self.port.unwrap_or(self.listen.port()))
    }

    /// Binds the sockets.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind(&self) -> Result<Listeners, bind::BindError> {
        Ok(if self.udp {
            let (http, udp) = bind::tcp_and_udp(self.address())?;
            Listeners { http, udp: Some(udp) }
        } else {
            Listeners { http: bind::tcp(self.address())?, udp: None }
        })
    }

    /// Sets up TLS for the address to listen on and the names of `--allow-host`; `None` without `--tls`.
    ///
    /// # Errors
    /// The flags contradict each other, or a file is not what its flag needs.
    pub fn load_tls(&self) -> Result<Option<Tls>, TlsError> {
        let host = self.address().ip().to_string();
        self.tls.load(self.control.host_names().map(str::to_owned).chain([host]))
    }

    /// The configuration of the tracker, without TLS.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            interval: Duration::from_secs(self.interval.into()),
            expire_after: self.expire_after,
            max_numwant: self.max_numwant,
            max_query: self.max_query as usize,
            max_scrape: self.max_scrape as usize,
            trust_proxy: self.trust_proxy,
            whitelist: self.whitelist.0.clone(),
            blacklist: self.blacklist.0.clone(),
            http: self.http,
            websocket: self.websocket,
            stats: self.stats,
            peer_order: self.peer_order,
            seed: self.seed,
            tls: None,
            control: self.control.clone(),
        }
    }
}

/// Parses a switch that is on by default; an empty environment variable leaves it on.
fn on_unless_false(text: &str) -> Result<bool, String> {
    parse_switch(text, true)
}

/// Parses a switch that is off by default; an empty environment variable leaves it off.
fn off_unless_true(text: &str) -> Result<bool, String> {
    parse_switch(text, false)
}

fn parse_switch(text: &str, default: bool) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(default),
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("wanted true or false".to_owned()),
    }
}

fn parse_infohashes(text: &str) -> Result<Infohashes, InvalidInfohash> {
    let infohashes = text.split(',').map(str::trim).filter(|infohash| !infohash.is_empty());
    infohashes.map(str::parse).collect::<Result<_, _>>().map(Infohashes)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let defaults = Cli::try_parse_from(["seedbed-tracker"]).unwrap().config();
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_switch_takes_what_existing_images_take() {
        for on in ["true", "1", "yes", "on", "True", "TRUE"] {
            assert_eq!(parse_switch(on, false), Ok(true), "{on}");
        }
        for off in ["false", "0", "no", "off", "False"] {
            assert_eq!(parse_switch(off, true), Ok(false), "{off}");
        }
        assert_eq!(parse_switch("", true), Ok(true));
        assert_eq!(parse_switch("", false), Ok(false));
        assert!(parse_switch("maybe", true).is_err());
    }

    #[test]
    fn infohashes_are_separated_by_commas() {
        let two = format!("{}, {},", "ab".repeat(20), "cd".repeat(20));
        assert_eq!(parse_infohashes(&two).unwrap().0.len(), 2);
        assert!(parse_infohashes("").unwrap().0.is_empty());
        assert!(parse_infohashes("abc").unwrap_err().to_string().contains("abc"));
    }
}
