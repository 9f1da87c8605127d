//! Requests that the engine would not answer.
//!
//! Any request is legal whose block lies within a piece (BEP 3), but librqbit disconnects a peer
//! whose requests are not for whole blocks of 16 KiB. In place of such a request the engine gets
//! requests for the blocks that cover it, and its answers are cut to one for the peer.
//!
//! The peer may have asked for one of these blocks as well. Then the engine sends it twice, and it
//! does not matter which of the two is taken for the translation: they are the same bytes.

use crate::{
    frame::{Block, PIECE_HEAD},
    torrent::{BLOCK, Layout},
};

/// Longest request that is answered.
const LONGEST: u32 = 128 << 10;

/// Translations at one time. Each may hold an answer of [`LONGEST`] bytes.
pub(crate) const ACTIVE: usize = 16;

/// How a request lies in the torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alignment {
    /// It is for a whole block.
    Aligned,
    /// It is for anything else that is no longer than 128 KiB.
    Unaligned,
    /// No piece holds it, or it is too long.
    OutOfBounds,
}

impl Layout {
    /// How a request for `block` lies in the torrent.
    pub(crate) fn alignment(self, block: Block) -> Alignment {
        let Block { piece, begin, length } = block;
        let piece = self.piece(piece);
        let fits = begin.checked_add(length).is_some_and(|end| end <= piece);
        if length == 0 || length > LONGEST || !fits {
            Alignment::OutOfBounds
        } else if begin % BLOCK == 0 && length == BLOCK.min(piece - begin) {
            Alignment::Aligned
        } else {
            Alignment::Unaligned
        }
    }

    /// The whole blocks that cover a block.
    fn covering(self, block: Block) -> impl Iterator<Item = Block> {
        let Block { piece, begin, length } = block;
        let in_piece = self.piece(piece);
        let begins = (begin / BLOCK * BLOCK..begin + length).step_by(BLOCK as usize);
        begins.map(move |begin| Block { piece, begin, length: BLOCK.min(in_piece - begin) })
    }
}

/// The unaligned requests of one peer that the engine is answering.
#[derive(Debug, Default)]
pub(crate) struct Translator {
    active: Vec<Answer>,
    /// The answer that takes the frame which is coming in, and where in the piece its next byte
    /// lies.
    filling: Option<(usize, u32)>,
}

/// An answer that is being put together.
#[derive(Debug)]
struct Answer {
    block: Block,
    /// The whole blocks that the engine has not begun to send.
    missing: Vec<Block>,
    /// The frame; empty until the first block comes.
    frame: Vec<u8>,
    /// Whether the peer still wants it. The engine's answers come in any case.
    wanted: bool,
}

impl Translator {
    /// How many answers are being put together.
    pub(crate) fn active(&self) -> usize {
        self.active.len()
    }

    /// How many whole blocks the engine still has to send for them.
    pub(crate) fn missing(&self) -> usize {
        self.active.iter().map(|answer| answer.missing.len()).sum()
    }

    /// Whether another request may begin.
    pub(crate) fn has_room(&self) -> bool {
        self.active.len() < ACTIVE
    }

    /// Begins an [`Alignment::Unaligned`] request, and returns the frames for the engine.
    pub(crate) fn begin(&mut self, block: Block, layout: Layout) -> Vec<u8> {
        let missing: Vec<_> = layout.covering(block).collect();
        let requests = missing.iter().flat_map(|block| block.request()).collect();
        self.active.push(Answer { block, missing, frame: Vec::new(), wanted: true });
        requests
    }

    /// Takes a request back; false if there is no such request.
    pub(crate) fn cancel(&mut self, block: Block) -> bool {
        let mut answers = self.active.iter_mut();
        let answer = answers.find(|answer| answer.wanted && answer.block == block);
        answer.map(|answer| answer.wanted = false).is_some()
    }

    /// Whether a block that the engine starts to send is for a translation. If so its content is
    /// to be [`fill`](Self::fill)ed in, and then [`finish`](Self::finish)ed.
    pub(crate) fn claims(&mut self, block: Block) -> bool {
        let claim = self.active.iter_mut().enumerate().find_map(|(index, answer)| {
            let place = answer.missing.iter().position(|&missing| missing == block)?;
            answer.missing.swap_remove(place);
            Some(index)
        });
        self.filling = claim.map(|index| (index, block.begin));
        self.filling.is_some()
    }

    /// Takes the next bytes of the content of a block that was claimed.
    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        let Some((index, at)) = &mut self.filling else { return };
        let Some(answer) = self.active.get_mut(*index) else { return };
        answer.fill(*at, bytes);
        *at += u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    }

    /// Ends a block that was claimed; the frame for the peer, if it was the last of an answer that
    /// is still wanted.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        let (index, _) = self.filling.take()?;
        if !self.active.get(index)?.missing.is_empty() {
            return None;
        }
        let answer = self.active.remove(index);
        answer.wanted.then_some(answer.frame)
    }
}

impl Answer {
    /// Keeps what it needs of `bytes`, which lie at `at` in the piece.
    fn fill(&mut self, at: u32, bytes: &[u8]) {
        let Block { begin, length, .. } = self.block;
        if self.frame.is_empty() {
            self.frame = self.block.piece_head();
            self.frame.resize(PIECE_HEAD + length as usize, 0);
        }
        let (at, begin) = (at as usize, begin as usize);
        let skip = begin.saturating_sub(at);
        let to = PIECE_HEAD + at.saturating_sub(begin);
        if let (Some(bytes), Some(frame)) = (bytes.get(skip..), self.frame.get_mut(to..)) {
            let length = bytes.len().min(frame.len());
            frame[..length].copy_from_slice(&bytes[..length]);
        }
    }
}
