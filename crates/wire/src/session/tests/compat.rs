//! What the engine is kept from, and what the peer is.

use super::{
    super::{
        engine_compat::{METADATA_WAITING, METADATA_WINDOW, MOST_BREACHES, MOST_HANDSHAKES},
        extended,
    },
    *,
};
use crate::frame::Block;

fn frame(id: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(1 + body.len()).unwrap();
    [&length.to_be_bytes()[..], &[id], body].concat()
}

fn extended(id: u8, body: &[u8]) -> Vec<u8> {
    frame(20, &[&[id], body].concat())
}

const ENGINE: &[u8] = b"d1:md11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei40000ee";

/// A session past both extended handshakes; the peer takes metadata as 7.
fn extended_session(torrent: Torrent) -> Session {
    let mut session = Session::example(torrent, Arc::new(PassAll));
    feed(&mut session, ToPeer, &extended(0, ENGINE));
    feed(&mut session, ToEngine, &extended(0, b"d1:md11:ut_metadatai7eee"));
    session
}

#[test]
fn the_engine_gets_only_what_bep_3_names() {
    let fields = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0];
    for id in 0..=u8::MAX {
        let body = match id {
            0..=3 => 0,
            4 | 5 => 4,
            6..=8 => 12,
            _ => 3,
        };
        // Blocks are only for an engine that asked, cancels are settled here.
        let passes = matches!(id, 0..=6);
        let well_formed = frame(id, &fields[..body]);
        assert_eq!(!feed(&mut session(), ToEngine, &well_formed).is_empty(), passes, "id {id}");
        let malformed = frame(id, &fields[..5]);
        assert_eq!(feed(&mut session(), ToEngine, &malformed), b"", "id {id}");
    }
    let keep_alive = [0; 4];
    assert_eq!(feed(&mut session(), ToEngine, &keep_alive), keep_alive);
}

#[test]
fn frames_about_pieces_that_do_not_exist_are_dropped_and_a_flood_of_them_closes_the_peer() {
    let request = |piece| Block { piece, begin: 0, length: 16384 }.request();
    for breach in [
        frame(4, &[0xff; 4]),
        frame(4, &32_u32.to_be_bytes()),
        frame(5, &[0xff; 3]),
        frame(5, &[0xff; 5]),
        request(32),
        frame(7, &[0; 20]),
        extended(0, b"nonsense"),
        extended(0, &[b'x'; extended::LONGEST_HANDSHAKE]),
    ] {
        let mut session = session();
        for count in 1..MOST_BREACHES {
            assert_eq!(feed(&mut session, ToEngine, &breach), b"");
            assert_eq!(session.breaches(), count);
        }
        let closed = session.advance(now(), ToEngine, &breach, &mut Vec::new());
        assert!(matches!(closed, Err(SessionError::Breach(_))), "{breach:?}");
    }
}

#[test]
fn bep_3_a_bitfield_comes_once() {
    let (mut session, bitfield) = (session(), frame(5, &[0xff; 4]));
    assert_eq!(feed(&mut session, ToEngine, &bitfield), bitfield);
    assert_eq!(feed(&mut session, ToEngine, &bitfield.repeat(100)), b"");
}

#[test]
fn an_engine_that_asks_for_a_block_gets_it_once() {
    let (mut session, block) = (session(), Block { piece: 0, begin: 0, length: 3 });
    assert_eq!(feed(&mut session, ToPeer, &block.request()), block.request());
    assert_eq!(feed(&mut session, ToEngine, &PIECE.repeat(2)), PIECE);
    assert_eq!(session.breaches(), 1);
}

#[test]
fn pieces_that_are_not_held_are_not_announced_or_requested() {
    let request = |piece| Block { piece, begin: 0, length: 16384 }.request();
    let have = |piece: u8| [0, 0, 0, 5, 4, 0, 0, 0, piece];
    let mut session = partial();
    assert_eq!(feed(&mut session, ToPeer, &[have(1), have(2), have(3)].concat()), have(2));
    let requests = [request(0), request(1), request(9), request(1 << 30)].concat();
    assert_eq!(feed(&mut session, ToEngine, &requests), [request(0), request(9)].concat());
    assert_eq!(session.dropped_requests(), 2);
    let unaligned = Block { piece: 1, begin: 1, length: 100 }.request();
    assert_eq!(feed(&mut session, ToEngine, &unaligned), b"");
    assert_eq!(session.dropped_requests(), 3);
    // A peer may have a piece that we do not.
    assert_eq!(feed(&mut session, ToEngine, &have(1)), have(1));
}

#[test]
fn bep_11_neither_side_is_offered_peer_exchange_or_gets_it() {
    let mut session = session();
    let engine = feed(&mut session, ToPeer, &extended(0, ENGINE));
    assert!(!engine.escape_ascii().to_string().contains("ut_pex"));
    let hello = extended(0, b"d1:md11:ut_metadatai7e6:ut_pexi2ee1:pi6881ee");
    let heard = feed(&mut session, ToEngine, &hello);
    assert_eq!(heard, extended(0, b"d1:md11:ut_metadatai7eee"));
    assert_eq!(feed(&mut session, ToEngine, &extended(1, b"de")), b"");
}

#[test]
fn bep_10_the_engine_gets_messages_under_the_ids_that_it_named_whatever_they_are() {
    let mut session = session();
    assert_eq!(feed(&mut session, ToEngine, &extended(9, b"de")), b"", "it has named none");
    feed(&mut session, ToPeer, &extended(0, b"d1:md6:ut_pexi3e10:lt_unknowni9eee"));
    assert_eq!(feed(&mut session, ToEngine, &extended(9, b"de")), extended(9, b"de"));
    for other in [1, 3, 8] {
        assert_eq!(feed(&mut session, ToEngine, &extended(other, b"de")), b"");
    }
}

#[test]
fn the_engine_gets_no_more_than_a_few_extended_handshakes_of_a_peer() {
    let (mut session, hello) = (session(), extended(0, b"de"));
    let count = MOST_HANDSHAKES as usize;
    assert_eq!(feed(&mut session, ToEngine, &hello.repeat(100)), hello.repeat(count));
    assert_eq!(session.breaches(), 0);
}

#[test]
fn bep_9_metadata_is_asked_for_within_a_window_and_what_exceeds_the_bound_is_rejected() {
    let mut session = extended_session(torrent());
    let request = extended(3, b"d8:msg_typei0e5:piecei2ee");
    let reject = extended(7, b"d8:msg_typei2e5:piecei2ee");
    let flood = request.repeat(METADATA_WINDOW + METADATA_WAITING + 2);
    assert_eq!(feed(&mut session, ToEngine, &flood), request.repeat(METADATA_WINDOW));
    assert_eq!(feed(&mut session, ToPeer, &[]), reject.repeat(2));
    // Each answer makes room for another request.
    let answer = extended(7, b"d8:msg_typei1e5:piecei2e10:total_sizei40000eebytes");
    assert_eq!(feed(&mut session, ToPeer, &answer), answer);
    assert_eq!(feed(&mut session, ToEngine, &[]), request);
}

#[test]
fn bep_9_pieces_that_do_not_exist_and_metadata_of_private_torrents_are_rejected() {
    let request = |piece| extended(3, format!("d8:msg_typei0e5:piecei{piece}ee").as_bytes());
    let reject = |piece| extended(7, format!("d8:msg_typei2e5:piecei{piece}ee").as_bytes());
    let private = Torrent { private: true, ..torrent() };
    for (torrent, piece) in [(torrent(), 3), (private, 0)] {
        let mut session = extended_session(torrent);
        assert_eq!(feed(&mut session, ToEngine, &request(piece)), b"");
        assert_eq!(feed(&mut session, ToPeer, &[]), reject(piece));
    }
}

#[test]
fn bep_9_the_engine_gets_no_metadata_that_it_did_not_ask_for() {
    let mut session = extended_session(torrent());
    for other in
        [&b"d8:msg_typei1e5:piecei0e10:total_sizei9eedata"[..], b"d8:msg_typei2e5:piecei0ee"]
    {
        assert_eq!(feed(&mut session, ToEngine, &extended(3, other)), b"");
    }
    assert_eq!(feed(&mut session, ToPeer, &[]), b"");
}
