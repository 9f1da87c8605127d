//! Policies in front of real sockets: what a peer sees of them, and that a rule that is withdrawn
//! lets go of what it held.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Instant,
};

use seedbed_testkit::wait_until;
use seedbed_wire::{
    Handshake, Observer, PeerInfo, Policy,
    frame::{FrameHeader, Message},
    policy::{
        Changes, Close, CloseKind, ClosedBy, Direction, Event, IncomingPeer, Occasion, Patch, Plan,
    },
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bed::*;

/// One plan for one kind of occasion.
#[derive(Default)]
struct Rule {
    plan: Mutex<Option<(When, Plan)>>,
    changes: Changes,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Accept,
    Handshake,
    Block,
}

impl Rule {
    fn new(when: When, plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan: Mutex::new(Some((when, plan))), ..Self::default() })
    }

    fn withdraw(&self) {
        *self.plan.lock().unwrap() = None;
        self.changes.advance();
    }

    fn plan(&self, wanted: When) -> Plan {
        let plan = self.plan.lock().unwrap().clone();
        plan.filter(|(when, _)| *when == wanted).map(|(_, plan)| plan).unwrap_or_default()
    }
}

impl Policy for Rule {
    fn in_force(&self) -> bool {
        self.plan.lock().unwrap().is_some()
    }

    fn accept(&self, _: Occasion, _: &IncomingPeer) -> Plan {
        self.plan(When::Accept)
    }

    fn handshake(&self, _: Occasion, _: &PeerInfo, _: &Handshake) -> Plan {
        self.plan(When::Handshake)
    }

    fn frame(&self, _: Occasion, _: &PeerInfo, direction: Direction, frame: FrameHeader) -> Plan {
        match (direction, frame.message) {
            (Direction::ToPeer, Message::Piece(_)) => self.plan(When::Block),
            _ => Plan::default(),
        }
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }
}

async fn ruled(rule: &Arc<Rule>) -> Bed {
    let rule = Arc::clone(rule);
    bed_with(|config| config.policy = rule).await
}

#[tokio::test]
async fn a_block_that_is_held_comes_once_the_rule_is_withdrawn() {
    let rule = Rule::new(When::Block, Plan::hold());
    let bed = ruled(&rule).await;
    let (mut peer, mut engine) = bed.bridged().await;
    let have = [0, 0, 0, 5, 4, 0, 0, 0, 9];
    engine.write_all(&[&have[..], &blocks(2)].concat()).await.unwrap();
    expect(&mut peer, &have).await;
    // The other direction goes on while the block is held.
    peer.write_all(INTERESTED).await.unwrap();
    expect(&mut engine, INTERESTED).await;
    assert_eq!(bed.wire.blocks(SERVED), 0);
    rule.withdraw();
    expect(&mut peer, &blocks(2)).await;
}

#[tokio::test]
async fn a_peer_that_is_held_at_accept_is_greeted_once_the_rule_is_withdrawn() {
    let rule = Rule::new(When::Accept, Plan::hold());
    let bed = ruled(&rule).await;
    let mut peer = bed.connect().await;
    peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    rule.withdraw();
    bed.engine_side().await;
    read_handshake(&mut peer).await;
}

#[tokio::test]
async fn a_peer_that_is_refused_at_accept_sees_a_fin_or_a_reset() {
    for how in [CloseKind::Fin, CloseKind::Reset] {
        let bed = ruled(&Rule::new(When::Accept, Plan::close(how))).await;
        let mut peer = bed.connect().await;
        assert_eq!(closing(&mut peer).await, how);
    }
}

#[tokio::test]
async fn our_handshake_is_cut_or_is_another() {
    let close = Some(Close { at: 34, how: CloseKind::Fin });
    let bed = ruled(&Rule::new(When::Handshake, Plan { close, ..Plan::default() })).await;
    let mut peer = bed.connect().await;
    peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    let (_, _engine) = bed.engine_side().await;
    let mut came = Vec::new();
    within(peer.read_to_end(&mut came)).await.unwrap();
    assert_eq!(came, Handshake::new(SERVED, OURS).to_bytes()[..34]);

    let patches = vec![Patch { at: 28, xor: 0xff }];
    let bed = ruled(&Rule::new(When::Handshake, Plan { patches, ..Plan::default() })).await;
    let mut peer = bed.connect().await;
    peer.write_all(&Handshake::new(SERVED, THEIRS).to_bytes()).await.unwrap();
    let (_, _engine) = bed.engine_side().await;
    let infohash = read_handshake(&mut peer).await.infohash;
    assert_eq!(infohash.as_bytes()[..2], [0x55, 0xaa]);
}

#[tokio::test]
async fn a_connection_that_is_cut_within_a_block_ends_with_a_fin_or_a_reset() {
    for how in [CloseKind::Fin, CloseKind::Reset] {
        let close = Some(Close { at: 1000, how });
        let bed = ruled(&Rule::new(When::Block, Plan { close, ..Plan::default() })).await;
        let (mut peer, mut engine) = bed.bridged().await;
        engine.write_all(&blocks(1)).await.unwrap();
        if how == CloseKind::Fin {
            expect(&mut peer, &blocks(1)[..1000]).await;
        }
        assert_eq!(closing(&mut peer).await, how);
        wait_until_left(&bed).await;
        let departed = bed.wire.departed();
        assert_eq!(departed[0].left.as_ref().unwrap().by, ClosedBy::Policy);
        assert_eq!(departed[0].blocks, 0);
    }
}

#[tokio::test]
async fn a_corrupt_block_is_as_long_as_the_right_one() {
    let patches = vec![Patch { at: 13, xor: 1 }, Patch { at: 16396, xor: 1 }];
    let bed = ruled(&Rule::new(When::Block, Plan { patches, ..Plan::default() })).await;
    let (mut peer, mut engine) = bed.bridged().await;
    let mut wanted = blocks(1);
    engine.write_all(&wanted).await.unwrap();
    (wanted[13], wanted[16396]) = (wanted[13] ^ 1, wanted[16396] ^ 1);
    expect(&mut peer, &wanted).await;
}

#[derive(Default)]
struct Journal(Mutex<Vec<(u64, Event)>>);

impl Observer for Journal {
    fn event(&self, _: Instant, connection: u64, event: Event) {
        self.0.lock().unwrap().push((connection, event));
    }
}

#[tokio::test]
async fn an_observer_is_told_of_a_connection_from_its_first_byte_to_its_last() {
    let journal = Arc::new(Journal::default());
    let observer = Arc::clone(&journal);
    let bed = bed_with(|config| config.observer = Some(observer)).await;
    let (mut peer, mut engine) = bed.bridged().await;
    peer.write_all(INTERESTED).await.unwrap();
    expect(&mut engine, INTERESTED).await;
    engine.write_all(&blocks(1)).await.unwrap();
    expect(&mut peer, &blocks(1)).await;
    let info = journal.0.lock().unwrap()[0].clone();
    drop(peer);
    drop(engine);
    wait_until_left(&bed).await;
    let events = journal.0.lock().unwrap().clone();
    assert!(events.iter().all(|(connection, _)| *connection == info.0), "{events:?}");
    let kinds = events.iter().map(|(_, event)| match event {
        Event::Connected(_) => "connected",
        Event::Handshake(_) => "handshake",
        Event::Interested => "interested",
        Event::BlockSent(_) => "block",
        Event::Closed { .. } => "closed",
        other => panic!("{other:?}"),
    });
    let wanted = ["connected", "handshake", "interested", "block", "closed"];
    assert_eq!(kinds.collect::<Vec<_>>(), wanted);
}

/// How the connection ends, after any bytes.
async fn closing(peer: &mut tokio::net::TcpStream) -> CloseKind {
    let mut bytes = Vec::new();
    match within(peer.read_to_end(&mut bytes)).await {
        Ok(_) => CloseKind::Fin,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => CloseKind::Reset,
        Err(error) => panic!("{error}"),
    }
}

async fn wait_until_left(bed: &Bed) {
    let wire = bed.wire.clone();
    let left = move || wait_until("the peer to have left", || wire.peers().is_empty());
    tokio::task::spawn_blocking(left).await.unwrap();
}
