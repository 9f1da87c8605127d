//! Peers that are not there.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{faults::tracker::BogusPeers, matcher::Draws};

/// More peers than this fit in no answer.
const MAX_PEERS: u32 = 10_000;

/// The peers that a `bogus_peers` fault adds: those that it names, or as many as it wants in
/// 192.0.2.0/24, which is nobody's (RFC 5737).
#[must_use]
pub fn bogus_peers(fault: &BogusPeers, draws: &mut Draws) -> Vec<SocketAddr> {
    if !fault.addresses.0.is_empty() {
        return fault.addresses.0.clone();
    }
    let peer = |_| {
        let [host, low, high, ..] = draws.next_u64().to_le_bytes();
        // No privileged port: some clients leave these out.
        let port = u16::from_le_bytes([low, high]) | 1024;
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, host.clamp(1, 254)), port))
    };
    (0..fault.count.min(MAX_PEERS)).map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::values::SocketAddrs;

    #[test]
    fn made_peers_are_a_function_of_the_seed_and_lie_in_the_documentation_network() {
        let fault = BogusPeers { count: 5, addresses: SocketAddrs::default(), only: false };
        let peers = bogus_peers(&fault, &mut Draws::new(7, 0));
        assert_eq!(peers, bogus_peers(&fault, &mut Draws::new(7, 0)));
        assert_ne!(peers, bogus_peers(&fault, &mut Draws::new(8, 0)));
        assert_eq!(peers.len(), 5);
        assert!(peers.iter().all(|peer| peer.ip().to_string().starts_with("192.0.2.")));
    }

    #[test]
    fn named_peers_are_taken_as_they_are() {
        let addresses = SocketAddrs(vec!["127.0.0.1:9".parse().unwrap()]);
        let fault = BogusPeers { count: 5, addresses: addresses.clone(), only: true };
        assert_eq!(bogus_peers(&fault, &mut Draws::new(7, 0)), addresses.0);
    }
}
