//! What every attack needs: an address of its own, sockets that wait for nothing long, and random bytes.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use fastrand::Rng;
use seedbed_tests::bed::Bed;
use socket2::{Domain, Socket, Type};

/// Longest that one action waits for the bed.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Most connections that one attack keeps open at a time. All attacks together stay below the 1,024
/// descriptors that a process may have by default.
const HELD: usize = 60;

/// The name of an attack, and one action of it.
pub(crate) type Attack = (&'static str, fn(&mut Attacker<'_>));

/// Where the bed listens, and what it seeds.
pub(crate) struct Targets {
    pub(crate) tracker: SocketAddr,
    pub(crate) tracker_udp: SocketAddr,
    pub(crate) seeder: SocketAddr,
    pub(crate) peers: SocketAddr,
    pub(crate) range: SocketAddr,
    /// The infohash of a torrent that the bed seeds.
    pub(crate) infohash: [u8; 20],
}

impl Targets {
    pub(crate) fn new(bed: &Bed, infohash: &str) -> Self {
        let mut bytes = [0; 20];
        for (byte, digits) in bytes.iter_mut().zip(infohash.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).unwrap();
            *byte = u8::from_str_radix(digits, 16).unwrap();
        }
        Self {
            tracker: bed.0.address_of("seedbed-tracker", "http"),
            tracker_udp: bed.0.address_of("seedbed-tracker", "udp"),
            seeder: bed.0.address_of("seedbed-seeder", "http"),
            peers: bed.0.address_of("seedbed-seeder", "tcp"),
            range: bed.0.address_of("seedbed-range", "http"),
            infohash: bytes,
        }
    }

    /// The sockets that speak HTTP.
    pub(crate) fn http(&self) -> [SocketAddr; 3] {
        [self.tracker, self.seeder, self.range]
    }
}

/// One attack's thread.
pub(crate) struct Attacker<'a> {
    pub(crate) targets: &'a Targets,
    pub(crate) rng: Rng,
    address: Ipv4Addr,
    held: VecDeque<TcpStream>,
    socket: UdpSocket,
}

impl<'a> Attacker<'a> {
    pub(crate) fn new(targets: &'a Targets, index: usize, seed: u64) -> Self {
        let index = u8::try_from(index).unwrap();
        let address = Ipv4Addr::new(127, 66, 0, 1 + index);
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let rng = Rng::with_seed(seed + u64::from(index));
        Self { targets, rng, address, held: VecDeque::new(), socket }
    }

    /// A connection from this attacker's address, unless the bed refuses it or is too slow.
    pub(crate) fn connect(&self, target: SocketAddr) -> Option<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        socket.bind(&SocketAddr::from((self.address, 0)).into()).ok()?;
        socket.connect_timeout(&target.into(), TIMEOUT).ok()?;
        let stream = TcpStream::from(socket);
        stream.set_write_timeout(Some(TIMEOUT)).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).ok()?;
        Some(stream)
    }

    /// Connects and sends these bytes. That the bed cuts it off is fine.
    pub(crate) fn send(&self, target: SocketAddr, bytes: &[u8]) -> Option<TcpStream> {
        let mut stream = self.connect(target)?;
        stream.write_all(bytes).ok()?;
        Some(stream)
    }

    pub(crate) fn send_datagram(&self, target: SocketAddr, bytes: &[u8]) {
        // A full buffer loses it, as networks do.
        let _lost = self.socket.send_to(bytes, target);
    }

    /// The datagrams that have come, each without those that do not fit.
    pub(crate) fn datagrams(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| {
            let length = self.socket.recv(&mut buffer).ok()?;
            Some(buffer[..length].to_vec())
        })
        .take(64)
        .collect()
    }

    /// Keeps a connection open, and lets go of the one that has been open longest if there are many.
    pub(crate) fn hold(&mut self, stream: TcpStream) {
        self.held.push_back(stream);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    pub(crate) fn holds_enough(&self) -> bool {
        self.held.len() >= HELD
    }

    /// Lets go of the connections that the bed has closed. Reads nothing but what tells so.
    pub(crate) fn release_closed(&mut self) {
        self.held.retain(|stream| {
            let mut byte = [0];
            if stream.set_nonblocking(true).is_err() {
                return false;
            }
            match stream.peek(&mut byte) {
                Ok(read) => read > 0,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            }
        });
    }

    /// Random bytes, at most so many.
    pub(crate) fn junk(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.usize(1..=most)];
        self.rng.fill(&mut bytes);
        bytes
    }
}

/// Reads whatever comes until the time-out or `most` bytes.
pub(crate) fn read_some(stream: &mut TcpStream, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let read = stream.read(&mut bytes).unwrap_or(0);
    bytes.truncate(read);
    bytes
}
