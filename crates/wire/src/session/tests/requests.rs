//! Whole sessions with peers that ask for anything, in front of an engine that answers as librqbit
//! does: whole blocks, in any order, and cancels are ignored.

use proptest::prelude::*;
use seedbed_metainfo::PieceLength;

use super::{
    super::{
        requests::{MOST, TooManyRequests},
        translator::{ACTIVE, Alignment},
    },
    *,
};
use crate::{
    Layout,
    frame::{Block, FrameHeader, Message},
    torrent::BLOCK,
};

/// Two pieces of 256 KiB and one of 40,000 bytes.
const LAST: u32 = 40_000;

fn layout() -> Layout {
    let piece_length = PieceLength::new(256 << 10).unwrap();
    Layout { piece_length, length: 2 * (256 << 10) + u64::from(LAST) }
}

fn block(piece: u32, begin: u32, length: u32) -> Block {
    Block { piece, begin, length }
}

/// The Piece frame with the bytes that lie at a block.
fn answer(block: Block) -> Vec<u8> {
    let byte = |at: u32| ((block.piece + 1) * (at / 251 + at % 251)).to_le_bytes()[0];
    let mut frame = block.piece_head();
    frame.extend((block.begin..block.begin + block.length).map(byte));
    frame
}

fn cancel(block: Block) -> Vec<u8> {
    let mut frame = block.request();
    frame[4] = 8;
    frame
}

struct Bed(Session);

impl Bed {
    fn new() -> Self {
        Self(Session::example(Torrent::whole(layout()), Arc::new(PassAll)))
    }

    /// What goes out for bytes that come in chunks of these sizes.
    fn feed(&mut self, direction: Direction, bytes: &[u8], sizes: &[usize]) -> Vec<u8> {
        let (mut out, mut pending, mut rest) = (Vec::new(), Vec::new(), bytes);
        let mut sizes = sizes.iter().copied().cycle();
        loop {
            let (chunk, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
            (pending, rest) = ([&pending[..], chunk].concat(), after);
            let mut output = Vec::new();
            let taken = self.0.advance(now(), direction, &pending, &mut output).unwrap();
            out.extend(written(output, &pending));
            pending.drain(..taken);
            if rest.is_empty() {
                assert!(pending.is_empty(), "whole frames are taken");
                return out;
            }
        }
    }

    /// What the engine is asked when a peer sends this.
    fn ask(&mut self, frames: &[u8]) -> Vec<Block> {
        requests(&self.feed(ToEngine, frames, &[]))
    }

    /// What the peer gets when the engine sends this.
    fn tell(&mut self, frames: &[u8]) -> Vec<u8> {
        self.feed(ToPeer, frames, &[])
    }
}

fn frames(mut bytes: &[u8]) -> Vec<(FrameHeader, &[u8])> {
    let mut frames = Vec::new();
    while let Some(header) = FrameHeader::parse(bytes).unwrap() {
        let (frame, rest) = bytes.split_at(header.frame_length());
        frames.push((header, frame));
        bytes = rest;
    }
    frames
}

fn requests(bytes: &[u8]) -> Vec<Block> {
    let block = |(header, _): (FrameHeader, _)| match header.message {
        Message::Request(block) => block,
        other => panic!("the engine got {other:?}"),
    };
    frames(bytes).into_iter().map(block).collect()
}

#[test]
fn requests_are_aligned_unaligned_or_out_of_bounds() {
    for (wanted, alignment) in [
        (block(0, 0, 16384), Alignment::Aligned),
        (block(1, 245_760, 16384), Alignment::Aligned),
        (block(2, 32768, LAST - 32768), Alignment::Aligned),
        (block(0, 0, 16383), Alignment::Unaligned),
        (block(0, 1, 16384), Alignment::Unaligned),
        (block(0, 0, 32768), Alignment::Unaligned),
        (block(0, 0, 128 << 10), Alignment::Unaligned),
        (block(2, 32768, 1), Alignment::Unaligned),
        (block(2, LAST - 1, 1), Alignment::Unaligned),
        (block(0, 0, 0), Alignment::OutOfBounds),
        (block(0, 0, (128 << 10) + 1), Alignment::OutOfBounds),
        (block(0, 262_143, 2), Alignment::OutOfBounds),
        (block(2, 32768, 16384), Alignment::OutOfBounds),
        (block(3, 0, 1), Alignment::OutOfBounds),
        (block(u32::MAX, u32::MAX, u32::MAX), Alignment::OutOfBounds),
    ] {
        assert_eq!(layout().alignment(wanted), alignment, "{wanted:?}");
    }
}

#[test]
fn an_unaligned_request_is_answered_with_just_its_bytes() {
    for wanted in [
        block(0, 0, 1),
        block(0, 16383, 2),
        block(1, 100, 128 << 10),
        block(0, 16384, 128 << 10),
        block(2, 1, LAST - 1),
        block(2, LAST - 1, 1),
    ] {
        let mut bed = Bed::new();
        let asked = bed.ask(&wanted.request());
        assert!(
            asked.iter().all(|&block| layout().alignment(block) == Alignment::Aligned),
            "{asked:?}"
        );
        let answers: Vec<u8> = asked.into_iter().flat_map(answer).collect();
        assert!(bed.tell(&answers) == answer(wanted), "{wanted:?}");
        assert_eq!((bed.0.uploaded().blocks, bed.0.uploaded().bytes), (1, wanted.length.into()));
    }
}

#[test]
fn an_ordinary_request_for_the_same_block_is_answered_too() {
    let (plain, odd) = (block(0, 16384, 16384), block(0, 16385, 10));
    for order in [[plain, odd], [odd, plain]] {
        let mut bed = Bed::new();
        assert_eq!(bed.ask(&order.map(Block::request).concat()), [plain, plain]);
        let came = bed.tell(&[answer(plain), answer(plain)].concat());
        let mut came: Vec<_> = frames(&came).into_iter().map(|(_, frame)| frame).collect();
        came.sort_by_key(|frame| frame.len());
        assert!(came == [answer(odd), answer(plain)]);
    }
}

#[test]
fn requests_out_of_bounds_are_dropped_and_counted() {
    let mut bed = Bed::new();
    let wrong = [block(0, 0, 0), block(0, 0, 1 << 20), block(9, 0, 16384), block(2, 0, LAST + 1)];
    assert_eq!(bed.ask(&wrong.map(Block::request).concat()), []);
    assert_eq!(bed.0.dropped_requests(), 4);
}

#[test]
fn a_cancel_takes_back_what_waits_and_keeps_back_what_was_asked() {
    let mut bed = Bed::new();
    let odd = |number: u32| block(0, 16384, 20 + number);
    let all = || (0..20).map(odd);
    let asked = bed.ask(&all().flat_map(Block::request).collect::<Vec<_>>());
    assert_eq!(asked.len(), ACTIVE, "the others wait");
    let cancelled = [odd(0), odd(19)];
    assert_eq!(bed.ask(&cancelled.map(cancel).concat()), []);
    let mut answers = asked.iter().map(|&block| answer(block)).collect::<Vec<_>>().concat();
    let mut came = bed.tell(&answers);
    answers = bed.ask(&[]).into_iter().flat_map(answer).collect();
    came.extend(bed.tell(&answers));
    let wanted: Vec<u8> = (1..19).map(odd).flat_map(answer).collect();
    assert!(came == wanted);
    assert_eq!(bed.ask(&[]), []);
}

#[test]
fn a_cancel_stays_here_and_takes_back_the_answer_of_a_whole_block() {
    let mut bed = Bed::new();
    let [taken_back, wanted] = [block(0, 0, 16384), block(0, 16384, 16384)];
    assert_eq!(bed.ask(&[taken_back, wanted].map(Block::request).concat()), [taken_back, wanted]);
    assert_eq!(
        bed.feed(ToEngine, &[cancel(taken_back), cancel(block(0, 1, 2))].concat(), &[]),
        b""
    );
    assert!(bed.tell(&[answer(taken_back), answer(wanted)].concat()) == answer(wanted));
    assert_eq!(bed.0.uploaded().blocks, 1);
}

#[test]
fn a_choke_drops_unaligned_requests_like_all_others() {
    let mut bed = Bed::new();
    let odd = block(0, 16384, 20);
    bed.ask(&odd.request());
    let choke = [0, 0, 0, 1, 0];
    assert_eq!(bed.tell(&choke), choke);
    let whole = answer(block(0, 16384, 16384));
    assert!(bed.tell(&whole) == whole, "it is for nobody but the peer");
    assert_eq!(bed.ask(&odd.request()).len(), 1);
}

#[test]
fn a_burst_of_3_000_unaligned_requests_is_answered_whole() {
    let mut bed = Bed::new();
    let wanted: Vec<_> = (0..3000).map(|begin| block(1, begin + 1, 100)).collect();
    let frames: Vec<u8> = wanted.iter().flat_map(|block| block.request()).collect();
    let mut asked = bed.ask(&frames);
    let mut came = 0;
    while !asked.is_empty() {
        assert!(asked.len() <= 2 * ACTIVE, "{} at a time", asked.len());
        let answers: Vec<u8> = asked.into_iter().flat_map(answer).collect();
        came += super::requests::frames(&bed.tell(&answers)).len();
        asked = bed.ask(&[]);
    }
    assert_eq!((came, bed.0.dropped_requests()), (3000, 0));
}

#[test]
fn the_engine_has_256_requests_at_a_time_and_the_others_wait_in_order() {
    let mut bed = Bed::new();
    let wanted: Vec<_> =
        (0..900).map(|index| block(index % 2, index / 2 % 16 * BLOCK, BLOCK)).collect();
    let frames: Vec<u8> = wanted.iter().flat_map(|block| block.request()).collect();
    let mut asked = bed.ask(&frames);
    assert_eq!(asked, wanted[..256]);
    for (index, &block) in wanted.iter().enumerate() {
        assert!(bed.tell(&answer(block)) == answer(block), "{index}");
        asked.extend(bed.ask(&[]));
    }
    assert_eq!(asked, wanted);
}

#[test]
fn a_peer_with_far_more_requests_than_reqq_is_closed() {
    for block in [block(0, 0, BLOCK), block(0, 1, 1)] {
        let mut bed = Bed::new();
        let request = block.request();
        bed.ask(&request.repeat(MOST));
        let error = bed.0.advance(now(), ToEngine, &request, &mut Vec::new()).unwrap_err();
        assert_eq!(error, SessionError::Breach(Breach::TooManyRequests(TooManyRequests)));
    }
}

fn any_block() -> impl Strategy<Value = Block> {
    let aligned = (0..3u32, 0..16u32).prop_map(|(piece, index)| block(piece, index * BLOCK, BLOCK));
    let odd = (0..4u32, 0..300_000u32, 0..140_000u32)
        .prop_map(|(piece, begin, length)| block(piece, begin, length));
    let short = (0..3u32, 0..262_144u32, 1..100u32)
        .prop_map(|(piece, begin, length)| block(piece, begin, length));
    prop_oneof![2 => aligned, 1 => odd, 2 => short]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_that_can_be_is_answered_once_whatever_the_order_and_splits(
        wanted in prop::collection::vec(any_block(), 1..40),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..50),
        sizes in prop::collection::vec(1usize..40_000, 1..20),
    ) {
        let mut bed = Bed::new();
        let frames_in: Vec<u8> = wanted.iter().flat_map(|block| block.request()).collect();
        let mut outstanding = requests(&bed.feed(ToEngine, &frames_in, &sizes));
        let (mut came, mut picks) = (Vec::new(), picks.iter().cycle());
        while !outstanding.is_empty() {
            let next = outstanding.swap_remove(picks.next().unwrap().index(outstanding.len()));
            prop_assert_eq!(layout().alignment(next), Alignment::Aligned);
            came.extend(bed.feed(ToPeer, &answer(next), &sizes));
            outstanding.extend(requests(&bed.feed(ToEngine, &[], &sizes)));
        }
        let good = wanted.iter().filter(|&&block| layout().alignment(block) != Alignment::OutOfBounds);
        let mut good: Vec<_> = good.map(|&block| answer(block)).collect();
        let mut came: Vec<_> = frames(&came).into_iter().map(|(_, frame)| frame).collect();
        good.sort();
        came.sort();
        prop_assert!(came == good);
        prop_assert_eq!(bed.0.dropped_requests() as usize, wanted.len() - good.len());
    }

    #[test]
    fn no_bytes_of_either_side_panic(
        chunks in prop::collection::vec((any::<bool>(), prop::collection::vec(
            prop_oneof![any::<u8>(), Just(0), 0..9u8], 0..60,
        )), 0..40),
    ) {
        let mut bed = Bed::new();
        for (to_peer, bytes) in chunks {
            let direction = if to_peer { ToPeer } else { ToEngine };
            if bed.0.advance(now(), direction, &bytes, &mut Vec::new()).is_err() {
                break;
            }
        }
    }
}
