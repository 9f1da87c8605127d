use proptest::prelude::*;

use super::*;
use crate::{Config, PeerOrder};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const TRANSACTION: i32 = 0x1234_5678;

fn responder(trust_proxy: bool) -> Responder {
    let config = Config { peer_order: PeerOrder::Insertion, ..Config::default() };
    Responder::new(Arc::new(Engine::new(&config, 7)), trust_proxy, 7)
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Sends a datagram and returns the reply, which must be one of BEP 15.
fn ask(responder: &Responder, datagram: &[u8], client: IpAddr, now: Moment) -> wire::Response {
    let mut reply = Vec::new();
    responder.respond(datagram, client, now, &mut reply);
    wire::Response::parse_bytes(&reply, client.to_canonical().is_ipv4()).unwrap()
}

fn connect(responder: &Responder, client: IpAddr, now: Moment) -> ConnectionId {
    let mut datagram = Vec::new();
    let transaction_id = TransactionId::new(TRANSACTION);
    wire::ConnectRequest { transaction_id }.write_bytes(&mut datagram).unwrap();
    match ask(responder, &datagram, client, now) {
        wire::Response::Connect(ConnectResponse { connection_id, transaction_id: echoed }) => {
            assert_eq!(echoed, transaction_id);
            connection_id
        }
        other => panic!("{other:?}"),
    }
}

/// An announce of the peer with id `[number; 20]` that claims to be at `claim`.
fn announce(connection_id: ConnectionId, number: u8, claim: [u8; 4]) -> Vec<u8> {
    let fields: [&[u8]; 10] = [
        &connection_id.0.get().to_be_bytes(),
        &1_i32.to_be_bytes(),
        &TRANSACTION.to_be_bytes(),
        &[7; 20],
        &[number; 20],
        &[0; 28],
        &claim,
        &0_i32.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &6881_u16.to_be_bytes(),
    ];
    fields.concat()
}

/// Connects and announces from `client`; the addresses that are listed.
fn listing(responder: &Responder, client: IpAddr, number: u8, claim: [u8; 4]) -> Vec<IpAddr> {
    let id = connect(responder, client, at(0));
    match ask(responder, &announce(id, number, claim), client, at(0)) {
        wire::Response::AnnounceIpv4(response) => {
            response.peers.iter().map(|peer| Ipv4Addr::from(peer.ip_address).into()).collect()
        }
        wire::Response::AnnounceIpv6(response) => response
            .peers
            .iter()
            .map(|peer| std::net::Ipv6Addr::from(peer.ip_address).into())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_lists_peers_of_the_clients_family_in_the_size_of_that_family() {
    let responder = responder(false);
    let (first, second) = (ip("203.0.113.1"), ip("203.0.113.2"));
    let (third, fourth) = (ip("2001:db8::3"), ip("2001:db8::4"));
    assert_eq!(listing(&responder, first, 1, [0; 4]), [] as [IpAddr; 0]);
    assert_eq!(listing(&responder, third, 3, [0; 4]), [] as [IpAddr; 0]);
    assert_eq!(listing(&responder, second, 2, [0; 4]), [first]);
    assert_eq!(listing(&responder, fourth, 4, [0; 4]), [third]);
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
    let responder = responder(false);
    listing(&responder, ip("203.0.113.1"), 1, [0; 4]);
    assert_eq!(listing(&responder, ip("::ffff:203.0.113.2"), 2, [0; 4]), [V4]);
    assert_eq!(listing(&responder, V4, 1, [0; 4]), [ip("203.0.113.2")]);
}

#[test]
fn the_address_field_is_for_local_and_trusted_clients_and_for_ipv4() {
    let claim = [198, 51, 100, 9];
    let seen = |trust, client: &str| {
        let responder = responder(trust);
        listing(&responder, ip(client), 1, claim);
        let mut seen = listing(&responder, ip("203.0.113.77"), 2, [0; 4]);
        seen.extend(listing(&responder, ip("2001:db8::77"), 3, [0; 4]));
        seen.iter().map(IpAddr::to_string).collect::<Vec<_>>()
    };
    assert_eq!(seen(false, "203.0.113.1"), ["203.0.113.1"]);
    assert_eq!(seen(true, "203.0.113.1"), ["198.51.100.9"]);
    assert_eq!(seen(false, "10.0.0.1"), ["198.51.100.9"]);
    assert_eq!(seen(true, "2001:db8::1"), ["2001:db8::1"]);
}

#[test]
fn a_connection_id_expires() {
    let responder = responder(false);
    let id = connect(&responder, V4, at(59));
    let datagram = announce(id, 1, [0; 4]);
    let answered = ask(&responder, &datagram, V4, at(179));
    assert!(matches!(answered, wire::Response::AnnounceIpv4(_)), "{answered:?}");
    let refused = ask(&responder, &datagram, V4, at(180));
    let expected = error(TransactionId::new(TRANSACTION), UNCONNECTED);
    assert_eq!(refused, expected);
    assert_eq!(ask(&responder, &datagram, ip("203.0.113.2"), at(59)), expected);
}

proptest! {
    #[test]
    fn no_datagram_is_too_strange(datagram: Vec<u8>, action in 0..4_u8) {
        let responder = responder(false);
        let id = connect(&responder, V4, at(0)).0.get().to_be_bytes();
        let mut reply = Vec::new();
        responder.respond(&datagram, V4, at(0), &mut reply);
        let connected = [&id[..], &[0, 0, 0, action], &datagram].concat();
        reply.clear();
        responder.respond(&connected, V4, at(0), &mut reply);
    }
}
