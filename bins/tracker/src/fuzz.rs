//! Doors for fuzzers to what parses the bytes of strangers.

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

/// The query of an announce and of a scrape.
pub fn http_query(query: &[u8]) {
    http::App::new(&Config::default(), &engine(), Clock::start()).fuzz(query, CLIENT);
}

/// A datagram, and the same from a client that is connected.
pub fn udp_packet(datagram: &[u8]) {
    Responder::new(engine(), false, 7).fuzz(datagram, CLIENT);
}

/// A message over a WebSocket.
pub fn websocket_message(message: &[u8]) {
    let mut session = Session::new(engine(), Arc::<Hub>::default(), CLIENT, 74);
    let _reply = session.hear(message, Moment::default());
}
