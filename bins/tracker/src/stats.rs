//! The statistics of npm's bittorrent-tracker, under the same names.

use std::collections::{BTreeMap, HashMap};

use aquatic_peer_id::{PeerClient, PeerId as AquaticPeerId};
use seedbed_metainfo::PeerId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{announce::Transport, clock::Moment, store::Store};

/// Every swarm in sum. A peer that is in several swarms is one peer here.
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
    /// How many peers use a client, by its name and its version.
    pub(crate) clients: BTreeMap<String, BTreeMap<String, usize>>,
    /// How many seed and how many leech, by transport, counted once in each of their swarms.
    #[serde(skip)]
    pub(crate) transports: [(usize, usize); Transport::ALL.len()],
}

/// What a peer is in any of its swarms.
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
            let (name, version) = client(id);
            *stats.clients.entry(name).or_default().entry(version).or_default() += 1;
        }
        stats
    }
}

/// A client's name and version; for one that is unknown, what its peer id begins with.
fn client(id: PeerId) -> (String, String) {
    let (name, version) = match AquaticPeerId(*id.as_bytes()).client() {
        PeerClient::BitTorrent(version) => ("BitTorrent", version),
        PeerClient::Deluge(version) => ("Deluge", version),
        PeerClient::LibTorrentRakshasa(version) => ("libTorrent (rakshasa)", version),
        PeerClient::LibTorrentRasterbar(version) => ("libtorrent (rasterbar)", version),
        PeerClient::QBitTorrent(version) => ("qBittorrent", version),
        PeerClient::Transmission(version) => ("Transmission", version),
        PeerClient::UTorrent(version) => ("µTorrent", version),
        PeerClient::UTorrentEmbedded(version) => ("µTorrent Embedded", version),
        PeerClient::UTorrentMac(version) => ("µTorrent Mac", version),
        PeerClient::UTorrentWeb(version) => ("µTorrent Web", version),
        PeerClient::Vuze(version) => ("Vuze", version),
        PeerClient::WebTorrent(version) => ("WebTorrent", version),
        PeerClient::WebTorrentDesktop(version) => ("WebTorrent Desktop", version),
        PeerClient::Mainline(version) => ("Mainline", version),
        PeerClient::OtherWithPrefixAndVersion { prefix, version } => {
            return (prefix.to_string(), version.to_string());
        }
        _ => return ("unknown".to_owned(), id.as_bytes()[..8].escape_ascii().to_string()),
    };
    (name.to_owned(), version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_from_its_peer_id() {
        let client = |id: &[u8; 20]| client(PeerId::new(*id));
        let named = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(client(b"-TR3000-abcdefghijkl"), named("Transmission", "3.00"));
        assert_eq!(client(b"-SB0100-abcdefghijkl"), named("SB", "0100"));
        assert_eq!(client(&[0xff; 20]), named("unknown", &r"\xff".repeat(8)));
    }
}
