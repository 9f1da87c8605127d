//! What goes out for what comes in.

use super::*;
use crate::policy::{Direction::*, Shield};

const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];
const CHOKE: &[u8] = &[0, 0, 0, 1, 0];
const HAVE: &[u8] = &[0, 0, 0, 5, 4, 0, 0, 0, 9];
/// A block of three bytes.
const PIECE: &[u8] = b"\0\0\0\x0c\x07\0\0\0\0\0\0\0\0abc";

fn session_with(policy: impl Policy + 'static) -> Session {
    Session::example(torrent(), policy)
}

fn torrent() -> Torrent {
    let piece_length = seedbed_metainfo::PieceLength::new(32 << 10).unwrap();
    Torrent::whole(crate::Layout { piece_length, length: 1 << 20 })
}

fn session() -> Session {
    session_with(Shield)
}

/// What goes out for `input`, which must be taken whole.
fn feed(session: &mut Session, direction: Direction, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    assert_eq!(session.advance(direction, input, &mut output), Ok(input.len()));
    let bytes = |output| match output {
        Output::Copy(run) => input[run].to_vec(),
        Output::Insert(bytes) => bytes,
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

#[test]
fn the_engine_gets_only_what_bep_3_and_bep_10_name() {
    let fields = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0];
    let frame = |id: u8, body: &[u8]| {
        let length = u32::try_from(1 + body.len()).unwrap();
        [&length.to_be_bytes()[..], &[id], body].concat()
    };
    for id in 0..=u8::MAX {
        let body = match id {
            0..=3 => 0,
            4 => 4,
            6..=8 => 12,
            _ => 3,
        };
        let passes = matches!(id, 0..=8 | 20);
        let well_formed = frame(id, &fields[..body]);
        assert_eq!(!feed(&mut session(), ToEngine, &well_formed).is_empty(), passes, "id {id}");
        let malformed = frame(id, &fields[..5]);
        let passes = matches!(id, 5 | 20);
        assert_eq!(!feed(&mut session(), ToEngine, &malformed).is_empty(), passes, "id {id}");
    }
    let keep_alive = [0; 4];
    assert_eq!(feed(&mut session(), ToEngine, &keep_alive), keep_alive);
}

/// A session that holds the pieces 0, 2 and 9 of 32.
fn partial() -> Session {
    let pieces = Arc::new([0, 2, 9].into_iter().collect());
    let torrent = Torrent { holding: Holding::Pieces(pieces), ..torrent() };
    Session::new(*session().peer(), torrent, Arc::new(Shield))
}

#[test]
fn a_bitfield_names_only_pieces_that_are_held_wherever_the_stream_is_split() {
    let stream = [&[0, 0, 0, 5, 5, 0b1011_1111, 0xff, 0xff, 0xff], HAVE].concat();
    let wanted = [&[0, 0, 0, 5, 5, 0b1010_0000, 0b0100_0000, 0, 0], HAVE].concat();
    for at in 5..=stream.len() {
        let mut session = partial();
        let mut output = Vec::new();
        let taken = session.advance(ToPeer, &stream[..at], &mut output).unwrap();
        let bytes = output.into_iter().flat_map(|output| match output {
            Output::Copy(run) => stream[run].to_vec(),
            Output::Insert(bytes) => bytes,
        });
        let mut came: Vec<u8> = bytes.collect();
        came.extend(feed(&mut session, ToPeer, &stream[taken..]));
        assert_eq!(came, wanted, "split at {at}");
    }
    assert_eq!(feed(&mut session(), ToPeer, &stream), stream);
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
    let odd = Block { piece: 1, begin: 1, length: 100 }.request();
    assert_eq!(feed(&mut session, ToEngine, &odd), b"");
    assert_eq!(session.dropped_requests(), 3);
    // A peer may have a piece that we do not.
    assert_eq!(feed(&mut session, ToEngine, &have(1)), have(1));
}

#[test]
fn bep_11_the_engine_is_told_of_no_other_peers() {
    let extended = |extension| [0, 0, 0, 4, 20, extension, b'd', b'e'];
    assert_eq!(feed(&mut session(), ToEngine, &extended(1)), b"");
    for other in [0, 2, 3] {
        assert_eq!(feed(&mut session(), ToEngine, &extended(other)), extended(other));
    }
    assert_eq!(feed(&mut session(), ToPeer, &extended(1)), extended(1));
}

#[test]
fn frames_around_a_dropped_one_are_copied_in_one_run_each() {
    let port = [0, 0, 0, 3, 9, 1, 2];
    let input = [HAVE, INTERESTED, &port, HAVE, HAVE].concat();
    let mut output = Vec::new();
    session().advance(ToEngine, &input, &mut output).unwrap();
    assert_eq!(output, [Output::Copy(0..14), Output::Copy(21..39)]);
}

#[test]
fn a_block_counts_once_wherever_the_stream_is_split() {
    let stream = [PIECE, HAVE, PIECE].concat();
    for at in 0..=stream.len() {
        let (mut session, mut output) = (session(), Vec::new());
        let taken = session.advance(ToPeer, &stream[..at], &mut output).unwrap();
        let before = session.uploaded().blocks;
        assert_eq!(before, u64::from(at >= 16) + u64::from(at == stream.len()), "split at {at}");
        session.advance(ToPeer, &stream[taken..], &mut output).unwrap();
        assert_eq!(session.uploaded(), Uploaded { blocks: 2, bytes: 6 }, "split at {at}");
    }
}

#[test]
fn a_policy_is_asked_once_for_each_frame_and_a_dropped_block_does_not_count() {
    struct EverySecond(std::sync::atomic::AtomicUsize);
    impl Policy for EverySecond {
        fn frame(&self, _: &PeerInfo, _: Direction, _: FrameHeader) -> Verdict {
            let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if asked.is_multiple_of(2) { Verdict::Pass } else { Verdict::Drop }
        }
    }
    let mut session = session_with(EverySecond(0.into()));
    let stream = PIECE.repeat(5);
    let (head, tail) = stream.split_at(46);
    let out = [feed(&mut session, ToPeer, head), feed(&mut session, ToPeer, tail)].concat();
    assert_eq!(out, PIECE.repeat(3));
    assert_eq!(session.uploaded(), Uploaded { blocks: 3, bytes: 9 });
}
