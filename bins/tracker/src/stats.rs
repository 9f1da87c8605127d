//! The statistics of npm's bittorrent-tracker, under the same names.

use std::collections::{BTreeMap, HashMap};

use seedbed_metainfo::{Client, PeerId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{clock::Moment, messages::Transport, store::Store};

/// The sums over all swarms. A peer in several swarms counts once.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    pub(crate) torrents: usize,
    pub(crate) active_torrents: usize,
    pub(crate) peers_all: usize,
    pub(crate) peers_seeder_only: usize,
    pub(crate) peers_leecher_only: usize,
    pub(crate) peers_seeder_and_leecher: usize,
    #[serde(rename = "peersIPv4")]
    pub(crate) peers_ipv4: usize,
    #[serde(rename = "peersIPv6")]
    pub(crate) peers_ipv6: usize,
    /// The number of peers of each client, by name and version.
    pub(crate) clients: BTreeMap<String, BTreeMap<String, usize>>,
    /// The numbers of seeders and leechers by transport. A peer counts once in each of its swarms.
    #[serde(skip)]
    pub(crate) transports: [(usize, usize); Transport::ALL.len()],
}

/// The roles of a peer in any of its swarms.
#[derive(Clone, Copy, Debug, Default)]
struct Roles {
    seeder: bool,
    leecher: bool,
    v4: bool,
    v6: bool,
}

impl Stats {
    pub(crate) fn of(store: &Store, now: Moment) -> Self {
        let totals = store.totals(now);
        let mut peers = HashMap::<PeerId, Roles>::new();
        let mut transports = [(0, 0); Transport::ALL.len()];
        store.visit_peers(now, |peer| {
            let (seeding, leeching) = &mut transports[peer.transport as usize];
            *(if peer.is_seeder() { seeding } else { leeching }) += 1;
            let roles = peers.entry(peer.id).or_default();
            roles.seeder |= peer.is_seeder();
            roles.leecher |= !peer.is_seeder();
            let web = peer.web().map(|web| web.ip);
            roles.v4 |= peer.addresses().v4.is_some() || web.is_some_and(|ip| ip.is_ipv4());
            roles.v6 |= peer.addresses().v6.is_some() || web.is_some_and(|ip| ip.is_ipv6());
        });
        let mut stats = Self {
            torrents: totals.torrents,
            active_torrents: totals.active_torrents,
            peers_all: peers.len(),
            transports,
            ..Self::default()
        };
        for (id, roles) in peers {
            match (roles.seeder, roles.leecher) {
                (true, true) => stats.peers_seeder_and_leecher += 1,
                (true, false) => stats.peers_seeder_only += 1,
                (false, _) => stats.peers_leecher_only += 1,
            }
            stats.peers_ipv4 += usize::from(roles.v4);
            stats.peers_ipv6 += usize::from(roles.v6);
            let Client { name, version } = Client::of(id);
            *stats.clients.entry(name).or_default().entry(version).or_default() += 1;
        }
        stats
    }
}
