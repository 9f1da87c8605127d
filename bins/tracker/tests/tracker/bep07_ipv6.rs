//! BEP 7: IPv6 peers.

use crate::support::{Announce, Tracker, assert_same};

#[test]
fn a_peer_of_both_families_is_one_peer_that_is_listed_in_peers_and_peers6() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1).with("ipv6", "[2001:db8::1]:7000"));
    let expected = [
        &b"d8:completei0e10:incompletei2e8:intervali10e5:peers6:\x0a\x00\x00\x01\x1a\xe16:peers618:"
            [..],
        b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1b\x58e",
    ]
    .concat();
    assert_same(&tracker.announce(&Announce::of(2)), &expected);
}

#[test]
fn an_announce_over_each_family_makes_one_peer_that_is_never_listed_to_itself() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1));
    assert_same(
        &tracker.announce(&Announce::of(1).with("ip", "2001:db8::1")),
        &crate::support::answer(0, 1, &[]),
    );
}

#[test]
fn dictionaries_have_an_entry_for_each_address() {
    let tracker = Tracker::start(&[]);
    tracker.announce(&Announce::of(1).with("ipv6", "2001:db8::1"));
    assert_same(
        &tracker.announce(&Announce::of(2).without("compact").with("no_peer_id", "1")),
        b"d8:completei0e10:incompletei2e8:intervali10e5:peersl\
          d2:ip8:10.0.0.14:porti6881eed2:ip11:2001:db8::14:porti6881eeee",
    );
}
