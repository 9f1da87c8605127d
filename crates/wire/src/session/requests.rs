//! The requests of one peer: how many it may have, and which of them the engine has.
//!
//! The engine has a window of them at a time; the others wait here. Cancels are settled here too:
//! librqbit ignores them, and other clients need not answer a request that was taken back, which
//! would leave the window too small.

use std::collections::VecDeque;

use super::translator::{Alignment, Translator};
use crate::{frame::Block, torrent::Layout};

/// Requests that a peer may have in flight: `reqq` of the extended handshake (BEP 10).
pub(crate) const REQQ: usize = 1024;

/// Requests that are held for a peer. More are a breach: clients that do not read `reqq` ask for some
/// hundreds at a time.
pub(crate) const MOST: usize = 4 * REQQ;

/// Whole blocks that the engine is asked for at a time.
const WINDOW: usize = 256;

/// A peer has too many requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted at most {REQQ} requests in flight (reqq), got more than {MOST}")]
pub(crate) struct TooManyRequests;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It goes to the engine as it is.
    Forward,
    /// It is held here.
    Held,
}

/// What becomes of a block from the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It goes to the peer as it is.
    Forward,
    /// It is part of the answer to an unaligned request.
    Translate,
    /// The peer has taken its request back.
    Cancelled,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Those for which the engine was asked nothing yet, in the order in which they came.
    pending: VecDeque<Block>,
    /// Whole blocks that the engine was asked for, and whether the peer still wants them.
    in_flight: VecDeque<(Block, bool)>,
    translator: Translator,
}

impl Requests {
    pub(crate) fn is_empty(&self) -> bool {
        self.held() == 0
    }

    fn held(&self) -> usize {
        self.pending.len() + self.in_flight.len() + self.translator.active()
    }

    fn window_is_open(&self) -> bool {
        self.in_flight.len() + self.translator.missing() < WINDOW
    }

    /// Takes a request that lies within the torrent.
    pub(crate) fn ask(
        &mut self,
        block: Block,
        alignment: Alignment,
    ) -> Result<Asked, TooManyRequests> {
        if self.held() >= MOST {
            return Err(TooManyRequests);
        }
        let forward =
            alignment == Alignment::Aligned && self.pending.is_empty() && self.window_is_open();
        if forward {
            self.in_flight.push_back((block, true));
            return Ok(Asked::Forward);
        }
        self.pending.push_back(block);
        Ok(Asked::Held)
    }

    /// Takes a request back; false if there is no such request.
    pub(crate) fn cancel(&mut self, block: Block) -> bool {
        if let Some(index) = self.pending.iter().position(|pending| *pending == block) {
            self.pending.remove(index);
            return true;
        }
        if let Some((_, wanted)) =
            self.in_flight.iter_mut().find(|(asked, wanted)| *wanted && *asked == block)
        {
            *wanted = false;
            return true;
        }
        self.translator.cancel(block)
    }

    /// Whether there is something to ask of the engine.
    pub(crate) fn has_next(&self, layout: Layout) -> bool {
        let fits = |block: &Block| {
            layout.alignment(*block) == Alignment::Aligned || self.translator.has_room()
        };
        self.window_is_open() && self.pending.front().is_some_and(fits)
    }

    /// The next frames for the engine.
    pub(crate) fn next(&mut self, layout: Layout) -> Option<Vec<u8>> {
        if !self.has_next(layout) {
            return None;
        }
        let block = self.pending.pop_front()?;
        if layout.alignment(block) == Alignment::Aligned {
            self.in_flight.push_back((block, true));
            return Some(block.request());
        }
        Some(self.translator.begin(block, layout))
    }

    /// A block from the engine begins.
    pub(crate) fn answer(&mut self, block: Block) -> Answered {
        if self.translator.claims(block) {
            return Answered::Translate;
        }
        let index = self.in_flight.iter().position(|(asked, _)| *asked == block);
        match index.and_then(|index| self.in_flight.remove(index)) {
            Some((_, false)) => Answered::Cancelled,
            // Nobody asked: then it is for the peer to make something of it.
            Some((_, true)) | None => Answered::Forward,
        }
    }

    /// Takes the next bytes of the content of a block that is [`Answered::Translate`].
    pub(crate) fn fill(&mut self, content: &[u8]) {
        self.translator.fill(content);
    }

    /// Ends such a block; the frame for the peer if it was the last of an answer.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        self.translator.finish()
    }

    /// Forgets all requests: a Choke says that they will not be answered (BEP 3).
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
