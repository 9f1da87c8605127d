//! Connection ids (BEP 15): proof that a client receives at the address that it sends from.
//!
//! An id is a keyed hash of the client's address and of the minute in which the tracker issued it, so
//! that the tracker keeps no state for a client. The low byte of an id names that minute.

use std::{
    hash::{Hash as _, Hasher as _},
    net::IpAddr,
};

use siphasher::sip::SipHasher24;

use crate::clock::Moment;

const MINUTE: u64 = 60_000;

/// BEP 15: a tracker accepts an id for two minutes after it sent it, that is in the minute of issue and
/// in the two that follow.
const FOLLOWING: u64 = 2;

/// Issues connection ids, and recognises its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionIds {
    key: SipHasher24,
}

impl ConnectionIds {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Self { key: SipHasher24::new_with_keys(rng.u64(..), rng.u64(..)) }
    }

    pub(super) fn issue(&self, client: IpAddr, now: Moment) -> i64 {
        self.id(client, now.as_millis() / MINUTE)
    }

    pub(super) fn is_valid(&self, id: i64, client: IpAddr, now: Moment) -> bool {
        let minute = now.as_millis() / MINUTE;
        (minute.saturating_sub(FOLLOWING)..=minute)
            .any(|minute| low_byte(minute) == id & 0xff && self.id(client, minute) == id)
    }

    fn id(&self, client: IpAddr, minute: u64) -> i64 {
        let mut hasher = self.key;
        client.to_canonical().hash(&mut hasher);
        hasher.write_u64(minute);
        hasher.finish().cast_signed() & !0xff | low_byte(minute)
    }
}

fn low_byte(minute: u64) -> i64 {
    (minute & 0xff).cast_signed()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn an_id_is_accepted_for_two_minutes_and_refused_a_minute_later() {
        let ids = ConnectionIds::new(7);
        for issued in [0, 1, 59, 60, 61, 90, 15_359, 15_360, 1_000_000] {
            let id = ids.issue(CLIENT, at(issued));
            assert!(ids.is_valid(id, CLIENT, at(issued)), "{issued}");
            assert!(ids.is_valid(id, CLIENT, at(issued + 120)), "{issued}");
            assert!(!ids.is_valid(id, CLIENT, at(issued + 180)), "{issued}");
        }
    }

    #[test]
    fn an_id_is_refused_from_another_address() {
        let ids = ConnectionIds::new(7);
        let id = ids.issue(CLIENT, at(0));
        assert!(!ids.is_valid(id, OTHER, at(0)));
        assert!(ids.is_valid(id, "::ffff:10.0.0.1".parse().unwrap(), at(0)));
    }

    #[test]
    fn an_id_is_refused_by_a_tracker_with_another_seed() {
        let id = ConnectionIds::new(7).issue(CLIENT, at(0));
        assert!(!ConnectionIds::new(8).is_valid(id, CLIENT, at(0)));
        assert_eq!(ConnectionIds::new(7).issue(CLIENT, at(0)), id);
    }

    #[test]
    fn an_invented_id_is_refused() {
        let ids = ConnectionIds::new(7);
        assert!((-512..512).all(|id| !ids.is_valid(id, CLIENT, at(0))));
    }
}
