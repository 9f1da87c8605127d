//! One bridged connection after the handshakes, as a state machine without sockets or clock:
//! bytes of either direction go in, what is to be written comes out.

use std::{ops::Range, sync::Arc};

use crate::{
    frame::{FrameHeader, FrameTooLong, MessageId, Splitter},
    policy::{Direction, PeerInfo, Policy, Verdict},
};

const UNCHOKE: &[u8] = &[0, 0, 0, 1, MessageId::UNCHOKE.0];

/// The next thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// These bytes of the input, as they are.
    Copy(Range<usize>),
    /// Bytes of our own.
    Insert(&'static [u8]),
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
    policy: Arc<dyn Policy>,
    to_engine: Lane,
    to_peer: Lane,
    interested: bool,
    choked: bool,
    /// The engine has unchoked the peer, which does not know yet.
    unchoke_held: bool,
    uploaded: Uploaded,
}

/// One direction.
#[derive(Default)]
struct Lane {
    splitter: Splitter,
    /// The current frame, and whether it passes.
    frame: Option<(FrameHeader, bool)>,
}

impl Session {
    /// A connection on which nothing was said yet: choked, not interested (BEP 3).
    pub(crate) fn new(peer: PeerInfo, policy: Arc<dyn Policy>) -> Self {
        Self {
            peer,
            policy,
            to_engine: Lane::default(),
            to_peer: Lane::default(),
            interested: false,
            choked: true,
            unchoke_held: false,
            uploaded: Uploaded::default(),
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

    /// Whether there is something to say to the peer without any input from the engine: an empty
    /// input [`Direction::ToPeer`] gets it, unless a frame is half way through.
    pub(crate) const fn has_insert(&self) -> bool {
        self.unchoke_held && self.interested
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
            self.insert(direction, output);
            let lane = self.lane(direction);
            let Some(part) = lane.splitter.next(&input[taken..])? else { return Ok(taken) };
            if let Some(header) = part.header {
                let passes = self.decide(direction, header);
                self.lane(direction).frame = Some((header, passes));
            }
            let end = taken + part.length;
            if let Some((header, true)) = self.lane(direction).frame {
                match output.last_mut() {
                    Some(Output::Copy(run)) if run.end == taken => run.end = end,
                    _ => output.push(Output::Copy(taken..end)),
                }
                if part.ends
                    && direction == Direction::ToPeer
                    && header.id == Some(MessageId::PIECE)
                {
                    self.uploaded += Uploaded { blocks: 1, bytes: header.block_length() };
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

    fn insert(&mut self, direction: Direction, output: &mut Vec<Output>) {
        if direction == Direction::ToPeer
            && self.has_insert()
            && self.to_peer.splitter.at_boundary()
        {
            self.unchoke_held = false;
            self.choked = false;
            output.push(Output::Insert(UNCHOKE));
        }
    }

    /// Whether a frame passes; what it says is noted if it does.
    fn decide(&mut self, direction: Direction, header: FrameHeader) -> bool {
        if self.policy.frame(&self.peer, direction, header) == Verdict::Drop {
            return false;
        }
        match (direction, header.id) {
            (Direction::ToEngine, Some(MessageId::INTERESTED)) => self.interested = true,
            (Direction::ToEngine, Some(MessageId::NOT_INTERESTED)) => self.interested = false,
            (Direction::ToPeer, Some(MessageId::CHOKE)) => {
                self.unchoke_held = false;
                self.choked = true;
            }
            // An Unchoke that comes before Interested is lost on webtorrent, which then hangs.
            (Direction::ToPeer, Some(MessageId::UNCHOKE)) if !self.interested => {
                self.unchoke_held = true;
                return false;
            }
            (Direction::ToPeer, Some(MessageId::UNCHOKE)) => self.choked = false,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use seedbed_metainfo::{Infohash, PeerId};

    use super::*;
    use crate::policy::{Direction::*, Origin, Shield};

    const INTERESTED: &[u8] = &[0, 0, 0, 1, 2];
    const CHOKE: &[u8] = &[0, 0, 0, 1, 0];
    const HAVE: &[u8] = &[0, 0, 0, 5, 4, 0, 0, 0, 9];
    /// A block of three bytes.
    const PIECE: &[u8] = b"\0\0\0\x0c\x07\0\0\0\0\0\0\0\0abc";

    fn session_with(policy: impl Policy + 'static) -> Session {
        let peer = PeerInfo {
            infohash: Infohash::new([1; 20]),
            peer_id: PeerId::new([2; 20]),
            address: ([127, 0, 0, 1], 1).into(),
            origin: Origin::Incoming,
        };
        Session::new(peer, Arc::new(policy))
    }

    fn session() -> Session {
        session_with(Shield)
    }

    /// What goes out for `input`, which must be taken whole.
    fn feed(session: &mut Session, direction: Direction, input: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        assert_eq!(session.advance(direction, input, &mut output), Ok(input.len()));
        let bytes = |output| match output {
            Output::Copy(run) => &input[run],
            Output::Insert(bytes) => bytes,
        };
        output.into_iter().flat_map(bytes).copied().collect()
    }

    #[test]
    fn unchoke_is_held_until_the_peer_is_interested_and_all_else_passes() {
        let mut session = session();
        assert_eq!(feed(&mut session, ToPeer, &[UNCHOKE, HAVE].concat()), HAVE);
        assert!(session.choked() && !session.has_insert());
        assert_eq!(feed(&mut session, ToEngine, INTERESTED), INTERESTED);
        assert!(session.has_insert());
        assert_eq!(feed(&mut session, ToPeer, &[]), UNCHOKE);
        assert!(!session.choked() && !session.has_insert());
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
        let (head, tail) = HAVE.split_at(7);
        assert_eq!(feed(&mut session, ToPeer, &[UNCHOKE, head].concat()), head);
        feed(&mut session, ToEngine, INTERESTED);
        assert_eq!(feed(&mut session, ToPeer, &[]), b"");
        assert_eq!(
            feed(&mut session, ToPeer, &[tail, HAVE].concat()),
            [tail, UNCHOKE, HAVE].concat()
        );
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
        for id in 0..=u8::MAX {
            let frame = [0, 0, 0, 3, id, 0, 2];
            let passes = matches!(id, 0..=8 | 20);
            assert_eq!(!feed(&mut session(), ToEngine, &frame).is_empty(), passes, "id {id}");
        }
        let keep_alive = [0; 4];
        assert_eq!(feed(&mut session(), ToEngine, &keep_alive), keep_alive);
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
            assert_eq!(
                before,
                u64::from(at >= 16) + u64::from(at == stream.len()),
                "split at {at}"
            );
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
        let (head, tail) = stream.split_at(40);
        let out = [feed(&mut session, ToPeer, head), feed(&mut session, ToPeer, tail)].concat();
        assert_eq!(out, PIECE.repeat(3));
        assert_eq!(session.uploaded(), Uploaded { blocks: 3, bytes: 9 });
    }
}
