//! One bridged connection after the handshakes, as a state machine without sockets or clock:
//! bytes of either direction go in, what is to be written comes out.

use std::{ops::Range, sync::Arc};

use crate::{
    Holding, Torrent,
    frame::{Block, FrameHeader, FrameTooLong, HEAD, Message, PIECE_HEAD, Splitter},
    policy::{Direction, PeerInfo, Policy, Verdict},
    translator::{Kind, Translator},
};

const UNCHOKE: &[u8] = &[0, 0, 0, 1, 1];

/// The next thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// These bytes of the input, as they are.
    Copy(Range<usize>),
    /// Bytes of our own.
    Insert(Vec<u8>),
}

/// What was sent to a peer, or to all peers of a torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uploaded {
    /// Blocks.
    pub(crate) blocks: u64,
    /// Bytes of content in them.
    pub(crate) bytes: u64,
}

impl std::ops::AddAssign for Uploaded {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

/// What both sides of a connection have said so far.
pub(crate) struct Session {
    peer: PeerInfo,
    torrent: Torrent,
    policy: Arc<dyn Policy>,
    to_engine: Lane,
    to_peer: Lane,
    translator: Translator,
    interested: bool,
    choked: bool,
    /// The engine has unchoked the peer, which does not know yet.
    unchoke_held: bool,
    uploaded: Uploaded,
    dropped_requests: u64,
}

/// One direction.
#[derive(Default)]
struct Lane {
    splitter: Splitter,
    /// The current frame.
    frame: Option<(FrameHeader, Fate)>,
    /// How much of it has come.
    position: usize,
}

/// What becomes of a frame.
#[derive(Clone, Copy)]
enum Fate {
    Pass,
    Drop,
    /// A bitfield that goes on without the pieces that are not held.
    Mask,
    /// A block that is for the translator.
    Translate,
}

impl Session {
    /// A connection on which nothing was said yet: choked, not interested (BEP 3).
    pub(crate) fn new(peer: PeerInfo, torrent: Torrent, policy: Arc<dyn Policy>) -> Self {
        Self {
            peer,
            torrent,
            policy,
            to_engine: Lane::default(),
            to_peer: Lane::default(),
            translator: Translator::default(),
            interested: false,
            choked: true,
            unchoke_held: false,
            uploaded: Uploaded::default(),
            dropped_requests: 0,
        }
    }

    /// Whom it is with.
    pub(crate) const fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// Whether the peer wants pieces.
    pub(crate) const fn interested(&self) -> bool {
        self.interested
    }

    /// Whether the peer is choked, as far as it knows.
    pub(crate) const fn choked(&self) -> bool {
        self.choked
    }

    /// What was sent to the peer. A block counts once its last byte is in the output.
    pub(crate) const fn uploaded(&self) -> Uploaded {
        self.uploaded
    }

    /// How many requests were left out.
    pub(crate) const fn dropped_requests(&self) -> u64 {
        self.dropped_requests
    }

    /// Whether there is something to say without any input: an empty input in that direction gets
    /// it, unless a frame is half way through.
    pub(crate) fn has_insert(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToEngine => self.translator.has_requests(),
            Direction::ToPeer => self.unchoke_held && self.interested,
        }
    }

    /// Takes bytes that go in `direction` and appends what is to be written to `output`, in order.
    ///
    /// Gives how many bytes it took; the rest, a broken header, is to come again with more.
    ///
    /// # Errors
    /// A frame is too long; the connection is of no more use.
    pub(crate) fn advance(
        &mut self,
        direction: Direction,
        input: &[u8],
        output: &mut Vec<Output>,
    ) -> Result<usize, FrameTooLong> {
        let mut taken = 0;
        loop {
            if self.lane(direction).splitter.at_boundary() {
                output.extend(std::iter::from_fn(|| self.insert(direction)).map(Output::Insert));
            }
            let Some(part) = self.lane(direction).splitter.next(&input[taken..])? else {
                return Ok(taken);
            };
            if let Some(header) = part.header {
                let fate = self.decide(direction, header);
                *self.lane(direction) =
                    Lane { frame: Some((header, fate)), position: 0, ..*self.lane(direction) };
            }
            let end = taken + part.length;
            let lane = self.lane(direction);
            let position = lane.position;
            lane.position += part.length;
            if let Some((header, fate)) = lane.frame {
                let bytes = &input[taken..end];
                match fate {
                    Fate::Drop => {}
                    Fate::Pass => {
                        match output.last_mut() {
                            Some(Output::Copy(run)) if run.end == taken => run.end = end,
                            _ => output.push(Output::Copy(taken..end)),
                        }
                        if part.ends && direction == Direction::ToPeer {
                            self.count(header.message);
                        }
                    }
                    Fate::Mask => output.push(Output::Insert(self.mask(position, bytes))),
                    Fate::Translate => {
                        let content = PIECE_HEAD.saturating_sub(position);
                        self.translator.fill(bytes.get(content..).unwrap_or_default());
                        if part.ends {
                            output.extend(self.finish_translation().map(Output::Insert));
                        }
                    }
                }
            }
            taken = end;
        }
    }

    const fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::ToEngine => &mut self.to_engine,
            Direction::ToPeer => &mut self.to_peer,
        }
    }

    /// What is to be said between two frames.
    fn insert(&mut self, direction: Direction) -> Option<Vec<u8>> {
        match direction {
            Direction::ToEngine => self.translator.requests(self.torrent.layout),
            Direction::ToPeer => self.has_insert(direction).then(|| {
                self.unchoke_held = false;
                self.choked = false;
                UNCHOKE.to_vec()
            }),
        }
    }

    /// What becomes of a frame; what it says is noted if it goes on.
    fn decide(&mut self, direction: Direction, header: FrameHeader) -> Fate {
        // The policy sees the answer that comes of it.
        if let (Direction::ToPeer, Message::Piece(block)) = (direction, header.message)
            && self.translator.claims(block)
        {
            return Fate::Translate;
        }
        match self.policy.frame(&self.peer, direction, header) {
            Verdict::Drop => Fate::Drop,
            Verdict::Pass if direction == Direction::ToEngine => self.peer_says(header.message),
            Verdict::Pass => self.engine_says(header.message),
        }
    }

    fn peer_says(&mut self, message: Message) -> Fate {
        match message {
            Message::Interested => self.interested = true,
            Message::NotInterested => self.interested = false,
            Message::Request(block) => return self.request(block),
            Message::Cancel(block) => match self.torrent.layout.kind(block) {
                Kind::Plain => {}
                Kind::Odd | Kind::Wrong => {
                    self.translator.cancel(block);
                    return Fate::Drop;
                }
            },
            _ => {}
        }
        Fate::Pass
    }

    fn request(&mut self, block: Block) -> Fate {
        let kind = self.torrent.layout.kind(block);
        let held = self.torrent.holding.contains(block.piece);
        match kind {
            Kind::Plain if held => return Fate::Pass,
            Kind::Odd if held && self.translator.ask(block) => {}
            _ => self.dropped_requests += 1,
        }
        Fate::Drop
    }

    fn engine_says(&mut self, message: Message) -> Fate {
        match message {
            Message::Choke => {
                self.unchoke_held = false;
                self.choked = true;
                self.translator.clear();
            }
            // An Unchoke that comes before Interested is lost on webtorrent, which then hangs.
            Message::Unchoke if !self.interested => {
                self.unchoke_held = true;
                return Fate::Drop;
            }
            Message::Unchoke => self.choked = false,
            Message::Have(piece) if !self.torrent.holding.contains(piece) => return Fate::Drop,
            Message::Bitfield if matches!(self.torrent.holding, Holding::Pieces(_)) => {
                return Fate::Mask;
            }
            _ => {}
        }
        Fate::Pass
    }

    /// `bytes`, which lie at `position` of a Bitfield frame, without the pieces not held.
    fn mask(&self, position: usize, bytes: &[u8]) -> Vec<u8> {
        let Holding::Pieces(pieces) = &self.torrent.holding else { return bytes.to_vec() };
        let masked = |(at, &byte): (usize, &u8)| match at.checked_sub(HEAD) {
            None => byte,
            Some(index) => byte & pieces.byte(index),
        };
        (position..).zip(bytes).map(masked).collect()
    }

    /// The answer to an odd request, if it is whole and passes.
    fn finish_translation(&mut self) -> Option<Vec<u8>> {
        let (block, frame) = self.translator.finish()?;
        let message = Message::Piece(block);
        let header = FrameHeader { length: block.length + 9, message };
        let passes = self.policy.frame(&self.peer, Direction::ToPeer, header) == Verdict::Pass;
        passes.then(|| {
            self.count(message);
            frame
        })
    }

    fn count(&mut self, sent: Message) {
        if let Message::Piece(block) = sent {
            self.uploaded += Uploaded { blocks: 1, bytes: block.length.into() };
        }
    }
}

#[cfg(test)]
impl Session {
    /// A connection with a peer that came to us over TCP, for the tests of whoever has a session.
    pub(crate) fn example(torrent: Torrent, policy: impl Policy + 'static) -> Self {
        let peer = PeerInfo {
            infohash: seedbed_metainfo::Infohash::new([1; 20]),
            peer_id: seedbed_metainfo::PeerId::new([2; 20]),
            address: ([127, 0, 0, 1], 1).into(),
            origin: crate::Origin::Incoming,
            transport: crate::Transport::Tcp,
            encrypted: false,
        };
        Self::new(peer, torrent, Arc::new(policy))
    }
}

#[cfg(test)]
mod tests;
