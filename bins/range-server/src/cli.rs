//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use seedbed_http::TlsArgs;
use seedbed_service::{Healthcheck, LogArgs, Usage, UsageContext as _, guard::ControlArgs};

use crate::{Config, MalformedRange, hls::Hls, root::Root};

/// Serve a directory over HTTP as RFC 9110 has it: ranges, validators, conditional requests
#[derive(Parser, Clone, Debug)]
#[command(
    name = "seedbed-range",
    version,
    about,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Directory whose files are served
    #[arg(long, env = "SEEDBED_RANGE_ROOT", value_name = "DIR", required = true)]
    pub root: Option<PathBuf>,

    /// Address to listen on
    #[arg(long, env = "SEEDBED_RANGE_LISTEN", value_name = "ADDR", default_value = "[::]:3002")]
    pub listen: SocketAddr,

    /// What to do with a `bytes` range that breaks the grammar
    #[arg(long, env = "SEEDBED_RANGE_MALFORMED_RANGE", value_enum, default_value_t)]
    pub malformed_range: MalformedRange,

    /// Serve the segments in DIR/.hls as HTTP Live Streaming, at /hls/NAME/{ts,fmp4}/index.m3u8
    #[arg(long, env = "SEEDBED_RANGE_HLS")]
    pub hls: bool,

    /// Play them in a loop as live streams, at /hls-live/NAME/{ts,fmp4}/index.m3u8
    #[arg(long, env = "SEEDBED_RANGE_HLS_LIVE")]
    pub hls_live: bool,

    /// How to speak TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Who may change state.
    #[command(flatten)]
    pub control: ControlArgs,

    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What else the binary can do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Ask a running server whether it is healthy
    Healthcheck(Healthcheck),
}

impl Cli {
    /// The configuration that the flags give.
    ///
    /// # Errors
    /// The root cannot be read, or TLS cannot be set up.
    pub fn config(&self) -> anyhow::Result<Config> {
        let Some(root) = &self.root else {
            return Err(Usage("wanted --root DIR".into()).into());
        };
        Ok(Config {
            root: Root::open(root).usage("bad --root")?,
            malformed_range: self.malformed_range,
            hls: Hls { vod: self.hls, live: self.hls_live },
            tls: self.tls.load(self.names()).usage("failed to set up TLS")?,
            control: self.control.clone(),
        })
    }

    /// The names by which clients reach the server, as far as the flags tell.
    fn names(&self) -> impl Iterator<Item = String> {
        let host = self.listen.ip().to_string();
        self.control.host_names().map(str::to_owned).chain([host])
    }
}
