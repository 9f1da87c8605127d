//! The command line of `seedbed`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};
use seedbed_http::{Tls, TlsArgs, TlsError};
use seedbed_seeder::cli::TorrentArgs;
use seedbed_service::{Healthcheck, LogArgs, UsageContext as _, guard::ControlArgs};

use crate::{fetch::FetchArgs, ports};

/// A test bed for software that speaks BitTorrent or streams over HTTP
#[derive(Debug, Parser)]
#[command(name = "seedbed", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run tracker, seeder and range server in one process, until Ctrl-C
    Up(Box<UpArgs>),
    /// Download a torrent, verify it, and print the SHA-256 of each file
    Fetch(FetchArgs),
    /// Exit 0 if a bed with these flags seeds and announces every torrent, and 1 if it does not
    Healthcheck(Box<HealthcheckArgs>),
}

/// Which bed to ask.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckArgs {
    /// How to ask.
    #[command(flatten)]
    pub healthcheck: Healthcheck,

    /// The flags of that bed.
    #[command(flatten)]
    pub bed: UpArgs,
}

impl HealthcheckArgs {
    /// Asks the seeder, which is healthy only while the tracker lists its torrents. A range server
    /// that fails ends the bed.
    ///
    /// # Errors
    /// The bed is not healthy, and did not become so in time.
    pub async fn run(&self) -> anyhow::Result<()> {
        self.healthcheck.run("http", self.bed.seeder()?).await
    }
}

/// The flags of `seedbed up`.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Directory to seed and serve; by default the stock videos, which are made first if they are
    /// missing
    #[arg(long, env = "SEEDBED_CONTENT", value_name = "DIR")]
    pub content: Option<PathBuf>,

    /// Address that every service listens on; `::` is every interface, IPv4 included
    #[arg(long, env = "SEEDBED_BIND", value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    pub bind: IpAddr,

    /// Add N to each default port, for a bed beside another
    #[arg(long, env = "SEEDBED_PORT_OFFSET", value_name = "N", default_value_t = 0)]
    pub port_offset: u16,

    /// Address of the tracker, TCP and UDP; port 0 takes a free one [default: BIND:8000+N]
    #[arg(long, env = "SEEDBED_TRACKER_LISTEN", value_name = "ADDR")]
    pub tracker_listen: Option<SocketAddr>,

    /// Address of the seeder's control API [default: BIND:3001+N]
    #[arg(long, env = "SEEDBED_SEEDER_LISTEN", value_name = "ADDR")]
    pub seeder_listen: Option<SocketAddr>,

    /// Address at which the seeder accepts peers [default: BIND:6881+N]
    #[arg(long, env = "SEEDBED_SEEDER_PEER_LISTEN", value_name = "ADDR")]
    pub seeder_peer_listen: Option<SocketAddr>,

    /// Address of the range server [default: BIND:3002+N]
    #[arg(long, env = "SEEDBED_RANGE_LISTEN", value_name = "ADDR")]
    pub range_listen: Option<SocketAddr>,

    /// Host name or address in magnet links and URLs [default: BIND, or 127.0.0.1]
    #[arg(long, env = "SEEDBED_HOST", value_name = "HOST", value_parser = parse_host)]
    pub host: Option<String>,

    /// Announce interval that the tracker asks for
    #[arg(long, env = "INTERVAL", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub interval: u32,

    /// Connect to peers that announce to the tracker: some clients never dial a loopback address
    #[arg(long, env = "SEEDBED_DIAL", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub dial: bool,

    /// Serve the segments in DIR/.hls, at /hls/NAME/{ts,fmp4}/index.m3u8 of the range server
    #[arg(long, env = "SEEDBED_RANGE_HLS", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub hls: bool,

    /// Play these segments in a loop as live streams, at /hls-live/NAME/{ts,fmp4}/index.m3u8
    #[arg(long, env = "SEEDBED_RANGE_HLS_LIVE", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub hls_live: bool,

    /// The torrents to seed, and how to announce them.
    #[command(flatten)]
    pub torrents: TorrentArgs,

    /// Whether tracker and range server speak TLS; the seeder's control API does not.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Who may change state.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// A host as it stands in a URL: an IPv6 address gets its brackets.
fn parse_host(text: &str) -> Result<String, String> {
    let bare = text.trim_matches(['[', ']']);
    let host = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
    match url::Host::parse(&host) {
        Ok(host) => Ok(host.to_string()),
        Err(error) => Err(format!("wanted a host name or address, got {text:?}: {error}")),
    }
}

impl UpArgs {
    /// The address of the seeder's control API.
    ///
    /// # Errors
    /// The port with its offset is above 65535.
    pub(crate) fn seeder(&self) -> anyhow::Result<SocketAddr> {
        self.address(self.seeder_listen, ports::SEEDER).usage("bad --port-offset")
    }

    /// Sets up TLS for the addresses of tracker and range server and the names of the host; `None`
    /// without `--tls`.
    pub(crate) fn load_tls(&self) -> Result<Option<Tls>, TlsError> {
        let listen = [self.tracker_listen, self.range_listen].into_iter().flatten();
        let addresses = listen.map(|address| address.ip()).chain([self.bind]);
        let names = self.control.host_names().map(str::to_owned).chain(self.host.clone());
        self.tls.load(names.chain(addresses.map(|ip| ip.to_string())))
    }

    /// The address of a service, given its own flag and its default port.
    ///
    /// # Errors
    /// The port with its offset is above 65535.
    pub(crate) fn address(
        &self,
        own: Option<SocketAddr>,
        port: u16,
    ) -> Result<SocketAddr, PortOffsetTooLarge> {
        match own {
            Some(address) => Ok(address),
            None => port
                .checked_add(self.port_offset)
                .map(|port| SocketAddr::new(self.bind, port))
                .ok_or(PortOffsetTooLarge { offset: self.port_offset, port }),
        }
    }
}

/// A port with its offset is above 65535.
#[derive(Debug, thiserror::Error)]
#[error("wanted a port offset that leaves port {port} below 65536, got {offset}")]
pub(crate) struct PortOffsetTooLarge {
    offset: u16,
    port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &[&str]) -> UpArgs {
        let cli = Cli::parse_from([&["seedbed", "up"], line].concat());
        let Command::Up(args) = cli.command else { panic!("up") };
        *args
    }

    #[test]
    fn an_offset_moves_every_default_port_and_no_other() {
        let args = args(&["--port-offset", "100"]);
        assert_eq!(args.address(None, 8000).unwrap(), ([127, 0, 0, 1], 8100).into());
        let own = ([127, 0, 0, 1], 7).into();
        assert_eq!(args.address(Some(own), 8000).unwrap(), own);
    }

    #[test]
    fn an_offset_past_the_last_port_is_named() {
        let error = args(&["--port-offset", "60000"]).address(None, 8000).unwrap_err();
        assert!(error.to_string().contains("60000"), "{error}");
    }

    #[test]
    fn a_host_may_be_a_name_or_an_address() {
        assert_eq!(parse_host("bed.test").unwrap(), "bed.test");
        assert_eq!(parse_host("::1").unwrap(), "[::1]");
        assert!(parse_host("a b").unwrap_err().contains("a b"));
    }
}
