//! What each decision of a policy does. Time is what the tests say it is.

use std::sync::Mutex;

use super::*;
use crate::policy::{Changes, Close, Occasion, Patch, Plan, WakePlan};

/// Gives the same plan for every frame of one direction, and can be changed.
struct Rule {
    direction: Direction,
    plan: Mutex<Option<Plan>>,
    asked: Mutex<Vec<Occasion>>,
    changes: Changes,
}

impl Rule {
    fn new(direction: Direction, plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            direction,
            plan: Mutex::new(Some(plan)),
            asked: Mutex::default(),
            changes: Changes::default(),
        })
    }

    fn set(&self, plan: Option<Plan>) {
        *self.plan.lock().unwrap() = plan;
        self.changes.advance();
    }

    fn asked(&self) -> Vec<Occasion> {
        self.asked.lock().unwrap().clone()
    }
}

impl Policy for Rule {
    fn in_force(&self) -> bool {
        self.plan.lock().unwrap().is_some()
    }

    fn frame(
        &self,
        occasion: Occasion,
        _: &PeerInfo,
        direction: Direction,
        _: FrameHeader,
    ) -> Plan {
        if direction != self.direction {
            return Plan::default();
        }
        self.asked.lock().unwrap().push(occasion);
        self.plan.lock().unwrap().clone().unwrap_or_default()
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }
}

fn ruled(direction: Direction, plan: Plan) -> (Session, Arc<Rule>) {
    let rule = Rule::new(direction, plan);
    (Session::example(torrent(), Arc::clone(&rule) as Arc<dyn Policy>), rule)
}

/// What goes out at a time, and how much of the input was taken.
fn at(session: &mut Session, now: Instant, direction: Direction, input: &[u8]) -> (Vec<u8>, usize) {
    let mut output = Vec::new();
    let taken = session.advance(now, direction, input, &mut output).unwrap();
    (written(output, input), taken)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn drop_leaves_a_frame_out_and_a_dropped_block_does_not_count() {
    let (mut session, rule) = ruled(ToPeer, Plan::drop());
    assert_eq!(feed(&mut session, ToPeer, PIECE), b"");
    rule.set(None);
    assert_eq!(feed(&mut session, ToPeer, PIECE), PIECE);
    assert_eq!(session.uploaded().blocks, 1);
}

#[test]
fn a_dropped_request_is_not_in_flight_and_a_dropped_interested_was_not_said() {
    let (mut session, rule) = ruled(ToEngine, Plan::drop());
    let request = frame::Block { piece: 0, begin: 0, length: 16384 }.request();
    assert_eq!(feed(&mut session, ToEngine, &[INTERESTED, &request].concat()), b"");
    assert!(!session.interested() && session.idle_since().is_some());
    assert_eq!(rule.asked().len(), 2);
}

#[test]
fn replace_sends_other_bytes_instead() {
    let (mut session, _) = ruled(ToPeer, Plan::replace(CHOKE.to_vec()));
    assert_eq!(feed(&mut session, ToPeer, &HAVE.repeat(2)), CHOKE.repeat(2));
}

#[test]
fn insert_sends_bytes_before_and_after() {
    let plan = Plan { before: CHOKE.to_vec(), after: INTERESTED.to_vec(), ..Plan::default() };
    let (mut session, _) = ruled(ToPeer, plan);
    assert_eq!(feed(&mut session, ToPeer, HAVE), [CHOKE, HAVE, INTERESTED].concat());
}

#[test]
fn patches_change_bytes_as_they_stream_wherever_the_stream_is_split() {
    let patches = vec![Patch { at: 13, xor: 1 }, Patch { at: 15, xor: 0xff }];
    let mut wanted = PIECE.to_vec();
    (wanted[13], wanted[15]) = (wanted[13] ^ 1, wanted[15] ^ 0xff);
    for split in 13..=PIECE.len() {
        let (mut session, _) = ruled(ToPeer, Plan { patches: patches.clone(), ..Plan::default() });
        let (head, taken) = at(&mut session, now(), ToPeer, &PIECE[..split]);
        let tail = feed(&mut session, ToPeer, &PIECE[taken..]);
        assert_eq!([head, tail].concat(), wanted, "split at {split}");
        assert_eq!(session.uploaded().blocks, 1);
    }
}

#[test]
fn patches_and_the_rest_apply_to_frames_that_the_wire_makes_itself() {
    let (mut session, _) =
        ruled(ToPeer, Plan { patches: vec![Patch { at: 4, xor: 1 }], ..Plan::default() });
    feed(&mut session, ToEngine, INTERESTED);
    assert_eq!(feed(&mut session, ToPeer, UNCHOKE), CHOKE);
    let (mut session, _) =
        ruled(ToPeer, Plan { patches: vec![Patch { at: 4, xor: 1 }], ..Plan::default() });
    assert_eq!(feed(&mut session, ToPeer, UNCHOKE), b"", "held");
    feed(&mut session, ToEngine, INTERESTED);
    assert_eq!(feed(&mut session, ToPeer, &[]), CHOKE);
}

#[test]
fn delay_waits_until_the_time_and_nothing_overtakes() {
    let start = now();
    let (mut session, rule) = ruled(ToPeer, Plan::delay(start + SECOND));
    let input = [HAVE, PIECE].concat();
    assert_eq!(at(&mut session, start, ToPeer, &input), (vec![], 0));
    assert!(session.waits(ToPeer) && !session.waits(ToEngine));
    assert_eq!(session.next_timeout(ToPeer), Some(start + SECOND));
    assert_eq!(at(&mut session, start + SECOND / 2, ToPeer, &input), (vec![], 0));
    // The other direction goes on.
    assert_eq!(at(&mut session, start, ToEngine, INTERESTED).0, INTERESTED);
    assert_eq!(at(&mut session, start + SECOND, ToPeer, &input), (input.clone(), input.len()));
    assert_eq!(session.next_timeout(ToPeer), None);
    assert_eq!(rule.asked().len(), 2, "once for each frame");
}

#[test]
fn hold_lasts_until_the_policy_changes_and_says_otherwise() {
    let (mut session, rule) = ruled(ToPeer, Plan::hold());
    let start = now();
    assert_eq!(at(&mut session, start, ToPeer, HAVE), (vec![], 0));
    assert_eq!((session.waits(ToPeer), session.next_timeout(ToPeer)), (true, None));
    assert_eq!(at(&mut session, start + 3600 * SECOND, ToPeer, HAVE), (vec![], 0));
    assert_eq!(rule.asked().len(), 1);
    rule.set(Some(Plan::hold()));
    assert_eq!(at(&mut session, start + SECOND, ToPeer, HAVE), (vec![], 0));
    let again = Occasion { now: start + SECOND, since: start, repeat: 1, sent: 0 };
    assert_eq!(rule.asked()[1], again);
    rule.set(None);
    assert_eq!(feed(&mut session, ToPeer, HAVE), HAVE);
}

#[test]
fn a_hold_that_comes_in_the_middle_of_a_frame_stops_it_and_goes_again() {
    let (mut session, rule) = ruled(ToPeer, Plan::default());
    rule.set(None);
    let (head, taken) = at(&mut session, now(), ToPeer, &PIECE[..14]);
    assert_eq!((head.len(), taken), (14, 14));
    rule.set(Some(Plan::hold()));
    assert_eq!(at(&mut session, now(), ToPeer, &PIECE[14..]), (vec![], 0));
    assert_eq!(rule.asked()[0].sent, 14);
    rule.set(None);
    assert_eq!(feed(&mut session, ToPeer, &PIECE[14..]), &PIECE[14..]);
    assert_eq!(session.uploaded().blocks, 1);
}

#[test]
fn a_request_that_is_held_is_not_acted_on_before_it_is_let_go() {
    let (mut session, rule) = ruled(ToEngine, Plan::hold());
    assert_eq!(at(&mut session, now(), ToEngine, INTERESTED), (vec![], 0));
    assert!(!session.interested());
    rule.set(None);
    assert_eq!(feed(&mut session, ToEngine, INTERESTED), INTERESTED);
    assert!(session.interested());
}

#[test]
fn limit_lets_so_many_bytes_a_second_pass_over_several_frames() {
    let rate = std::num::NonZeroU64::new(3200).unwrap();
    let (mut session, rule) = ruled(ToPeer, Plan::limit(rate));
    let input = HAVE.repeat(3200 / 9 * 2);
    let (start, mut taken) = (now(), 0);
    let mut time = start;
    while taken < input.len() {
        taken += at(&mut session, time, ToPeer, &input[taken..]).1;
        time = session.next_timeout(ToPeer).unwrap_or(time);
    }
    let seconds = time.duration_since(start).as_secs_f64();
    assert!((1.9..2.1).contains(&seconds), "{} bytes took {seconds} s", input.len());
    // A limit that is withdrawn is gone at once.
    at(&mut session, time, ToPeer, HAVE);
    rule.set(None);
    let more = HAVE.repeat(10_000);
    assert_eq!(at(&mut session, time, ToPeer, &more).1, more.len());
}

#[test]
fn close_ends_the_connection_before_within_or_after_a_frame() {
    for how in [CloseKind::Fin, CloseKind::Reset] {
        for (cut, passes) in [(0, 0), (14, 14), (16, 16), (usize::MAX, 16)] {
            let plan = Plan { close: Some(Close { at: cut, how }), ..Plan::default() };
            let (mut session, _) = ruled(ToPeer, plan);
            let mut output = Vec::new();
            let input = PIECE.repeat(2);
            session.advance(now(), ToPeer, &input, &mut output).unwrap();
            assert_eq!(output.pop(), Some(Output::Close(how)));
            assert_eq!(written(output, &input), &input[..passes], "cut at {cut}");
            let mut output = Vec::new();
            assert_eq!(session.advance(now(), ToPeer, &input, &mut output), Ok(0));
            assert_eq!(output, []);
        }
    }
}

#[test]
fn while_no_rule_is_in_force_nobody_is_asked() {
    let (mut session, rule) = ruled(ToPeer, Plan::drop());
    rule.set(None);
    assert_eq!(feed(&mut session, ToPeer, &PIECE.repeat(3)), PIECE.repeat(3));
    assert_eq!(rule.asked(), []);
}

/// Says something to the peer every second, and then ends the connection.
struct Ticker(Instant);

impl Policy for Ticker {
    fn wake(&self, now: Instant, _: &PeerInfo) -> WakePlan {
        match now.duration_since(self.0).as_secs() {
            ticks @ 0..2 => WakePlan {
                send: CHOKE.to_vec(),
                next: Some(self.0 + SECOND * u32::try_from(ticks + 1).unwrap()),
                ..WakePlan::default()
            },
            _ => WakePlan { close: Some(CloseKind::Reset), ..WakePlan::default() },
        }
    }
}

#[test]
fn a_policy_is_woken_at_its_time_and_speaks_only_between_frames() {
    let start = now();
    let mut session = session_with(Ticker(start));
    assert_eq!(at(&mut session, start, ToPeer, &PIECE[..14]).0, [CHOKE, &PIECE[..14]].concat());
    assert_eq!(session.next_timeout(ToPeer), Some(start + SECOND));
    assert_eq!(at(&mut session, start + SECOND, ToPeer, &[]).0, b"", "a frame is under way");
    let (out, _) = at(&mut session, start + SECOND, ToPeer, &PIECE[14..]);
    assert_eq!(out, [&PIECE[14..], CHOKE].concat());
    let mut output = Vec::new();
    session.advance(start + 2 * SECOND, ToPeer, &[], &mut output).unwrap();
    assert_eq!(output, [Output::Close(CloseKind::Reset)]);
}

/// Keeps what it is told.
#[derive(Default)]
struct Journal(Mutex<Vec<Event>>);

impl Observer for Journal {
    fn event(&self, _: Instant, connection: u64, event: Event) {
        assert_eq!(connection, 1);
        self.0.lock().unwrap().push(event);
    }
}

#[test]
fn an_observer_is_told_of_requests_blocks_and_chokes() {
    let journal = Arc::new(Journal::default());
    let peer = *session().peer();
    let observer = Arc::clone(&journal) as Arc<dyn Observer>;
    let mut session = Session::new(now(), peer, torrent(), Arc::new(PassAll), Some(observer));
    let block = frame::Block { piece: 0, begin: 0, length: 16384 };
    feed(&mut session, ToEngine, &[INTERESTED, &block.request()].concat());
    feed(&mut session, ToPeer, &[UNCHOKE, PIECE, CHOKE].concat());
    let sent = frame::Block { length: 3, ..block };
    let wanted = [
        Event::Interested,
        Event::Requested(block),
        Event::Unchoked,
        Event::BlockSent(sent),
        Event::Choked,
    ];
    assert_eq!(*journal.0.lock().unwrap(), wanted);
}
