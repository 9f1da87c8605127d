//! The sockets of a bed, and the URLs by which others reach them.

use std::{io, net::SocketAddr};

use anyhow::anyhow;
use seedbed_announcer::TrackerUrl;
use seedbed_http::Tls;
use seedbed_service::{
    Trust, UsageContext as _,
    bind::{self, BindError},
    startup,
};

use crate::{cli::UpArgs, ports};

/// All sockets of a bed, bound.
pub(crate) struct Sockets {
    pub(crate) tracker: seedbed_tracker::Listeners,
    pub(crate) seeder: seedbed_seeder::Listeners,
    pub(crate) range: std::net::TcpListener,
}

/// The addresses of a bed's sockets.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    tracker: SocketAddr,
    seeder: seedbed_seeder::Addresses,
    range: SocketAddr,
}

/// The URLs by which others reach a bed, without a slash at the end.
#[derive(Debug)]
pub(crate) struct Links {
    /// Announce URLs, HTTP first.
    pub(crate) announce: Vec<String>,
    pub(crate) statistics: String,
    /// Host and port of the inventory.
    pub(crate) seeder_host: String,
    pub(crate) range: String,
}

impl Sockets {
    /// Binds them all, or none.
    ///
    /// # Errors
    /// A port is in use, or its offset is too large.
    pub(crate) fn bind(args: &UpArgs) -> anyhow::Result<Self> {
        let address = |own, port| args.address(own, port).usage("bad --port-offset");
        let tracker = address(args.tracker_listen, ports::TRACKER)?;
        let seeder = args.seeder()?;
        let peers = address(args.seeder_peer_listen, ports::PEERS)?;
        let range = address(args.range_listen, ports::RANGE)?;
        let (http, udp) = bind::tcp_and_udp(tracker).map_err(|error| {
            in_use(error.into(), args, |_| ("tracker", "--tracker-listen", args.tracker_listen))
        })?;
        let listeners = seedbed_seeder::Listeners::bind(
            seeder,
            peers,
            args.torrents.seeders(),
            args.torrents.utp,
        );
        let seeder = listeners.map_err(|error| {
            in_use(error, args, |address| {
                if address == seeder {
                    ("seeder", "--seeder-listen", args.seeder_listen)
                } else {
                    ("seeder's peers", "--seeder-peer-listen", args.seeder_peer_listen)
                }
            })
        })?;
        let range = bind::tcp(range).map_err(|error| {
            in_use(error.into(), args, |_| ("range server", "--range-listen", args.range_listen))
        })?;
        let tracker = seedbed_tracker::Listeners { http, udp: Some(udp) };
        Ok(Self { tracker, seeder, range })
    }

    /// The bound addresses, with the actual ports in place of 0.
    pub(crate) fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            tracker: self.tracker.http.local_addr()?,
            seeder: self.seeder.addresses()?,
            range: self.range.local_addr()?,
        })
    }
}

/// The error for a socket that another process has: it names the server, and the flag that helps.
/// `server` returns the name of the server at an address, the flag for that address, and its value.
fn in_use(
    error: anyhow::Error,
    args: &UpArgs,
    server: impl Fn(SocketAddr) -> (&'static str, &'static str, Option<SocketAddr>),
) -> anyhow::Error {
    let Some(bound) = error.downcast_ref::<BindError>().filter(|error| error.is_in_use()) else {
        return error;
    };
    let (address, protocol) = (bound.address(), bound.protocol());
    let (server, flag, own) = server(address);
    let advice = match own {
        Some(_) => format!("another {flag}"),
        None => format!("--port-offset {}", args.port_offset.saturating_add(100)),
    };
    let port = address.port();
    anyhow!("port {port} is in use ({server}, {protocol}); try {advice}")
}

impl Addresses {
    /// Prints a `listening on` line for each socket. Tracker and range server speak `scheme`.
    pub(crate) fn announce(&self, scheme: &str) {
        let Self { tracker, seeder, range } = self;
        startup::listening(format_args!("{scheme}://{tracker}"), Some("seedbed-tracker"));
        startup::listening(format_args!("udp://{tracker}"), Some("seedbed-tracker"));
        seeder.announce(Some("seedbed-seeder"));
        startup::listening(format_args!("{scheme}://{range}"), Some("seedbed-range"));
    }

    /// The tracker as the bed's own seeder reaches it. Over https it has to show the certificate of
    /// `tls`, whose names need not have this address among them.
    pub(crate) fn own_tracker(&self, tls: Option<&Tls>) -> anyhow::Result<TrackerUrl> {
        let place = format!("{}/announce", bind::reachable(self.tracker));
        Ok(match tls {
            None => format!("http://{place}").parse()?,
            Some(tls) => {
                let trust = Trust::Certificate(tls.certificate().into());
                TrackerUrl::https(format!("https://{place}").parse()?, trust)
            }
        })
    }

    /// The URLs for others, with `--host` or the bound address as host.
    pub(crate) fn links(&self, args: &UpArgs) -> Links {
        let place = |address: SocketAddr| {
            let address = bind::reachable(address);
            match &args.host {
                Some(host) => format!("{host}:{}", address.port()),
                None => address.to_string(),
            }
        };
        let tracker = place(self.tracker);
        let scheme = args.tls.scheme();
        Links {
            announce: vec![format!("{scheme}://{tracker}/announce"), format!("udp://{tracker}")],
            statistics: format!("{scheme}://{tracker}/stats"),
            seeder_host: place(self.seeder.http),
            range: format!("{scheme}://{}", place(self.range)),
        }
    }
}
