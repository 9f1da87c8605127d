//! What goes out for what comes in.

mod compat;
mod policies;
mod requests;

use std::time::Duration;

use super::*;
use crate::{
    Holding,
    policy::{Direction::*, PassAll},
};

const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];
const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];
const CHOKE: &[u8] = &[0, 0, 0, 1, 0];
const HAVE: &[u8] = &[0, 0, 0, 5, 4, 0, 0, 0, 9];
/// A block of three bytes.
const PIECE: &[u8] = b"\0\0\0\x0c\x07\0\0\0\0\0\0\0\0abc";

fn session_with(policy: impl Policy + 'static) -> Session {
    Session::example(torrent(), Arc::new(policy))
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn torrent() -> Torrent {
    let piece_length = seedbed_metainfo::PieceLength::new(32 << 10).unwrap();
    Torrent::whole(crate::Layout { piece_length, length: 1 << 20 })
}

fn session() -> Session {
    session_with(PassAll)
}

/// What goes out for `input`, which must be taken whole.
fn feed(session: &mut Session, direction: Direction, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    assert_eq!(session.advance(now(), direction, input, &mut output), Ok(input.len()));
    written(output, input)
}

fn written(output: Vec<Output>, input: &[u8]) -> Vec<u8> {
    let bytes = |output| match output {
        Output::Copy(run) => input[run].to_vec(),
        Output::Insert(bytes) => bytes,
        Output::Close(how) => panic!("closed by {how:?}"),
    };
    output.into_iter().flat_map(bytes).collect()
}

#[test]
fn unchoke_is_held_until_the_peer_is_interested_and_all_else_passes() {
    let mut session = session();
    assert_eq!(feed(&mut session, ToPeer, &[UNCHOKE, HAVE].concat()), HAVE);
    assert!(session.choked() && !session.has_insert(ToPeer));
    assert_eq!(feed(&mut session, ToEngine, INTERESTED), INTERESTED);
    assert!(session.has_insert(ToPeer));
    assert_eq!(feed(&mut session, ToPeer, &[]), UNCHOKE);
    assert!(!session.choked() && !session.has_insert(ToPeer));
    assert_eq!(feed(&mut session, ToPeer, &[]), b"");
}

#[test]
fn an_unchoke_after_interested_passes_as_it_is() {
    let mut session = session();
    feed(&mut session, ToEngine, INTERESTED);
    assert_eq!(feed(&mut session, ToPeer, UNCHOKE), UNCHOKE);
    assert!(!session.choked());
}

#[test]
fn a_held_unchoke_waits_for_the_end_of_a_frame() {
    let mut session = session();
    let (head, tail) = PIECE.split_at(14);
    assert_eq!(feed(&mut session, ToPeer, &[UNCHOKE, head].concat()), head);
    feed(&mut session, ToEngine, INTERESTED);
    assert_eq!(feed(&mut session, ToPeer, &[]), b"");
    assert_eq!(feed(&mut session, ToPeer, &[tail, HAVE].concat()), [tail, UNCHOKE, HAVE].concat());
}

#[test]
fn a_choke_takes_a_held_unchoke_back() {
    let mut session = session();
    feed(&mut session, ToPeer, &[UNCHOKE, CHOKE].concat());
    feed(&mut session, ToEngine, INTERESTED);
    assert_eq!(feed(&mut session, ToPeer, &[]), b"");
}

/// A session that holds the pieces 0, 2 and 9 of 32.
fn partial() -> Session {
    let pieces = Arc::new([0, 2, 9].into_iter().collect());
    let torrent = Torrent { holding: Holding::Pieces(pieces), ..torrent() };
    Session::example(torrent, Arc::new(PassAll))
}

#[test]
fn a_bitfield_names_only_pieces_that_are_held_wherever_the_stream_is_split() {
    let stream = [&[0, 0, 0, 5, 5, 0b1011_1111, 0xff, 0xff, 0xff], HAVE].concat();
    let wanted = [&[0, 0, 0, 5, 5, 0b1010_0000, 0b0100_0000, 0, 0], HAVE].concat();
    for at in 5..=stream.len() {
        let mut session = partial();
        let mut output = Vec::new();
        let taken = session.advance(now(), ToPeer, &stream[..at], &mut output).unwrap();
        let mut came = written(output, &stream);
        came.extend(feed(&mut session, ToPeer, &stream[taken..]));
        assert_eq!(came, wanted, "split at {at}");
    }
    assert_eq!(feed(&mut session(), ToPeer, &stream), stream);
}

#[test]
fn frames_around_a_dropped_one_are_copied_in_one_run_each() {
    let port = [0, 0, 0, 3, 9, 1, 2];
    let input = [HAVE, INTERESTED, &port, HAVE, HAVE].concat();
    let mut output = Vec::new();
    session().advance(now(), ToEngine, &input, &mut output).unwrap();
    assert_eq!(output, [Output::Copy(0..14), Output::Copy(21..39)]);
}

#[test]
fn a_block_counts_once_wherever_the_stream_is_split() {
    let stream = [PIECE, HAVE, PIECE].concat();
    for at in 0..=stream.len() {
        let (mut session, mut output) = (session(), Vec::new());
        let taken = session.advance(now(), ToPeer, &stream[..at], &mut output).unwrap();
        let before = session.uploaded().blocks;
        assert_eq!(before, u64::from(at >= 16) + u64::from(at == stream.len()), "split at {at}");
        session.advance(now(), ToPeer, &stream[taken..], &mut output).unwrap();
        assert_eq!(session.uploaded(), Uploaded { blocks: 2, bytes: 6 }, "split at {at}");
    }
}
