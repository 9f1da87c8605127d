//! Which connections are admitted, and which of them make room for others. Time is a parameter.
//!
//! A connection is half-open until the peer's handshake has come. Where there is no room, a peer
//! that wants nothing is closed, or a half-open connection of the address that has most of them.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use seedbed_metainfo::Infohash;
use seedbed_service::Shutdown;

use super::Descriptors;
use crate::session::Session;

/// How many connections a wire has at one time, incoming and outgoing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All connections, half-open ones included.
    pub total: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// Connections for one torrent. librqbit takes 1,000 where the seeder starts it.
    pub per_torrent: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Half-open connections of one address.
    pub half_open_per_address: usize,
    /// How long a peer has wanted nothing, or a connection been half-open, before it makes room.
    pub idle: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 2000,
            per_address: 500,
            per_torrent: 1000,
            half_open: 256,
            half_open_per_address: 128,
            idle: Duration::from_secs(2),
        }
    }
}

/// A connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there are {0} connections already, and none is idle")]
    Total(usize),
    #[error("its address has {0} connections already, and none is idle")]
    Address(usize),
    #[error("the torrent has {0} connections already, and none is idle")]
    Torrent(usize),
    #[error("there are no file descriptors for another connection")]
    Descriptors,
}

/// All connections of a wire.
pub(crate) struct Admission {
    limits: ConnectionLimits,
    descriptors: Arc<Descriptors>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    /// In the order in which they came.
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    ip: IpAddr,
    since: Instant,
    /// Ends it to make room.
    evicted: Shutdown,
    /// The torrent and the session, once the peer's handshake has come.
    established: Option<(Infohash, Arc<Mutex<Session>>)>,
}

impl Connection {
    const fn is_half_open(&self) -> bool {
        self.established.is_none()
    }

    /// Since when it has been of no use to the peer.
    fn idle_since(&self) -> Option<Instant> {
        match &self.established {
            None => Some(self.since),
            Some((_, session)) => lock(session).idle_since(),
        }
    }
}

/// A connection that counts until this is dropped.
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    pub(crate) number: u64,
    /// Ends the connection to make room for another.
    pub(crate) evicted: Shutdown,
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits, descriptors: Arc<Descriptors>) -> Self {
        Self { limits, descriptors, state: Mutex::default() }
    }

    /// Admits a connection, and closes another to make room if need be.
    pub(crate) fn admit(
        self: &Arc<Self>,
        now: Instant,
        address: SocketAddr,
    ) -> Result<Admitted, Refused> {
        let ConnectionLimits { total, per_address, half_open, half_open_per_address, .. } =
            self.limits;
        let ip = address.ip();
        let mut state = lock(&self.state);
        if state.count(|other| other.ip == ip) >= per_address
            && !self.evict(&mut state, now, |other| other.ip == ip)
        {
            return Err(Refused::Address(per_address));
        }
        if state.count(|other| other.ip == ip && other.is_half_open()) >= half_open_per_address {
            state.close_first(|other| other.ip == ip && other.is_half_open());
        }
        if state.count(Connection::is_half_open) >= half_open {
            let busiest = state.busiest();
            state.close_first(|other| other.is_half_open() && Some(other.ip) == busiest);
        }
        if state.connections.len() >= total && !self.evict(&mut state, now, |_| true) {
            return Err(Refused::Total(total));
        }
        if !self.descriptors.take() {
            if !self.evict(&mut state, now, |_| true) {
                return Err(Refused::Descriptors);
            }
            self.descriptors.take_over();
        }
        state.last += 1;
        let (number, evicted) = (state.last, Shutdown::new());
        let connection = Connection { ip, since: now, evicted: evicted.clone(), established: None };
        state.connections.insert(number, connection);
        Ok(Admitted { admission: Arc::clone(self), number, evicted })
    }

    /// Closes the connection that has been idle for longest; false if none is idle.
    fn evict(
        &self,
        state: &mut State,
        now: Instant,
        eligible: impl Fn(&Connection) -> bool,
    ) -> bool {
        let idle = state.connections.iter().filter(|(_, other)| eligible(other));
        let idle = idle.filter_map(|(number, other)| Some((other.idle_since()?, *number)));
        let longest = idle
            .min()
            .filter(|(since, _)| now.saturating_duration_since(*since) >= self.limits.idle);
        longest.is_some_and(|(_, number)| state.close(number))
    }
}

impl State {
    fn count(&self, is_it: impl Fn(&Connection) -> bool) -> usize {
        self.connections.values().filter(|other| is_it(other)).count()
    }

    /// The address with the most half-open connections.
    fn busiest(&self) -> Option<IpAddr> {
        let mut counts = HashMap::<_, usize>::new();
        for other in self.connections.values().filter(|other| other.is_half_open()) {
            *counts.entry(other.ip).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(ip, count)| (*count, *ip)).map(|(ip, _)| ip)
    }

    fn close_first(&mut self, is_it: impl Fn(&Connection) -> bool) {
        let first = self.connections.iter().find(|(_, other)| is_it(other));
        if let Some(number) = first.map(|(number, _)| *number) {
            self.close(number);
        }
    }

    /// Ends a connection, which counts no longer.
    fn close(&mut self, number: u64) -> bool {
        let connection = self.connections.remove(&number);
        connection.map(|connection| connection.evicted.cancel()).is_some()
    }
}

impl Admitted {
    /// The peer's handshake has come: the connection is no longer half-open.
    pub(crate) fn establish(
        &self,
        now: Instant,
        infohash: Infohash,
        session: Arc<Mutex<Session>>,
    ) -> Result<(), Refused> {
        let Admission { limits, state, .. } = &*self.admission;
        let mut state = lock(state);
        let same = |other: &Connection| {
            other.established.as_ref().is_some_and(|(other, _)| *other == infohash)
        };
        if state.count(same) >= limits.per_torrent && !self.admission.evict(&mut state, now, same) {
            return Err(Refused::Torrent(limits.per_torrent));
        }
        if let Some(connection) = state.connections.get_mut(&self.number) {
            connection.established = Some((infohash, session));
        }
        Ok(())
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        lock(&self.admission.state).connections.remove(&self.number);
        self.admission.descriptors.give_back();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use seedbed_metainfo::PieceLength;

    use super::*;
    use crate::{
        Layout, Torrent,
        policy::{Direction, PassAll},
    };

    const LIMITS: ConnectionLimits = ConnectionLimits {
        total: 4,
        per_address: 3,
        per_torrent: 2,
        half_open: 3,
        half_open_per_address: 2,
        idle: Duration::from_secs(2),
    };
    const INFOHASH: Infohash = Infohash::new([1; 20]);

    fn admission(limits: ConnectionLimits, descriptors: usize) -> Arc<Admission> {
        Arc::new(Admission::new(limits, Arc::new(Descriptors::new(descriptors))))
    }

    fn from(host: u8) -> SocketAddr {
        ([10, 0, 0, host], 1).into()
    }

    fn session() -> Arc<Mutex<Session>> {
        let piece_length = PieceLength::new(16 << 10).unwrap();
        let torrent = Torrent::whole(Layout { piece_length, length: 1 << 20 });
        Arc::new(Mutex::new(Session::example(torrent, Arc::new(PassAll))))
    }

    fn interested(session: &Mutex<Session>, now: Instant) {
        let interested = [0, 0, 0, 1, 2];
        let advanced =
            lock(session).advance(now, Direction::ToEngine, &interested, &mut Vec::new());
        assert_eq!(advanced, Ok(interested.len()));
    }

    #[test]
    fn a_half_open_connection_makes_room_for_the_next_of_its_address() {
        let (admission, now) = (admission(LIMITS, 100), Instant::now());
        let admit = |host| admission.admit(now, from(host)).unwrap();
        let [first, second, third] = [1, 1, 1].map(admit);
        assert!(first.evicted.is_cancelled() && !second.evicted.is_cancelled());
        let other = admit(2);
        assert!(!second.evicted.is_cancelled() && !other.evicted.is_cancelled());
        let another = admit(3);
        assert!(second.evicted.is_cancelled(), "the busiest address pays");
        assert!([third, other, another].iter().all(|kept| !kept.evicted.is_cancelled()));
    }

    #[test]
    fn one_address_gets_its_share_and_no_more() {
        let (admission, now) = (admission(LIMITS, 100), Instant::now());
        let kept: Vec<_> = (0..3)
            .map(|torrent| {
                let admitted = admission.admit(now, from(1)).unwrap();
                let session = session();
                interested(&session, now);
                admitted.establish(now, Infohash::new([torrent; 20]), session).unwrap();
                admitted
            })
            .collect();
        assert_eq!(admission.admit(now, from(1)).err(), Some(Refused::Address(3)));
        assert!(admission.admit(now, from(2)).is_ok());
        assert!(kept.iter().all(|kept| !kept.evicted.is_cancelled()));
    }

    #[test]
    fn a_peer_that_wants_nothing_makes_room_and_one_that_wants_something_does_not() {
        let limits = ConnectionLimits { per_torrent: 10, total: 2, ..LIMITS };
        let (admission, now) = (admission(limits, 100), Instant::now());
        let [wanting, idle] = [1, 2].map(|host| admission.admit(now, from(host)).unwrap());
        let (wants, wants_not) = (session(), session());
        interested(&wants, now);
        wanting.establish(now, INFOHASH, wants).unwrap();
        idle.establish(now, INFOHASH, wants_not).unwrap();
        assert_eq!(
            admission.admit(now, from(3)).err(),
            Some(Refused::Total(2)),
            "not idle for long"
        );
        let later = tokio::time::Instant::now().into_std() + LIMITS.idle;
        let third = admission.admit(later, from(3)).unwrap();
        assert!(idle.evicted.is_cancelled() && !wanting.evicted.is_cancelled());
        drop(idle);
        assert_eq!(lock(&admission.state).connections.len(), 2);
        third.establish(later, INFOHASH, session()).unwrap();
        let last = later + 2 * LIMITS.idle;
        assert!(admission.admit(last, from(4)).is_ok(), "the third has been idle by now");
    }

    #[test]
    fn a_torrent_has_a_limit_of_its_own() {
        let (admission, now) = (admission(LIMITS, 100), Instant::now());
        let establish = |host| {
            let admitted = admission.admit(now, from(host)).unwrap();
            let session = session();
            interested(&session, now);
            admitted.establish(now, INFOHASH, session).map(|()| admitted)
        };
        let _kept = [1, 2].map(|host| establish(host).ok().unwrap());
        assert_eq!(establish(3).err(), Some(Refused::Torrent(2)));
    }

    #[test]
    fn no_more_are_admitted_than_there_are_descriptors_for() {
        let limits = ConnectionLimits { total: 100, half_open: 100, ..LIMITS };
        let (admission, now) = (admission(limits, 7), Instant::now());
        let first = admission.admit(now, from(1)).unwrap();
        let _second = admission.admit(now, from(2)).unwrap();
        assert_eq!(admission.admit(now, from(3)).err(), Some(Refused::Descriptors));
        drop(first);
        assert!(admission.admit(now, from(3)).is_ok());
    }
}
