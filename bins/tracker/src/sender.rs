//! Tells senders on the local network from others.

use std::net::IpAddr;

/// Whether a sender is on this host or the local network. Behind a container's port or on loopback, the
/// tracker cannot see the real address of a peer, so such senders may claim another.
pub(crate) fn is_local(sender: IpAddr) -> bool {
    match sender.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_private_and_link_local_senders_are_local() {
        for local in ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1"] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for local in ["::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for remote in ["1.1.1.1", "172.32.0.1", "2001:db8::1", "::ffff:1.1.1.1"] {
            assert!(!is_local(remote.parse().unwrap()), "{remote}");
        }
    }
}
