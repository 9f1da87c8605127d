//! The frame logic of one connection after the handshakes, as a state machine without sockets and
//! without a clock: bytes of either direction and the time go in, what to write comes out.
//!
//! A frame from the peer passes the [`Policy`] and then [`EngineCompat`]; a frame from the engine
//! passes them in the opposite order. Nothing in this room knows of transports or tasks.

mod delivery;
mod engine_compat;
mod extended;
pub mod frame;
pub(crate) mod pace;
mod requests;
#[cfg(test)]
mod tests;
mod translator;

use std::{ops::Range, sync::Arc, time::Instant};

pub(crate) use delivery::{Delivery, Step};
use engine_compat::{Breach, EngineCompat, FrameAction};
use frame::{FrameHeader, FrameTooLong, Message};
use pace::Pace;

use crate::{
    Torrent,
    policy::{CloseKind, Direction, Event, Observer, PeerInfo, Policy},
};

/// The next thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// These bytes of the input, as they are.
    Copy(Range<usize>),
    /// Other bytes.
    Insert(Vec<u8>),
    /// Nothing more: the connection is to be closed.
    Close(CloseKind),
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

/// A connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// A side sent what is no frame.
    #[error(transparent)]
    Frame(#[from] FrameTooLong),
    /// The peer broke the protocol too often, or asked for too much.
    #[error(transparent)]
    Breach(#[from] Breach),
}

/// The state of one connection.
pub(crate) struct Session {
    peer: PeerInfo,
    policy: Arc<dyn Policy>,
    observer: Option<Arc<dyn Observer>>,
    compat: EngineCompat,
    to_engine: Flow,
    to_peer: Flow,
    choked: bool,
    uploaded: Uploaded,
    /// When the peer last said something that matters, or got a block.
    active: Instant,
    wake: Wake,
    closed: bool,
}

/// One direction.
#[derive(Default)]
struct Flow {
    current: Option<Current>,
    pace: Pace,
    /// When to go on without input.
    timeout: Option<Instant>,
    /// Whether a frame waits for the policy.
    waits: bool,
}

/// A frame under way.
struct Current {
    header: FrameHeader,
    /// The bytes of a frame that the wire made itself; none if they are the input's.
    own: Option<Vec<u8>>,
    /// What the compatibility stage wants; none while a frame from the peer waits for the policy.
    action: Option<FrameAction>,
    /// Whether the policy has a say.
    has_plan: bool,
    delivery: Delivery,
}

/// When the policy is to be asked without a frame.
#[derive(Default)]
struct Wake {
    /// The generation in which it was asked.
    generation: Option<u64>,
    next: Option<Instant>,
    send: Vec<u8>,
    close: Option<CloseKind>,
}

impl Session {
    /// A connection on which nothing was said yet: choked, not interested (BEP 3).
    pub(crate) fn new(
        now: Instant,
        peer: PeerInfo,
        torrent: Torrent,
        policy: Arc<dyn Policy>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self {
            peer,
            policy,
            observer,
            compat: EngineCompat::new(torrent),
            to_engine: Flow::default(),
            to_peer: Flow::default(),
            choked: true,
            uploaded: Uploaded::default(),
            active: now,
            wake: Wake::default(),
            closed: false,
        }
    }

    pub(crate) const fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// Whether the peer wants pieces.
    pub(crate) const fn interested(&self) -> bool {
        self.compat.interested()
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
        self.compat.dropped_requests()
    }

    /// How many frames of the peer broke the protocol.
    pub(crate) const fn breaches(&self) -> u32 {
        self.compat.breaches()
    }

    /// Since when the peer has wanted nothing; `None` if it wants something.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.compat.wants_nothing().then_some(self.active)
    }

    /// Whether there is something to say in a direction without any input.
    pub(crate) fn has_insert(&self, direction: Direction) -> bool {
        self.compat.has_next(direction)
    }

    /// When [`Session::advance`] is to be called in a direction though no input has come.
    pub(crate) fn next_timeout(&self, direction: Direction) -> Option<Instant> {
        let wake = self.wake.next.filter(|_| direction == Direction::ToPeer);
        let timeouts = [self.flow_ref(direction).timeout, wake];
        timeouts.into_iter().flatten().min()
    }

    /// Whether a direction makes no progress, however much input there is.
    pub(crate) fn waits(&self, direction: Direction) -> bool {
        self.flow_ref(direction).waits
    }

    /// Takes bytes that go in `direction` and appends what is to be written to `output`, in order.
    ///
    /// Returns how many bytes it took. The rest is to come again: with more, if it is a broken
    /// header; at [`Session::next_timeout`] or when the policy changes, if the direction
    /// [waits](Session::waits).
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        direction: Direction,
        input: &[u8],
        output: &mut Vec<Output>,
    ) -> Result<usize, SessionError> {
        let mut taken = 0;
        self.flow(direction).timeout = None;
        self.flow(direction).waits = false;
        while !self.closed {
            if direction == Direction::ToPeer {
                self.woken(now, output);
            }
            let Some(mut current) = self.flow(direction).current.take() else {
                match self.begin(now, direction, &input[taken..])? {
                    Some(current) => self.flow(direction).current = Some(current),
                    None => break,
                }
                continue;
            };
            let step = self.step(now, direction, &mut current, input.len() - taken)?;
            let position = current.delivery.position();
            match step {
                Step::Wait(until) => {
                    let flow = self.flow(direction);
                    (flow.timeout, flow.waits) = (until, true);
                    flow.current = Some(current);
                    break;
                }
                Step::NeedInput => {
                    self.flow(direction).current = Some(current);
                    break;
                }
                Step::Send(bytes) => output.push(Output::Insert(bytes)),
                Step::Close(how) => {
                    output.push(Output::Close(how));
                    self.closed = true;
                }
                Step::Forward(length) => {
                    let start = position - length;
                    match &mut current.own {
                        Some(frame) => {
                            let whole = start == 0 && position == frame.len();
                            let bytes = if whole {
                                std::mem::take(frame)
                            } else {
                                frame[start..position].to_vec()
                            };
                            output.push(Output::Insert(patched(&current.delivery, start, bytes)));
                        }
                        None => {
                            let range = taken..taken + length;
                            taken = range.end;
                            self.forward(&current, start, input, range, output);
                        }
                    }
                }
                Step::Skip(length) => {
                    let start = position - length;
                    if current.own.is_none() {
                        let action = current.action.unwrap_or(FrameAction::Drop);
                        self.compat.take(action, start, &input[taken..taken + length]);
                        taken += length;
                    }
                }
                Step::Done => {
                    self.end(now, direction, &current)?;
                    continue;
                }
            }
            self.flow(direction).current = Some(current);
        }
        Ok(taken)
    }

    const fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::ToEngine => &mut self.to_engine,
            Direction::ToPeer => &mut self.to_peer,
        }
    }

    const fn flow_ref(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::ToEngine => &self.to_engine,
            Direction::ToPeer => &self.to_peer,
        }
    }

    fn generation(&self) -> u64 {
        self.policy.changes().map_or(0, crate::policy::Changes::generation)
    }

    /// The next frame: one that the wire makes itself, or the input's.
    fn begin(
        &mut self,
        now: Instant,
        direction: Direction,
        input: &[u8],
    ) -> Result<Option<Current>, SessionError> {
        let generation = self.generation();
        let own = self.compat.next(direction);
        let Some(header) = FrameHeader::parse(own.as_deref().unwrap_or(input))? else {
            return Ok(None);
        };
        let is_own = own.is_some();
        let length = own.as_ref().map_or(header.frame_length(), Vec::len);
        let action = match direction {
            _ if is_own => Some(FrameAction::Forward),
            Direction::ToPeer => Some(self.compat.begin_from_engine(header)),
            Direction::ToEngine => {
                if header.message != Message::KeepAlive {
                    self.active = now;
                }
                None
            }
        };
        // The policy has seen the peer's frames from which the wire's own ones to the engine come.
        let passes = matches!(action, None | Some(FrameAction::Forward | FrameAction::Mask));
        let has_plan = passes && !(is_own && direction == Direction::ToEngine);
        let mut delivery = if passes {
            Delivery::new(length, generation)
        } else {
            Delivery::swallow(length, generation)
        };
        if has_plan && self.policy.in_force() {
            delivery.ask(now, generation, |occasion| {
                self.policy.frame(occasion, &self.peer, direction, header)
            });
        }
        Ok(Some(Current { header, own, action, has_plan, delivery }))
    }

    fn step(
        &mut self,
        now: Instant,
        direction: Direction,
        current: &mut Current,
        available: usize,
    ) -> Result<Step, SessionError> {
        let generation = self.generation();
        let Current { header, own, action, has_plan, delivery } = current;
        if *has_plan && delivery.is_outdated(generation) {
            if self.policy.in_force() {
                delivery.ask(now, generation, |occasion| {
                    self.policy.frame(occasion, &self.peer, direction, *header)
                });
            } else {
                delivery.release(generation);
            }
        }
        if action.is_none() && delivery.waits(now).is_none() {
            let wanted = match delivery.passes() {
                true => self.peer_says(now, *header)?,
                false => FrameAction::Drop,
            };
            if wanted != FrameAction::Forward && delivery.passes() {
                delivery.leave_out();
            }
            *action = Some(wanted);
        }
        let available =
            own.as_ref().map_or(available, |own| own.len().saturating_sub(delivery.position()));
        Ok(delivery.step(now, available, &mut self.flow(direction).pace))
    }

    /// A frame from the peer passes the policy.
    fn peer_says(
        &mut self,
        now: Instant,
        header: FrameHeader,
    ) -> Result<FrameAction, SessionError> {
        let breaches = self.compat.breaches();
        let action = self.compat.begin_from_peer(header)?;
        if breaches == 0 && self.compat.breaches() > 0 {
            let PeerInfo { address: peer, infohash, .. } = self.peer;
            tracing::debug!(%peer, %infohash, frame = ?header, "dropped a frame that breaks the protocol");
        }
        match header.message {
            Message::Interested => self.tell(now, || Event::Interested),
            Message::NotInterested => self.tell(now, || Event::NotInterested),
            Message::Request(block) => self.tell(now, || Event::Requested(block)),
            Message::Cancel(block) => self.tell(now, || Event::Cancelled(block)),
            _ => {}
        }
        Ok(action)
    }

    fn forward(
        &self,
        current: &Current,
        start: usize,
        input: &[u8],
        range: Range<usize>,
        output: &mut Vec<Output>,
    ) {
        let bytes = &input[range.clone()];
        if current.action == Some(FrameAction::Mask) {
            let masked = self.compat.mask(start, bytes);
            output.push(Output::Insert(patched(&current.delivery, start, masked)));
            return;
        }
        let mut changed = Vec::new();
        if current.delivery.patch(start, &mut changed, bytes) {
            output.push(Output::Insert(changed));
            return;
        }
        match output.last_mut() {
            Some(Output::Copy(run)) if run.end == range.start => run.end = range.end,
            _ => output.push(Output::Copy(range)),
        }
    }

    /// A frame has gone, or was left out.
    fn end(
        &mut self,
        now: Instant,
        direction: Direction,
        current: &Current,
    ) -> Result<(), SessionError> {
        let header = current.header;
        if let Some(action @ (FrameAction::Gather | FrameAction::Translate)) = current.action {
            self.compat.finish(action, direction, header)?;
        }
        if direction == Direction::ToPeer && current.delivery.passes() {
            match header.message {
                Message::Choke => {
                    self.choked = true;
                    self.tell(now, || Event::Choked);
                }
                Message::Unchoke => {
                    self.choked = false;
                    self.tell(now, || Event::Unchoked);
                }
                Message::Piece(block) => {
                    self.active = now;
                    self.uploaded += Uploaded { blocks: 1, bytes: block.length.into() };
                    self.tell(now, || Event::BlockSent(block));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks the policy what it wants though no frame goes, if that is due, and does it.
    fn woken(&mut self, now: Instant, output: &mut Vec<Output>) {
        let generation = self.generation();
        let is_due = self.wake.generation != Some(generation)
            || self.wake.next.is_some_and(|next| next <= now);
        if is_due {
            self.wake.generation = Some(generation);
            self.wake.next = None;
            if self.policy.in_force() {
                let plan = self.policy.wake(now, &self.peer);
                self.wake.send.extend(plan.send);
                self.wake.close = plan.close;
                // A time that is past would be due for ever.
                self.wake.next = plan.next.filter(|next| *next > now);
            }
        }
        if self.to_peer.current.is_none() && !self.wake.send.is_empty() {
            output.push(Output::Insert(std::mem::take(&mut self.wake.send)));
        }
        if self.wake.send.is_empty()
            && let Some(how) = self.wake.close.take()
        {
            output.push(Output::Close(how));
            self.closed = true;
        }
    }

    fn tell(&self, now: Instant, event: impl FnOnce() -> Event) {
        if let Some(observer) = &self.observer {
            observer.event(now, self.peer.connection, event());
        }
    }
}

/// `bytes`, which lie at `start` of a frame, as the plan wants them.
fn patched(delivery: &Delivery, start: usize, bytes: Vec<u8>) -> Vec<u8> {
    let mut changed = Vec::new();
    if delivery.patch(start, &mut changed, &bytes) { changed } else { bytes }
}

#[cfg(test)]
impl Session {
    /// A connection with a peer that came over TCP, for the tests of whoever has a session.
    pub(crate) fn example(torrent: Torrent, policy: Arc<dyn Policy>) -> Self {
        let peer = PeerInfo {
            connection: 1,
            infohash: seedbed_metainfo::Infohash::new([1; 20]),
            peer_id: seedbed_metainfo::PeerId::new([2; 20]),
            address: ([127, 0, 0, 1], 1).into(),
            origin: crate::Origin::Incoming,
            transport: crate::Transport::Tcp,
            encrypted: false,
        };
        Self::new(tokio::time::Instant::now().into_std(), peer, torrent, policy, None)
    }
}
