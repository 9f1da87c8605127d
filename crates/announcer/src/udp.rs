//! The announce over UDP (BEP 15).
//!
//! Each client has its own socket and connection id, and sends one announce at a time; there are as
//! many clients as announces under way. So no response has to be handed from one announce to another,
//! and a tracker may tie a connection id to a port.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aquatic_udp_protocol::{
    AnnounceEvent, AnnounceRequest as Packet, ConnectRequest, ConnectionId, InfoHash,
    Ipv4AddrBytes, NumberOfBytes, NumberOfPeers, PeerId, PeerKey, Port, Request, Response,
    TransactionId,
};
use tokio::{
    net::{UdpSocket, lookup_host},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    error::Error,
    request::{AnnounceRequest, Event},
    response::{AnnounceResponse, Peer},
};

/// How long to wait for a response before a packet is sent again. BEP 15 waits 15 * 2^n seconds, which
/// suits the internet; in a test bed a response comes within milliseconds or never.
const WAITS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1000), Duration::from_millis(2000)];

/// How long a client may use a connection id (BEP 15).
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);

/// Largest UDP payload.
const PACKET_LIMIT: usize = 65_535;

/// A UDP tracker, and the clients that talk to it.
#[derive(Debug)]
pub(crate) struct Tracker {
    host: String,
    port: u16,
    idle: Mutex<Vec<Client>>,
    transactions: AtomicU32,
}

impl Tracker {
    /// Transaction ids count up from `first_transaction`.
    pub(crate) const fn new(host: String, port: u16, first_transaction: u32) -> Self {
        let transactions = AtomicU32::new(first_transaction);
        Self { host, port, idle: Mutex::new(Vec::new()), transactions }
    }

    pub(crate) async fn announce(
        &self,
        request: &AnnounceRequest,
        limit: Duration,
    ) -> Result<AnnounceResponse, Error> {
        let result = timeout(limit, self.exchange(request)).await;
        let (client, response) =
            result.unwrap_or(Err(Error::TimedOut(limit))).inspect_err(|_| {
                // The others may be as stale, or connected to an address that the name left.
                self.idle().clear();
            })?;
        self.idle().push(client);
        Ok(response)
    }

    async fn exchange(
        &self,
        request: &AnnounceRequest,
    ) -> Result<(Client, AnnounceResponse), Error> {
        let idle = self.idle().pop();
        if let Some(mut client) = idle {
            let response = client.announce(request, &self.transactions).await?;
            return Ok((client, response));
        }
        let unresolved = |source| Error::Resolve(self.host.clone(), source);
        let addresses = lookup_host((self.host.as_str(), self.port)).await.map_err(unresolved)?;
        let mut failed = unresolved(io::ErrorKind::NotFound.into());
        for address in addresses {
            let result = async {
                let mut client = Client::open(address).await?;
                let response = client.announce(request, &self.transactions).await?;
                Ok((client, response))
            };
            match result.await {
                Ok(answered) => return Ok(answered),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket, connected to one address of a tracker: an ICMP error ends a wait at once.
#[derive(Debug)]
struct Client {
    socket: UdpSocket,
    is_ipv4: bool,
    connection: Option<(ConnectionId, Instant)>,
}

impl Client {
    async fn open(tracker: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match tracker {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(tracker).await?;
        Ok(Self { socket, is_ipv4: tracker.is_ipv4(), connection: None })
    }

    /// Announces, and connects anew after an error or silence: a tracker that was restarted no longer
    /// knows the connection id, and answers with either.
    async fn announce(
        &mut self,
        request: &AnnounceRequest,
        transactions: &AtomicU32,
    ) -> Result<AnnounceResponse, Error> {
        let mut waited = Duration::ZERO;
        for wait in WAITS {
            let fresh = |(_, since): &(_, Instant)| since.elapsed() < CONNECTION_LIFETIME;
            self.connection = self.connection.filter(fresh);
            let reused = self.connection.is_some();
            match self.attempt(request, transactions, wait).await {
                Err(Error::TimedOut(wait)) => waited += wait,
                Err(Error::Failure(_)) if reused => {}
                result => return result,
            }
        }
        Err(Error::TimedOut(waited))
    }

    /// Announces once, after connecting if necessary. Keeps the connection id if that succeeds.
    async fn attempt(
        &mut self,
        request: &AnnounceRequest,
        transactions: &AtomicU32,
        wait: Duration,
    ) -> Result<AnnounceResponse, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.connect(transactions, wait).await?, Instant::now()),
        };
        let transaction = next(transactions);
        let packet = announce_packet(connection.0, transaction, request);
        let response = self.exchange(packet, transaction, wait).await?;
        self.connection = Some(connection);
        announced(response)
    }

    async fn connect(
        &self,
        transactions: &AtomicU32,
        wait: Duration,
    ) -> Result<ConnectionId, Error> {
        let transaction_id = next(transactions);
        let packet = ConnectRequest { transaction_id }.into();
        match self.exchange(packet, transaction_id, wait).await? {
            Response::Connect(response) => Ok(response.connection_id),
            _ => Err(Error::Malformed("another answer to a connect request")),
        }
    }

    /// Sends a packet and waits for its response; ignores all other packets.
    async fn exchange(
        &self,
        request: Request,
        transaction: TransactionId,
        wait: Duration,
    ) -> Result<Response, Error> {
        let mut packet = Vec::new();
        request.write_bytes(&mut packet)?;
        self.socket.send(&packet).await?;
        let deadline = Instant::now() + wait;
        let mut packet = vec![0; PACKET_LIMIT];
        loop {
            let length = timeout_at(deadline, self.socket.recv(&mut packet))
                .await
                .map_err(|_| Error::TimedOut(wait))??;
            if let Some(answer) = answer(&packet[..length], self.is_ipv4, transaction) {
                return answer;
            }
        }
    }
}

fn next(transactions: &AtomicU32) -> TransactionId {
    TransactionId::new(transactions.fetch_add(1, Ordering::Relaxed).cast_signed())
}

/// Parses a packet. Returns `None` if it does not belong to `transaction`.
fn answer(
    packet: &[u8],
    is_ipv4: bool,
    transaction: TransactionId,
) -> Option<Result<Response, Error>> {
    let id: [u8; 4] = packet.get(4..8)?.try_into().ok()?;
    if i32::from_be_bytes(id) != transaction.0.get() {
        return None;
    }
    Some(match Response::parse_bytes(packet, is_ipv4) {
        Ok(Response::Error(error)) => Err(Error::Failure(error.message.into_owned())),
        Ok(response) => Ok(response),
        Err(_) => Err(Error::Malformed("a packet that is none of BEP 15")),
    })
}

fn announce_packet(
    connection_id: ConnectionId,
    transaction_id: TransactionId,
    request: &AnnounceRequest,
) -> Request {
    let bytes = |count| NumberOfBytes::new(i64::try_from(count).unwrap_or(i64::MAX));
    let event = match request.event {
        None => AnnounceEvent::None,
        Some(Event::Started) => AnnounceEvent::Started,
        Some(Event::Completed) => AnnounceEvent::Completed,
        Some(Event::Stopped) => AnnounceEvent::Stopped,
    };
    // BEP 15 has no field for an IPv6 address. Zero: the address that the packet comes from.
    let ip = match request.ip {
        Some(IpAddr::V4(ip)) => ip,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    Packet {
        connection_id,
        action_placeholder: Default::default(),
        transaction_id,
        info_hash: InfoHash(*request.infohash.as_bytes()),
        peer_id: PeerId(*request.peer_id.as_bytes()),
        bytes_downloaded: bytes(request.downloaded),
        bytes_left: bytes(request.left),
        bytes_uploaded: bytes(request.uploaded),
        event: event.into(),
        ip_address: Ipv4AddrBytes(ip.octets()),
        key: PeerKey::new(request.key.cast_signed()),
        peers_wanted: NumberOfPeers::new(i32::try_from(request.numwant).unwrap_or(i32::MAX)),
        port: Port::new(request.port),
    }
    .into()
}

fn announced(response: Response) -> Result<AnnounceResponse, Error> {
    let (fixed, peers) = match response {
        Response::AnnounceIpv4(response) => {
            let peer = |peer: &aquatic_udp_protocol::ResponsePeer<Ipv4AddrBytes>| {
                Peer::new(Ipv4Addr::from(peer.ip_address).into(), peer.port.0.get(), None)
            };
            (response.fixed, response.peers.iter().filter_map(peer).collect())
        }
        Response::AnnounceIpv6(response) => {
            let peer = |peer: &aquatic_udp_protocol::ResponsePeer<_>| {
                Peer::new(Ipv6Addr::from(peer.ip_address).into(), peer.port.0.get(), None)
            };
            (response.fixed, response.peers.iter().filter_map(peer).collect())
        }
        _ => return Err(Error::Malformed("another answer to an announce request")),
    };
    let interval = u64::try_from(fixed.announce_interval.0.get()).unwrap_or_default();
    Ok(AnnounceResponse {
        interval: Duration::from_secs(interval),
        min_interval: None,
        complete: fixed.seeders.0.get().try_into().ok(),
        incomplete: fixed.leechers.0.get().try_into().ok(),
        peers,
        warning: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn transaction() -> TransactionId {
        TransactionId::new(5)
    }

    /// An announce response over IPv6: action 1, transaction 5,
    /// interval 600, 2 leechers, 1 seeder.
    fn ipv6_packet() -> Vec<u8> {
        let numbers = [1_u32, 5, 600, 2, 1].into_iter().flat_map(u32::to_be_bytes);
        numbers.chain(Ipv6Addr::LOCALHOST.octets()).chain(6881_u16.to_be_bytes()).collect()
    }

    #[test]
    fn bep_15_over_ipv6_peers_have_ipv6_addresses() {
        let response = answer(&ipv6_packet(), false, transaction()).unwrap().unwrap();
        let response = announced(response).unwrap();
        assert_eq!(response.interval, Duration::from_secs(600));
        assert_eq!(response.peers[0].addr, "[::1]:6881".parse().unwrap());
    }

    #[test]
    fn what_answers_another_transaction_is_no_answer() {
        assert!(answer(&ipv6_packet(), false, TransactionId::new(6)).is_none());
        assert!(answer(b"short", false, transaction()).is_none());
    }

    #[test]
    fn an_answer_that_is_cut_off_is_malformed() {
        let packet = &ipv6_packet()[..30];
        let error = answer(packet, false, transaction()).unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "wanted an announce response, got a packet that is none of BEP 15"
        );
    }

    #[test]
    fn bep_15_the_announce_packet_is_98_bytes() {
        let mut bytes = Vec::new();
        let request = AnnounceRequest::example();
        announce_packet(ConnectionId::new(3), transaction(), &request)
            .write_bytes(&mut bytes)
            .unwrap();
        let mut golden = Vec::new();
        golden.extend(3_u64.to_be_bytes());
        golden.extend([1_u32, 5].into_iter().flat_map(u32::to_be_bytes));
        golden.extend(request.infohash.as_bytes());
        golden.extend(request.peer_id.as_bytes());
        golden.extend([0_u64, 0, 7].into_iter().flat_map(u64::to_be_bytes));
        golden.extend(2_u32.to_be_bytes());
        golden.extend([192, 0, 2, 1]);
        golden.extend([0xc0ffee_u32, 50].into_iter().flat_map(u32::to_be_bytes));
        golden.extend(6881_u16.to_be_bytes());
        assert_eq!(bytes, golden);
        assert_eq!(bytes.len(), 98);
    }

    proptest! {
        #[test]
        fn no_packet_panics(action in 0_u8..5, tail: Vec<u8>, is_ipv4: bool) {
            let packet = [&[0, 0, 0, action, 0, 0, 0, 5], &*tail].concat();
            if let Some(Ok(response)) = answer(&packet, is_ipv4, transaction()) {
                let _either = announced(response);
            }
        }
    }
}
