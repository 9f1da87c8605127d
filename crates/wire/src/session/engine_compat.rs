//! What stands between a peer and the engine so that each gets only what it can take.
//!
//! The engine gets well-formed messages of BEP 3 and BEP 10 about pieces that exist, whole-block
//! requests within a window, and extended messages under ids that it named itself. The peer gets
//! Unchoke only once it is interested, and no news of pieces that are not held.
//!
//! Nothing here is a policy: it is in force on every connection. It holds no bytes of payload but
//! the answers to unaligned requests.

use std::collections::VecDeque;

use super::{
    extended::{self, Extensions},
    requests::{Answered, Asked, Requests, TooManyRequests},
    translator::Alignment,
};
use crate::{
    Holding, Torrent,
    frame::{Block, FrameHeader, HEAD, Message, PIECE_HEAD},
    policy::Direction,
};

const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];

/// Frames that break the protocol after which a peer is closed. Each is left out.
pub(crate) const MOST_BREACHES: u32 = 64;

/// Extended handshakes of one peer that reach the engine: librqbit may start a task for each.
pub(crate) const MOST_HANDSHAKES: u32 = 4;

/// Metadata pieces that the engine is asked for at a time.
pub(crate) const METADATA_WINDOW: usize = 16;

/// Requests for metadata that wait beyond those. The others are rejected (BEP 9).
pub(crate) const METADATA_WAITING: usize = 1024;

/// Rejects that wait to be sent. A peer that reads none of them is left without.
const METADATA_REJECTS: usize = 64;

/// Blocks that an engine which downloads may have asked a peer for.
const SOLICITED: usize = 2048;

/// Longest extended handshake of the engine that is read; a longer one passes as it is.
const LONGEST_ENGINE_HANDSHAKE: usize = 64 << 10;

/// A peer does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error("got {MOST_BREACHES} frames that break the protocol, the last of them {0}")]
    TooManyBreaches(&'static str),
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
}

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameAction {
    /// It goes on as it is.
    Forward,
    /// It is left out.
    Drop,
    /// It is a bitfield that goes on without the pieces that are not held.
    Mask,
    /// It is a block for an unaligned request.
    Translate,
    /// It is read whole, and something else may go on.
    Gather,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct EngineCompat {
    torrent: Torrent,
    requests: Requests,
    interested: bool,
    /// The engine has unchoked the peer, which does not know yet.
    unchoke_held: bool,
    /// Whether the peer has sent its bitfield.
    has_bitfield: bool,
    /// Blocks that the engine asked the peer for.
    solicited: VecDeque<Block>,
    engine: Option<Extensions>,
    peer: Extensions,
    handshakes: u32,
    metadata_waiting: VecDeque<u64>,
    metadata_in_flight: usize,
    metadata_rejects: VecDeque<u64>,
    /// The frame that is read whole.
    gathered: Vec<u8>,
    to_engine: VecDeque<Vec<u8>>,
    to_peer: VecDeque<Vec<u8>>,
    breaches: u32,
    dropped_requests: u64,
}

impl EngineCompat {
    pub(super) fn new(torrent: Torrent) -> Self {
        Self {
            torrent,
            requests: Requests::default(),
            interested: false,
            unchoke_held: false,
            has_bitfield: false,
            solicited: VecDeque::new(),
            engine: None,
            peer: Extensions::default(),
            handshakes: 0,
            metadata_waiting: VecDeque::new(),
            metadata_in_flight: 0,
            metadata_rejects: VecDeque::new(),
            gathered: Vec::new(),
            to_engine: VecDeque::new(),
            to_peer: VecDeque::new(),
            breaches: 0,
            dropped_requests: 0,
        }
    }

    pub(super) const fn interested(&self) -> bool {
        self.interested
    }

    /// Whether the peer wants nothing and waits for nothing.
    pub(super) fn wants_nothing(&self) -> bool {
        !self.interested && self.requests.is_empty()
    }

    pub(super) const fn dropped_requests(&self) -> u64 {
        self.dropped_requests
    }

    pub(super) const fn breaches(&self) -> u32 {
        self.breaches
    }

    /// Whether there is something to say in `direction` without any input.
    pub(super) fn has_next(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToEngine => {
                !self.to_engine.is_empty()
                    || self.requests.has_next(self.torrent.layout)
                    || self.has_metadata_request()
            }
            Direction::ToPeer => {
                !self.to_peer.is_empty()
                    || !self.metadata_rejects.is_empty()
                    || (self.unchoke_held && self.interested)
            }
        }
    }

    /// The next frames to say in `direction` between two frames of the input.
    pub(super) fn next(&mut self, direction: Direction) -> Option<Vec<u8>> {
        match direction {
            Direction::ToEngine => self
                .to_engine
                .pop_front()
                .or_else(|| self.requests.next(self.torrent.layout))
                .or_else(|| self.next_metadata_request()),
            Direction::ToPeer => {
                self.to_peer.pop_front().or_else(|| self.next_reject()).or_else(|| {
                    let unchoke = self.unchoke_held && self.interested;
                    self.unchoke_held &= !unchoke;
                    unchoke.then(|| UNCHOKE.to_vec())
                })
            }
        }
    }

    /// A frame from the peer begins.
    pub(super) fn begin_from_peer(&mut self, frame: FrameHeader) -> Result<FrameAction, Breach> {
        let layout = self.torrent.layout;
        match frame.message {
            Message::KeepAlive | Message::Choke | Message::Unchoke => {}
            Message::Interested => self.interested = true,
            Message::NotInterested => self.interested = false,
            Message::Have(piece) if layout.piece(piece) > 0 => {}
            Message::Have(_) => return self.breach("a Have of a piece that does not exist"),
            Message::Bitfield if u64::from(frame.length) != 1 + layout.pieces().div_ceil(8) => {
                return self.breach("a Bitfield of the wrong length");
            }
            // It comes once, and first (BEP 3).
            Message::Bitfield if self.has_bitfield => return Ok(FrameAction::Drop),
            Message::Bitfield => self.has_bitfield = true,
            Message::Request(block) => return self.request(block),
            Message::Piece(block) => {
                let asked = self.solicited.iter().position(|solicited| *solicited == block);
                if asked.and_then(|index| self.solicited.remove(index)).is_none() {
                    return self.breach("a block that nobody asked for");
                }
            }
            Message::Cancel(block) => {
                self.requests.cancel(block);
                return Ok(FrameAction::Drop);
            }
            Message::Extended(Some(id)) => return self.extended_from_peer(id, frame),
            Message::Extended(None) | Message::Other(_) => return Ok(FrameAction::Drop),
        }
        Ok(FrameAction::Forward)
    }

    fn request(&mut self, block: Block) -> Result<FrameAction, Breach> {
        let alignment = self.torrent.layout.alignment(block);
        if alignment == Alignment::OutOfBounds {
            self.dropped_requests += 1;
            return self.breach("a request for what is no block");
        }
        if !self.torrent.holding.contains(block.piece) {
            self.dropped_requests += 1;
            return Ok(FrameAction::Drop);
        }
        Ok(match self.requests.ask(block, alignment)? {
            Asked::Forward => FrameAction::Forward,
            Asked::Held => FrameAction::Drop,
        })
    }

    fn extended_from_peer(&mut self, id: u8, frame: FrameHeader) -> Result<FrameAction, Breach> {
        let length = frame.frame_length();
        let Some(engine) = self.engine.as_ref().filter(|_| id != 0) else {
            return if id != 0 || self.handshakes >= MOST_HANDSHAKES {
                Ok(FrameAction::Drop)
            } else if length > extended::LONGEST_HANDSHAKE {
                self.breach("an extended handshake that is too long")
            } else {
                Ok(FrameAction::Gather)
            };
        };
        Ok(if engine.metadata == Some(id) && length <= extended::LONGEST_METADATA_REQUEST {
            FrameAction::Gather
        } else if engine.metadata != Some(id) && engine.takes(id) {
            FrameAction::Forward
        } else {
            FrameAction::Drop
        })
    }

    fn breach(&mut self, what: &'static str) -> Result<FrameAction, Breach> {
        self.breaches += 1;
        if self.breaches < MOST_BREACHES {
            Ok(FrameAction::Drop)
        } else {
            Err(Breach::TooManyBreaches(what))
        }
    }

    /// A frame from the engine begins.
    pub(super) fn begin_from_engine(&mut self, frame: FrameHeader) -> FrameAction {
        match frame.message {
            Message::Choke => {
                self.unchoke_held = false;
                self.requests.clear();
            }
            // webtorrent loses an Unchoke that comes before its Interested, and then hangs.
            Message::Unchoke if !self.interested => {
                self.unchoke_held = true;
                return FrameAction::Drop;
            }
            Message::Have(piece) if !self.torrent.holding.contains(piece) => {
                return FrameAction::Drop;
            }
            Message::Bitfield if matches!(self.torrent.holding, Holding::Pieces(_)) => {
                return FrameAction::Mask;
            }
            Message::Piece(block) => match self.requests.answer(block) {
                Answered::Forward => {}
                Answered::Translate => return FrameAction::Translate,
                Answered::Cancelled => return FrameAction::Drop,
            },
            Message::Request(block) => {
                self.solicited.truncate(SOLICITED - 1);
                self.solicited.push_front(block);
            }
            Message::Extended(Some(0)) if frame.frame_length() <= LONGEST_ENGINE_HANDSHAKE => {
                return FrameAction::Gather;
            }
            Message::Extended(Some(id)) if self.peer.metadata == Some(id) => {
                self.metadata_in_flight = self.metadata_in_flight.saturating_sub(1);
            }
            _ => {}
        }
        FrameAction::Forward
    }

    /// `bytes`, which lie at `position` of a Bitfield frame, without the pieces that are not held.
    pub(super) fn mask(&self, position: usize, bytes: &[u8]) -> Vec<u8> {
        let Holding::Pieces(pieces) = &self.torrent.holding else { return bytes.to_vec() };
        let masked = |(at, &byte): (usize, &u8)| match at.checked_sub(HEAD) {
            None => byte,
            Some(index) => byte & pieces.byte(index),
        };
        (position..).zip(bytes).map(masked).collect()
    }

    /// Takes bytes that lie at `position` of a frame that is gathered or translated.
    pub(super) fn take(&mut self, action: FrameAction, position: usize, bytes: &[u8]) {
        match action {
            FrameAction::Gather => self.gathered.extend_from_slice(bytes),
            FrameAction::Translate => {
                let content = PIECE_HEAD.saturating_sub(position);
                self.requests.fill(bytes.get(content..).unwrap_or_default());
            }
            FrameAction::Forward | FrameAction::Drop | FrameAction::Mask => {}
        }
    }

    /// A frame that was gathered or translated has ended.
    pub(super) fn finish(
        &mut self,
        action: FrameAction,
        direction: Direction,
        frame: FrameHeader,
    ) -> Result<(), Breach> {
        match action {
            FrameAction::Translate => self.to_peer.extend(self.requests.finish()),
            FrameAction::Gather => {
                let gathered = std::mem::take(&mut self.gathered);
                match (direction, frame.message) {
                    (Direction::ToPeer, _) => self.engine_handshake(gathered),
                    (Direction::ToEngine, Message::Extended(Some(0))) => {
                        return self.peer_handshake(&gathered);
                    }
                    (Direction::ToEngine, _) => self.metadata_request(&gathered),
                }
            }
            FrameAction::Forward | FrameAction::Drop | FrameAction::Mask => {}
        }
        Ok(())
    }

    fn engine_handshake(&mut self, frame: Vec<u8>) {
        let rewritten = extended::of_engine(frame.get(HEAD + 1..).unwrap_or_default());
        let frame = match rewritten {
            Some((rewritten, extensions)) => {
                self.engine = Some(extensions);
                rewritten
            }
            None => frame,
        };
        self.to_peer.push_back(frame);
    }

    fn peer_handshake(&mut self, frame: &[u8]) -> Result<(), Breach> {
        match extended::of_peer(frame.get(HEAD + 1..).unwrap_or_default()) {
            Some((rewritten, extensions)) => {
                self.handshakes += 1;
                self.peer = extensions;
                self.to_engine.push_back(rewritten);
                Ok(())
            }
            None => self.breach("an extended handshake that is no dictionary").map(drop),
        }
    }

    fn metadata_request(&mut self, frame: &[u8]) {
        let Some(piece) = extended::requested_metadata(frame.get(HEAD + 1..).unwrap_or_default())
        else {
            return;
        };
        let pieces = self.engine.as_ref().map_or(0, |engine| engine.metadata_pieces);
        if self.torrent.private
            || piece >= pieces
            || self.peer.metadata.is_none()
            || self.metadata_waiting.len() >= METADATA_WAITING
        {
            if self.metadata_rejects.len() < METADATA_REJECTS {
                self.metadata_rejects.push_back(piece);
            }
        } else {
            self.metadata_waiting.push_back(piece);
        }
    }

    fn has_metadata_request(&self) -> bool {
        !self.metadata_waiting.is_empty() && self.metadata_in_flight < METADATA_WINDOW
    }

    fn next_metadata_request(&mut self) -> Option<Vec<u8>> {
        if !self.has_metadata_request() {
            return None;
        }
        let id = self.engine.as_ref()?.metadata?;
        let piece = self.metadata_waiting.pop_front()?;
        self.metadata_in_flight += 1;
        Some(extended::metadata_request(id, piece))
    }

    fn next_reject(&mut self) -> Option<Vec<u8>> {
        let piece = self.metadata_rejects.pop_front()?;
        Some(extended::metadata_reject(self.peer.metadata?, piece))
    }
}
