//! Every request of every transport passes the policy, and transports carry out its decisions.

use std::sync::{Arc, Mutex};

use aquatic_udp_protocol::{ConnectRequest, TransactionId};

use super::*;
use crate::{Config, engine::Engine, messages::RequestKind, udp::Responder, websocket};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));
const BLOCKED: [u8; 20] = *b"bbbbbbbbbbbbbbbbbbbb";

/// A request as the policy saw it.
type Seen = (Transport, RequestKind, Outcome);

/// Records the requests, and decides the same about each of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    delivery: Delivery,
    response: Option<Response>,
}

impl Recorder {
    pub(crate) fn delivering(delivery: Delivery) -> Self {
        Self { delivery, ..Self::default() }
    }

    fn answering(response: Response) -> Self {
        Self { response: Some(response), ..Self::default() }
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        let blacklist = [BLOCKED.into()].into();
        let config = Config { blacklist, ..Config::default() };
        Arc::new(Engine::new(&config, 7).with_policy(self.clone()))
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Policy for Recorder {
    fn apply(&self, incoming: Incoming<'_>, outgoing: &mut Outgoing, _now: Moment) {
        assert_eq!(incoming.client, CLIENT);
        let seen = (incoming.transport, incoming.request.kind(), outgoing.outcome);
        self.seen.lock().unwrap().push(seen);
        outgoing.delivery = self.delivery;
        if let Some(response) = &self.response {
            outgoing.response = response.clone();
        }
    }
}

/// The datagrams of a UDP client, each with what the policy sees of it.
fn datagrams(responder: &Responder) -> Vec<(Vec<u8>, RequestKind, Outcome)> {
    use Outcome::{Answered, Invalid, Refused};
    let mut connect = Vec::new();
    let transaction_id = TransactionId::new(7);
    ConnectRequest { transaction_id }.write_bytes(&mut connect).unwrap();
    let id = responder.connection_id(CLIENT, Moment::default()).to_be_bytes();
    let announce = |id: [u8; 8], infohash: [u8; 20], port: u16| {
        let head: [&[u8]; 4] = [&id, &[0, 0, 0, 1], &[0, 0, 0, 7], &infohash];
        [&head.concat()[..], &[1; 20], &[0; 40], &port.to_be_bytes()].concat()
    };
    let scrape = |infohashes: &[u8]| [&id[..], &[0, 0, 0, 2, 0, 0, 0, 7], infohashes].concat();
    vec![
        (connect, RequestKind::Connect, Answered),
        (announce(id, [7; 20], 6881), RequestKind::Announce, Answered),
        (announce(id, BLOCKED, 6881), RequestKind::Announce, Refused),
        (announce(id, [7; 20], 0), RequestKind::Announce, Invalid),
        (announce([9; 8], [7; 20], 6881), RequestKind::Announce, Invalid),
        (scrape(&[7; 20]), RequestKind::Scrape, Answered),
        (scrape(&[]), RequestKind::Scrape, Invalid),
        (b"junk".to_vec(), RequestKind::Unknown, Invalid),
        (Vec::new(), RequestKind::Unknown, Invalid),
    ]
}

#[test]
fn every_datagram_passes_the_policy() {
    let recorder = Recorder::default();
    let responder = Responder::new(recorder.engine(), false, 7);
    for (datagram, kind, outcome) in datagrams(&responder) {
        responder.respond(&datagram, CLIENT, Moment::default(), &mut Vec::new());
        assert_eq!(recorder.take(), [(Transport::Udp, kind, outcome)], "{datagram:?}");
    }
}

#[test]
fn udp_carries_out_what_the_policy_decides() {
    let replies = |recorder: &Recorder| -> Vec<(Duration, Vec<u8>)> {
        let responder = Responder::new(recorder.engine(), false, 7);
        let reply = |(datagram, ..): (Vec<u8>, _, _)| {
            // Earlier replies in the same buffer stay as they are.
            let mut reply = b"earlier".to_vec();
            let delay = responder.respond(&datagram, CLIENT, Moment::default(), &mut reply);
            assert_eq!(&reply[..7], b"earlier");
            (delay, reply.split_off(7))
        };
        datagrams(&responder).into_iter().map(reply).collect()
    };
    let plain = replies(&Recorder::default());
    assert!(plain[..7].iter().all(|(_, reply)| reply.len() >= 8));

    let nothing = Delivery { limit: Some(0), ..Delivery::default() };
    assert!(replies(&Recorder::delivering(nothing)).iter().all(|(_, reply)| reply.is_empty()));

    let half = Delivery { limit: Some(5), ..Delivery::default() };
    for ((_, whole), (_, cut)) in plain.iter().zip(replies(&Recorder::delivering(half))) {
        assert_eq!(cut, whole[..whole.len().min(5)]);
    }

    let delay = Duration::from_secs(3);
    let late = replies(&Recorder::delivering(Delivery { delay, ..Delivery::default() }));
    assert!(late.iter().all(|(held_back, _)| *held_back == delay));
    assert!(late.iter().map(|(_, reply)| reply).eq(plain.iter().map(|(_, reply)| reply)));

    let wrong = Delivery { transaction_id: Some(0x0102_0304), ..Delivery::default() };
    for (_, reply) in &replies(&Recorder::delivering(wrong))[..7] {
        assert_eq!(reply[4..8], [1, 2, 3, 4]);
    }

    let failure = Recorder::answering(Response::Failure("no".to_owned()));
    for (_, reply) in &replies(&failure)[..7] {
        assert_eq!(reply[..], [0, 0, 0, 3, 0, 0, 0, 7, b'n', b'o']);
    }
}

/// The messages of a WebSocket client, each with what the policy sees of it.
fn messages() -> Vec<(String, RequestKind, Outcome)> {
    use Outcome::{Answered, Invalid, Refused};
    let fields = |infohash: &str, rest: &str| {
        format!(
            r#"{{"action":"announce","info_hash":"{infohash}","peer_id":"pppppppppppppppppppp"{rest}}}"#
        )
    };
    let good = "aaaaaaaaaaaaaaaaaaaa";
    let blocked = "bbbbbbbbbbbbbbbbbbbb";
    let answer = r#","answer":{},"to_peer_id":"pppppppppppppppppppp""#;
    let to_nobody = r#","answer":{},"to_peer_id":"nnnnnnnnnnnnnnnnnnnn""#;
    vec![
        (fields(good, ""), RequestKind::Announce, Answered),
        (fields(blocked, ""), RequestKind::Announce, Refused),
        (fields("short", ""), RequestKind::Announce, Invalid),
        (fields(good, answer), RequestKind::Answer, Answered),
        (fields(good, to_nobody), RequestKind::Answer, Refused),
        (fields(good, r#","answer":{}"#), RequestKind::Answer, Invalid),
        (r#"{"action":"scrape"}"#.to_owned(), RequestKind::Scrape, Answered),
        (r#"{"action":"scrape","info_hash":1}"#.to_owned(), RequestKind::Scrape, Invalid),
        ("{}".to_owned(), RequestKind::Unknown, Invalid),
        ("junk".to_owned(), RequestKind::Unknown, Invalid),
    ]
}

fn session(recorder: &Recorder) -> websocket::Session {
    websocket::Session::new(recorder.engine(), Arc::default(), CLIENT, 74)
}

#[test]
fn every_websocket_message_passes_the_policy() {
    let recorder = Recorder::default();
    let mut session = session(&recorder);
    for (message, kind, outcome) in messages() {
        session.receive(message.as_bytes(), Moment::default());
        assert_eq!(recorder.take(), [(Transport::WebSocket, kind, outcome)], "{message}");
    }
}

#[test]
fn a_websocket_carries_out_what_the_policy_decides() {
    let reactions = |recorder: &Recorder| -> Vec<websocket::Reaction> {
        let mut session = session(recorder);
        let receive =
            |(message, ..): (String, _, _)| session.receive(message.as_bytes(), Moment::default());
        messages().into_iter().map(receive).collect()
    };
    let plain = reactions(&Recorder::default());
    let nothing = Delivery { limit: Some(0), ..Delivery::default() };
    for reaction in reactions(&Recorder::delivering(nothing)) {
        assert_eq!(reaction, websocket::Reaction::default());
    }
    let half = Delivery { limit: Some(5), ..Delivery::default() };
    for (whole, cut) in plain.iter().zip(reactions(&Recorder::delivering(half))) {
        let first = whole.texts().map(|text| text[..5].to_owned());
        assert!(cut.texts().eq(first), "{cut:?}");
    }
    let delay = Duration::from_secs(3);
    let late = reactions(&Recorder::delivering(Delivery { delay, ..Delivery::default() }));
    for (plain, late) in plain.iter().zip(late) {
        assert!(late.texts().eq(plain.texts()));
        assert_eq!(late.delay, delay);
    }
}

/// The targets of an HTTP client, each with what the policy sees of it.
pub(crate) fn targets() -> Vec<(&'static str, RequestKind, Outcome)> {
    use Outcome::{Answered, Invalid, Refused};
    vec![
        (
            "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=pppppppppppppppppppp&port=1",
            RequestKind::Announce,
            Answered,
        ),
        (
            "/announce?info_hash=bbbbbbbbbbbbbbbbbbbb&peer_id=pppppppppppppppppppp&port=1",
            RequestKind::Announce,
            Refused,
        ),
        ("/announce", RequestKind::Announce, Invalid),
        ("/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", RequestKind::Scrape, Answered),
        ("/scrape", RequestKind::Scrape, Answered),
        ("/scrape?info_hash=a", RequestKind::Scrape, Invalid),
    ]
}
