//! What a seeder is told, and the sockets that it is given.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    num::{NonZeroU16, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use seedbed_announcer::TrackerUrl;
use seedbed_metainfo::Options;
use seedbed_service::{Usage, bind, startup};
use seedbed_wire::Encryption;

use crate::{library::Library, share::Fraction};

/// What a seeder seeds, and to whom it says so.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is seeded.
    pub library: Library,
    /// What info dictionaries hold beyond the content.
    pub options: Options,
    /// Where hashes of unchanged files are remembered, if that can be written.
    pub cache: Option<PathBuf>,
    /// Trackers to announce to, in tiers (BEP 12).
    pub announce: Vec<Vec<TrackerUrl>>,
    /// Trackers that magnet links and .torrent files name.
    pub magnet_trackers: Vec<Vec<String>>,
    /// Base URLs of web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// What peer ids and shares derive from.
    pub seed: u64,
    /// Address that the tracker is told to list.
    pub announce_ip: Option<IpAddr>,
    /// Longest time between two announces, whatever the tracker asks for.
    pub announce_interval: Option<Duration>,
    /// Whether to connect to peers that the tracker lists, instead of waiting for them.
    pub dial: bool,
    /// What each of several seeders has; everything where none is given.
    pub partial: Option<Fraction>,
    /// Another client that has the content, in place of the engine.
    pub upstream: Option<String>,
    /// Which streams are spoken with peers.
    pub encryption: Encryption,
    /// Bytes a second to all peers.
    pub upload_limit: Option<NonZeroU64>,
    /// Bytes a second to each peer.
    pub peer_upload_limit: Option<NonZeroU64>,
}

/// The sockets of a seeder, bound.
#[derive(Debug)]
pub struct Listeners {
    /// For the inventory.
    pub http: TcpListener,
    /// For peers, one for each seeder.
    pub peers: Vec<seedbed_wire::Listeners>,
}

impl Listeners {
    /// Binds them all, or none. Each seeder has the port after the one before it, or a free one
    /// where port 0 is asked for; uTP has the number of TCP's.
    ///
    /// # Errors
    /// A port is in use, or there is none after 65535.
    pub fn bind(
        http: SocketAddr,
        peers: SocketAddr,
        seeders: NonZeroU16,
        utp: bool,
    ) -> anyhow::Result<Self> {
        let of_seeder = |index: u16| {
            let port = match peers.port() {
                0 => 0,
                first => first.checked_add(index).with_context(|| {
                    Usage(format!("wanted {seeders} ports for peers from {first} on"))
                })?,
            };
            let address = SocketAddr::new(peers.ip(), port);
            let (tcp, utp) = if utp {
                let (tcp, utp) = bind::tcp_and_udp(address)?;
                (tcp, Some(utp))
            } else {
                (bind::tcp(address)?, None)
            };
            Ok(seedbed_wire::Listeners { tcp, utp })
        };
        let http = bind::tcp(http)?;
        Ok(Self { http, peers: (0..seeders.get()).map(of_seeder).collect::<anyhow::Result<_>>()? })
    }

    /// Where they are bound, with the ports that were free where 0 was asked for.
    ///
    /// # Errors
    /// A socket does not say.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let peers =
            self.peers.iter().map(|peers| Ok((peers.tcp.local_addr()?, peers.utp.is_some())));
        Ok(Addresses { http: self.http.local_addr()?, peers: peers.collect::<io::Result<_>>()? })
    }
}

/// Where a seeder's sockets are bound.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The inventory.
    pub http: SocketAddr,
    /// For peers, and whether over uTP too.
    peers: Vec<(SocketAddr, bool)>,
}

impl Addresses {
    /// Prints a line for each socket.
    pub fn announce(&self, role: Option<&str>) {
        startup::listening(format_args!("http://{}", self.http), role);
        for (address, utp) in &self.peers {
            startup::listening(format_args!("tcp://{address}"), role);
            if *utp {
                startup::listening(format_args!("utp://{address}"), role);
            }
        }
    }
}
