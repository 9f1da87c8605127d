//! Entry points for fuzzers to the parsers of bytes from outside.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use crate::{
    Config,
    clock::{Clock, Moment},
    engine::Engine,
    http,
    udp::Responder,
    websocket::{Hub, Session},
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(&Config::default(), 7))
}

/// Answers a query as an announce and as a scrape.
pub fn http_query(query: &[u8]) {
    http::Tracker::new(&Config::default(), &engine(), Clock::start()).fuzz(query, CLIENT);
}

/// Answers a datagram, and the same from a connected client.
pub fn udp_packet(datagram: &[u8]) {
    Responder::new(engine(), false, 7).fuzz(datagram, CLIENT);
}

/// Answers a message over a WebSocket.
pub fn websocket_message(message: &[u8]) {
    let mut session = Session::new(engine(), Arc::<Hub>::default(), CLIENT, 74);
    let _reaction = session.receive(message, Moment::default());
}
