//! The settings of a seeder, and its sockets.

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
use seedbed_service::{Usage, bind, guard::ControlArgs, startup};
use seedbed_wire::Encryption;

use crate::{library::Library, share::Fraction};

/// The settings of a seeder.
#[derive(Clone, Debug)]
pub struct Config {
    /// The torrents to seed.
    pub library: Library,
    /// The keys of info dictionaries that do not depend on the content.
    pub options: Options,
    /// Who may change state, and under which names the server answers on a loopback address.
    pub control: ControlArgs,
    /// Directory for a cache of the hashes of unchanged files; ignored if it cannot be written.
    pub cache: Option<PathBuf>,
    /// Trackers to announce to, in tiers (BEP 12).
    pub announce: Vec<Vec<TrackerUrl>>,
    /// Trackers in magnet links and .torrent files, in tiers.
    pub magnet_trackers: Vec<Vec<String>>,
    /// Base URLs of web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// The seed of peer ids and shares.
    pub seed: u64,
    /// Address for trackers to list, instead of the one that announces come from.
    pub announce_ip: Option<IpAddr>,
    /// Longest time between two announces, whatever the tracker asks for.
    pub announce_interval: Option<Duration>,
    /// Whether to connect to the peers that trackers list.
    pub dial: bool,
    /// The share of the pieces that each of several seeders has; `None` means all.
    pub partial: Option<Fraction>,
    /// `HOST:PORT` of another client that serves the content in place of the engine.
    pub upstream: Option<String>,
    /// The encryption of connections to peers.
    pub encryption: Encryption,
    /// Upload limit for all peers together, in bytes per second.
    pub upload_limit: Option<NonZeroU64>,
    /// Upload limit for each peer, in bytes per second.
    pub peer_upload_limit: Option<NonZeroU64>,
}

/// The sockets of a seeder, bound.
#[derive(Debug)]
pub struct Listeners {
    /// For the control API.
    pub http: TcpListener,
    /// For peers, one for each seeder.
    pub peers: Vec<seedbed_wire::Listeners>,
}

impl Listeners {
    /// Binds them all, or none. The seeders have consecutive ports, or free ones if `peers` has port
    /// 0. uTP has the UDP port of the same number as TCP.
    ///
    /// # Errors
    /// A port is in use, or above 65535.
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

    /// The bound addresses, with the actual ports in place of 0.
    ///
    /// # Errors
    /// The system does not tell an address.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let peers =
            self.peers.iter().map(|peers| Ok((peers.tcp.local_addr()?, peers.utp.is_some())));
        Ok(Addresses { http: self.http.local_addr()?, peers: peers.collect::<io::Result<_>>()? })
    }
}

/// The addresses of a seeder's sockets.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The control API.
    pub http: SocketAddr,
    /// For peers, and whether uTP is on the same port.
    peers: Vec<(SocketAddr, bool)>,
}

impl Addresses {
    /// Prints a `listening on` line for each socket.
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
