//! Attacks on the ports that speak HTTP: tracker, seeder and range server.

use std::{io::Write as _, net::SocketAddr, time::Duration};

use super::attacker::{Attacker, read_some};

/// Requests that are no HTTP/1.1, or that two parsers may read differently (RFC 9112).
const MALFORMED: [&[u8]; 14] = [
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    b"POST /torrents HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /torrents HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /announce?info_hash=%zz&port=99999&left=-1 HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Requests whose answers are long, or whose work is.
const EXPENSIVE: [&str; 8] = [
    "/scrape",
    "/stats",
    "/torrents",
    "/openapi.json",
    "/metrics",
    "/test-large-4k.mp4",
    "/synthetic/1073741824?seed=1",
    "/hls/one-minute-720p30/ts/index.m3u8",
];

/// How many swarms and peers the announces name: what a tracker knows it has to keep.
const SWARMS: u16 = 1_000;

pub(super) fn junk(attacker: &mut Attacker<'_>, target: SocketAddr) {
    let bytes = attacker.junk(4096);
    if let Some(mut stream) = attacker.send(target, &bytes) {
        let _answer = read_some(&mut stream, 64);
    }
}

pub(super) fn malformed(attacker: &mut Attacker<'_>) {
    let target = any_server(attacker);
    let mut bytes = MALFORMED[attacker.rng.usize(..MALFORMED.len())].to_vec();
    if attacker.rng.bool() {
        // One byte of it is another.
        let at = attacker.rng.usize(..bytes.len());
        bytes[at] = attacker.rng.u8(..);
    }
    if let Some(mut stream) = attacker.send(target, &bytes) {
        let _answer = read_some(&mut stream, 4096);
    }
}

/// Begins requests and never ends them.
pub(super) fn half_open(attacker: &mut Attacker<'_>) {
    attacker.release_closed();
    if attacker.holds_enough() {
        return;
    }
    let target = any_server(attacker);
    let head = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Pad: ";
    let sent = attacker.rng.usize(1..=head.len());
    if let Some(stream) = attacker.send(target, &head[..sent]) {
        attacker.hold(stream);
    }
}

/// Asks for what is long and reads nothing of it.
pub(super) fn slow_reader(attacker: &mut Attacker<'_>) {
    attacker.release_closed();
    if attacker.holds_enough() {
        return;
    }
    let target = any_server(attacker);
    let path = EXPENSIVE[attacker.rng.usize(..EXPENSIVE.len())];
    let request = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\n\r\n").repeat(8);
    if let Some(stream) = attacker.send(target, request.as_bytes()) {
        attacker.hold(stream);
    }
}

/// Sends hundreds of requests on one connection and reads nothing.
pub(super) fn flood(attacker: &mut Attacker<'_>) {
    let target = any_server(attacker);
    let mut batch = String::new();
    for _ in 0..200 {
        if target == attacker.targets.tracker {
            let swarm = attacker.rng.u16(..SWARMS);
            let port = attacker.rng.u16(1..);
            batch += &format!(
                "GET /announce?info_hash=flood{swarm:015}&peer_id=-XX0000-{swarm:012}&port={port}&left=1 HTTP/1.1\r\n\
                 Host: {target}\r\n\r\n"
            );
        } else {
            let path = EXPENSIVE[attacker.rng.usize(..EXPENSIVE.len())];
            batch += &format!("HEAD {path} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        }
    }
    let Some(mut stream) = attacker.connect(target) else { return };
    for _ in 0..3 {
        if stream.write_all(batch.as_bytes()).is_err() {
            return;
        }
    }
}

/// Opens a connection to any port and resets it, with or without a request.
pub(super) fn reset(attacker: &mut Attacker<'_>) {
    let targets = attacker.targets;
    let all = [targets.tracker, targets.seeder, targets.range, targets.peers];
    let target = all[attacker.rng.usize(..all.len())];
    let Some(mut stream) = attacker.connect(target) else { return };
    if attacker.rng.bool() {
        let _cut_off = stream.write_all(b"GET /test-large-4k.mp4 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let _reset = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Becomes a WebSocket, and sends frames of which few are valid.
pub(super) fn websocket_junk(attacker: &mut Attacker<'_>) {
    let target = attacker.targets.tracker;
    let upgrade = format!(
        "GET / HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let Some(mut stream) = attacker.send(target, upgrade.as_bytes()) else { return };
    let _answer = read_some(&mut stream, 4096);
    for _ in 0..20 {
        let frame = match attacker.rng.u8(..4) {
            0 => attacker.junk(512),
            // A frame that claims to be as long as can be.
            1 => vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            2 => {
                masked_text(br#"{"action":"announce","info_hash":[],"peer_id":{},"offers":[null]}"#)
            }
            _ => masked_text("[".repeat(5_000).as_bytes()),
        };
        if stream.write_all(&frame).is_err() {
            return;
        }
    }
    attacker.hold(stream);
}

/// A text frame of a client, with the mask zero (RFC 6455 section 5.2).
fn masked_text(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x81, 0xfe], &length[..], &[0; 4], text].concat()
}

fn any_server(attacker: &mut Attacker<'_>) -> SocketAddr {
    let servers = attacker.targets.http();
    servers[attacker.rng.usize(..servers.len())]
}
