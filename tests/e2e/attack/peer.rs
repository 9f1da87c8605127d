//! Attacks on the peer port over TCP.

use std::{io::Write as _, net::TcpStream};

use super::attacker::{Attacker, read_some};

const HAVE: u8 = 4;
const BITFIELD: u8 = 5;
const INTERESTED: u8 = 2;
const REQUEST: u8 = 6;
const EXTENDED: u8 = 20;
/// Frames that are written at a time.
const BATCH: usize = 1_000;

/// A complete handshake for a torrent that the bed seeds, with the bit of the extension protocol.
fn handshake(attacker: &mut Attacker<'_>) -> Vec<u8> {
    let mut peer_id = *b"-XX0000-            ";
    attacker.rng.fill(&mut peer_id[8..]);
    let reserved = [0, 0, 0, 0, 0, 0x10, 0, 0];
    [b"\x13BitTorrent protocol", &reserved[..], &attacker.targets.infohash, &peer_id].concat()
}

fn frame(id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(1 + payload.len()).unwrap().to_be_bytes();
    [&length[..], &[id], payload].concat()
}

/// A connection whose handshakes are done.
fn peer(attacker: &mut Attacker<'_>) -> Option<TcpStream> {
    let handshake = handshake(attacker);
    let mut stream = attacker.send(attacker.targets.peers, &handshake)?;
    let _handshake = read_some(&mut stream, 4096);
    Some(stream)
}

/// Sends these frames again and again on one connection, and reads nothing.
fn repeat(attacker: &mut Attacker<'_>, first: &[u8], frames: &[u8]) {
    let Some(mut stream) = peer(attacker) else { return };
    if stream.write_all(first).is_err() {
        return;
    }
    for _ in 0..20 {
        if stream.write_all(frames).is_err() {
            break;
        }
    }
    // What the bed has queued for it has to go without its help.
    attacker.release_closed();
    attacker.hold(stream);
}

/// Half a handshake, plain or the beginning of an encrypted one, and then nothing more.
pub(super) fn half_open(attacker: &mut Attacker<'_>) {
    attacker.release_closed();
    if attacker.holds_enough() {
        return;
    }
    let bytes = match attacker.rng.u8(..3) {
        0 => handshake(attacker),
        1 => attacker.junk(96),
        _ => Vec::new(),
    };
    let sent = attacker.rng.usize(..=bytes.len().min(67));
    if let Some(stream) = attacker.send(attacker.targets.peers, &bytes[..sent]) {
        attacker.hold(stream);
    }
}

/// Claims to have pieces that no torrent has.
pub(super) fn wrong_haves(attacker: &mut Attacker<'_>) {
    let frames = frame(HAVE, &[0xff; 4]).repeat(BATCH);
    repeat(attacker, &[], &frames);
}

/// Asks for blocks that there are, far more than fit anywhere, and reads none.
pub(super) fn unread_requests(attacker: &mut Attacker<'_>) {
    let request = |piece: u32| {
        let fields = [piece, 0, 16 << 10].map(u32::to_be_bytes);
        frame(REQUEST, &fields.concat())
    };
    let frames: Vec<u8> = (0..BATCH).flat_map(|_| request(attacker.rng.u32(..64))).collect();
    repeat(attacker, &frame(INTERESTED, &[]), &frames);
}

/// Asks for metadata (BEP 9) again and again.
pub(super) fn unread_metadata(attacker: &mut Attacker<'_>) {
    let hello = frame(EXTENDED, b"\x00d1:md11:ut_metadatai1eee");
    let frames = frame(EXTENDED, b"\x02d8:msg_typei0e5:piecei0ee").repeat(BATCH);
    repeat(attacker, &hello, &frames);
}

/// Messages whose lengths and contents are random, and bitfields of the wrong length.
pub(super) fn junk_messages(attacker: &mut Attacker<'_>) {
    let mut frames = Vec::new();
    for _ in 0..50 {
        let id = attacker.rng.u8(..25);
        let junk = attacker.junk(64);
        frames.extend(frame(id, &junk));
    }
    let bitfield = frame(BITFIELD, &attacker.junk(1024));
    // A frame that claims four gibibytes is the last.
    let frames = [frames, vec![0xff; 5]].concat();
    repeat(attacker, &bitfield, &frames);
}
