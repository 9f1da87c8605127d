//! The sockets of a bed, and the URLs by which others reach them.

use std::{io, net::SocketAddr};

use seedbed_service::{UsageContext as _, bind, startup};

use crate::cli::UpArgs;

/// Default ports, before the offset.
const TRACKER: u16 = 8000;
pub(crate) const SEEDER: u16 = 3001;
const PEERS: u16 = 6881;
const RANGE: u16 = 3002;

/// All sockets of a bed, bound.
pub(crate) struct Sockets {
    pub(crate) tracker: seedbed_tracker::Listeners,
    pub(crate) seeder: seedbed_seeder::Listeners,
    pub(crate) range: std::net::TcpListener,
}

/// Where they are bound.
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
        let tracker = address(args.tracker_listen, TRACKER)?;
        let seeder = args.seeder()?;
        let peers = address(args.seeder_peer_listen, PEERS)?;
        let range = address(args.range_listen, RANGE)?;
        let (http, udp) = bind::tcp_and_udp(tracker)?;
        let torrents = &args.torrents;
        Ok(Self {
            tracker: seedbed_tracker::Listeners { http, udp: Some(udp) },
            seeder: seedbed_seeder::Listeners::bind(
                seeder,
                peers,
                torrents.seeders(),
                torrents.utp,
            )?,
            range: bind::tcp(range)?,
        })
    }

    /// Where they are bound, with the ports that were free where 0 was asked for.
    pub(crate) fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            tracker: self.tracker.http.local_addr()?,
            seeder: self.seeder.addresses()?,
            range: self.range.local_addr()?,
        })
    }
}

impl Addresses {
    /// Prints a line for each socket.
    pub(crate) fn announce(&self) {
        let Self { tracker, seeder, range } = self;
        startup::listening(format_args!("http://{tracker}"), Some("seedbed-tracker"));
        startup::listening(format_args!("udp://{tracker}"), Some("seedbed-tracker"));
        seeder.announce(Some("seedbed-seeder"));
        startup::listening(format_args!("http://{range}"), Some("seedbed-range"));
    }

    /// The URL at which the bed's own seeder reaches the tracker.
    pub(crate) fn own_announce_url(&self) -> String {
        format!("http://{}/announce", bind::reachable(self.tracker))
    }

    /// The URLs to give to others: they name `--host`, or the address that is bound.
    pub(crate) fn links(&self, args: &UpArgs) -> Links {
        let place = |address: SocketAddr| {
            let address = bind::reachable(address);
            match &args.host {
                Some(host) => format!("{host}:{}", address.port()),
                None => address.to_string(),
            }
        };
        let tracker = place(self.tracker);
        Links {
            announce: vec![format!("http://{tracker}/announce"), format!("udp://{tracker}")],
            statistics: format!("http://{tracker}/stats"),
            seeder_host: place(self.seeder.http),
            range: format!("http://{}", place(self.range)),
        }
    }
}
