//! WebTorrent: peers behind a WebSocket, as npm's bittorrent-tracker and webtorrent speak it.

use std::net::TcpStream;

use crate::support::{Announce, INFOHASH, Tracker, answer, assert_same, peer_id};
use seedbed_testkit::{DEADLINE, request, wait_until};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

struct Client(WebSocket<TcpStream>);

impl Client {
    fn connect(tracker: &Tracker) -> Self {
        Self::connect_to(tracker, "/")
    }

    fn connect_to(tracker: &Tracker, path: &str) -> Self {
        let address = tracker.0.address("http");
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream).unwrap();
        Self(socket)
    }

    fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    fn receive(&mut self) -> Value {
        match self.0.read().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.send(message);
        self.receive()
    }
}

fn binary(bytes: &[u8; 20]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// An announce of peer `number`, with as many offers.
fn announce(number: u8, offers: usize) -> Value {
    let offer = |offer| {
        let sdp = format!("offer {offer} of {number}");
        json!({ "offer": { "type": "offer", "sdp": sdp }, "offer_id": format!("{number}-{offer}") })
    };
    json!({
        "action": "announce",
        "info_hash": binary(&INFOHASH),
        "peer_id": binary(&peer_id(number)),
        "uploaded": 0, "downloaded": 0, "left": 1,
        "numwant": offers,
        "offers": (0..offers).map(offer).collect::<Vec<_>>(),
    })
}

fn announced(complete: u32, incomplete: u32) -> Value {
    json!({
        "action": "announce", "info_hash": binary(&INFOHASH), "interval": 10,
        "complete": complete, "incomplete": incomplete,
    })
}

fn forwarded(kind: &str, from: u8, offer_id: &str, sdp: &str) -> Value {
    json!({
        "action": "announce", "info_hash": binary(&INFOHASH),
        "peer_id": binary(&peer_id(from)), "offer_id": offer_id,
        kind: { "type": kind, "sdp": sdp },
    })
}

fn answer_to(number: u8, to: u8, offer_id: &str) -> Value {
    json!({
        "action": "announce", "info_hash": binary(&INFOHASH), "peer_id": binary(&peer_id(number)),
        "to_peer_id": binary(&peer_id(to)), "offer_id": offer_id,
        "answer": { "type": "answer", "sdp": "yes" },
    })
}

#[test]
fn an_offer_goes_to_another_peer_and_its_answer_comes_back() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let (mut first, mut second) = (Client::connect(&tracker), Client::connect(&tracker));
    assert_eq!(first.ask(&announce(1, 2)), announced(0, 1));
    assert_eq!(second.ask(&announce(2, 2)), announced(0, 2));
    assert_eq!(first.receive(), forwarded("offer", 2, "2-0", "offer 0 of 2"));
    first.send(&answer_to(1, 2, "2-0"));
    assert_eq!(second.receive(), forwarded("answer", 1, "2-0", "yes"));
    // An answer has no reply, so the next message is the response to a scrape.
    assert_eq!(first.ask(&json!({ "action": "scrape", "info_hash": [] }))["action"], "scrape");
}

/// npm's tracker forwards offers and answers whatever they are, and so does this one, byte for byte.
#[test]
fn offers_and_answers_are_forwarded_as_they_came() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let (mut first, mut second) = (Client::connect(&tracker), Client::connect(&tracker));
    first.ask(&announce(1, 0));
    let head = |number| {
        let fields = json!({ "info_hash": binary(&INFOHASH), "peer_id": binary(&peer_id(number)) });
        let fields = fields.to_string();
        format!(r#"{{"action":"announce",{}"#, &fields[1..fields.len() - 1])
    };
    let descriptions = [
        r#"{ "type":"offer", "sdp" : "v=0\u000d", "b":1, "a":2.50e1 }"#,
        r#""text""#,
        "[1, 2]",
        "7",
    ];
    for description in descriptions {
        let offers = format!(r#"[{{"offer":{description},"offer_id":{description}}}]"#);
        second.0.send(Message::text(format!(r#"{},"offers":{offers}}}"#, head(2)))).unwrap();
        second.receive();
        let text = first.0.read().unwrap().into_text().unwrap().to_string();
        let expected = format!(r#""offer":{description},"offer_id":{description}"#);
        assert!(text.contains(&expected), "{text}");
        let to = Value::from(binary(&peer_id(2)));
        let answer = format!(r#"{},"to_peer_id":{to},"answer":{description}}}"#, head(1));
        first.0.send(Message::text(answer)).unwrap();
        let text = second.0.read().unwrap().into_text().unwrap().to_string();
        assert!(text.contains(&format!(r#""answer":{description},"peer_id""#)), "{text}");
    }
    second.0.send(Message::text(format!(r#"{},"offers":[{{}}]}}"#, head(2)))).unwrap();
    second.receive();
    let bare = first.receive();
    assert_eq!((bare.get("offer"), bare.get("offer_id")), (None, None), "{bare}");
}

#[test]
fn each_offer_goes_to_a_peer_of_its_own() {
    let tracker = Tracker::start(&[]);
    let mut others: Vec<_> = (1..=3).map(|_| Client::connect(&tracker)).collect();
    for (client, number) in others.iter_mut().zip(1..) {
        client.ask(&announce(number, 0));
    }
    Client::connect(&tracker).ask(&announce(9, 3));
    let mut offers: Vec<_> = others.iter_mut().map(|it| it.receive()["offer_id"].clone()).collect();
    offers.sort_by_key(ToString::to_string);
    assert_eq!(offers, ["9-0", "9-1", "9-2"]);
}

#[test]
fn peers_of_all_transports_are_counted_together_and_only_dialled_ones_are_listed() {
    let tracker = Tracker::start(&["--peer-order", "insertion"]);
    let mut client = Client::connect_to(&tracker, "/any/path?x=y");
    assert_eq!(client.ask(&announce(1, 5)), announced(0, 1));
    assert_same(&tracker.announce(&Announce::of(2).with("left", "0")), &answer(1, 1, &[]));
    assert_same(&tracker.announce(&Announce::of(3)), &answer(1, 2, &[2]));
    assert_eq!(client.ask(&announce(1, 5)), announced(1, 2));
    let stats = tracker.json("/stats.json");
    assert_eq!((&stats["peersAll"], &stats["peersIPv4"]), (&json!(3), &json!(3)));
    let metrics = tracker.get("/metrics").text();
    let line = r#"seedbed_tracker_announces_total{transport="websocket",outcome="answered"} 2"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn a_scrape_has_the_counts_of_one_torrent_of_several_and_of_all() {
    let tracker = Tracker::start(&[]);
    let mut client = Client::connect(&tracker);
    client.ask(&announce(1, 0));
    let counts = json!({ "complete": 0, "incomplete": 1, "downloaded": 0 });
    let expected = json!({
        "action": "scrape", "files": { binary(&INFOHASH): counts },
        "flags": { "min_request_interval": 10 },
    });
    let infohash = binary(&INFOHASH);
    assert_eq!(client.ask(&json!({ "action": "scrape", "info_hash": infohash })), expected);
    assert_eq!(client.ask(&json!({ "action": "scrape", "info_hash": [infohash] })), expected);
    assert_eq!(client.ask(&json!({ "action": "scrape" })), expected);
}

#[test]
fn max_scrape_is_the_most_infohashes_in_a_scrape_and_a_full_one_has_its_own_limit() {
    let tracker = Tracker::start(&["--max-scrape", "2"]);
    let mut client = Client::connect(&tracker);
    let scrape = |count| json!({ "action": "scrape", "info_hash": vec!["x".repeat(20); count] });
    assert_eq!(client.ask(&scrape(2))["files"].as_object().unwrap().len(), 1);
    let reason = "info_hash: wanted at most 2 of them";
    assert_eq!(client.ask(&scrape(3))["failure reason"], reason);
    let udp = tracker.udp();
    for number in 0..16_385_u32 {
        let mut announce = udp.announce(1, 1, 2, 0);
        announce[16..20].copy_from_slice(&number.reverse_bits().to_be_bytes());
        udp.ask_raw(&announce);
        if number == 16_383 {
            let all = client.ask(&json!({ "action": "scrape" }));
            assert_eq!(all["files"].as_object().unwrap().len(), 16_384);
        }
    }
    let reason = "info_hash: wanted at least one, because there are more than 16384 torrents";
    assert_eq!(client.ask(&json!({ "action": "scrape" }))["failure reason"], reason);
}

#[test]
fn a_peer_is_gone_once_it_says_stopped_or_its_connection_is_closed() {
    let tracker = Tracker::start(&[]);
    let (mut first, mut second) = (Client::connect(&tracker), Client::connect(&tracker));
    first.ask(&announce(1, 0));
    let mut stopped = announce(2, 0);
    second.ask(&stopped);
    stopped["event"] = "stopped".into();
    assert_eq!(second.ask(&stopped), announced(0, 1));
    drop(first);
    wait_until("the peer to be gone", || tracker.json("/health")["peers"] == 0);
}

#[test]
fn a_peer_that_reconnects_gets_offers_on_its_new_connection() {
    let tracker = Tracker::start(&[]);
    let (mut old, mut new) = (Client::connect(&tracker), Client::connect(&tracker));
    old.ask(&announce(1, 0));
    new.ask(&announce(1, 0));
    old.0.close(None).unwrap();
    let closed = old.0.read();
    assert!(matches!(closed, Ok(Message::Close(_))), "{closed:?}");
    Client::connect(&tracker).ask(&announce(2, 1));
    assert_eq!(new.receive(), forwarded("offer", 2, "2-0", "offer 0 of 2"));
}

#[test]
fn what_is_wrong_is_answered_and_the_connection_stays() {
    let tracker = Tracker::start(&[]);
    let mut client = Client::connect(&tracker);
    client.ask(&announce(1, 0));
    let about_it = |reason: &str| json!({ "action": "announce", "info_hash": binary(&INFOHASH), "failure reason": reason });
    for (text, named) in [
        ("{", "message"),
        ("null", "message"),
        ("[]", "message"),
        ("{}", "action"),
        (r#"{"action":"scrape","info_hash":{}}"#, "info_hash"),
        (&*format!("{}{}", "[".repeat(5000), "]".repeat(5000)), "message"),
    ] {
        client.0.send(Message::text(text)).unwrap();
        let reason = client.receive()["failure reason"].as_str().unwrap().to_owned();
        assert!(reason.starts_with(named), "{text}: {reason}");
    }
    let mut no_offer = announce(1, 0);
    no_offer["offers"] = json!([null]);
    let wanted = "offers: wanted a list of objects, got null";
    assert_eq!(client.ask(&no_offer), about_it(wanted));
    let nobody = client.ask(&answer_to(1, 77, "x"));
    let reason = nobody["failure reason"].as_str().unwrap();
    assert!(reason.starts_with("to_peer_id: no peer "), "{reason}");
    client.0.send(Message::binary(announce(1, 0).to_string())).unwrap();
    assert_eq!(client.receive(), announced(0, 1));
}

#[test]
fn a_message_that_is_too_long_ends_its_connection_and_no_other() {
    let tracker = Tracker::start(&[]);
    let (mut client, mut other) = (Client::connect(&tracker), Client::connect(&tracker));
    let _it_may_be_closed_before_all_is_sent = client.0.send(Message::text("x".repeat(300_000)));
    loop {
        match client.0.read() {
            Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1009),
            Ok(other) => panic!("{other:?}"),
            Err(_) => break,
        }
    }
    assert_eq!(other.ask(&announce(1, 0)), announced(0, 1));
}

#[test]
fn a_ping_is_answered() {
    let tracker = Tracker::start(&[]);
    let mut client = Client::connect(&tracker);
    client.0.send(Message::Ping("hello".into())).unwrap();
    assert_eq!(client.0.read().unwrap(), Message::Pong("hello".into()));
}

#[test]
fn the_end_of_the_tracker_is_told() {
    let tracker = Tracker::start(&[]);
    let mut client = Client::connect(&tracker);
    client.ask(&announce(1, 0));
    assert_eq!(tracker.0.terminate().status.code(), Some(0));
    match client.0.read() {
        Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handshake_that_is_not_rfc_6455_is_refused() {
    let tracker = Tracker::start(&[]);
    let ask = |rest: &str| {
        let head = format!("GET / HTTP/1.1\nUpgrade: websocket\n{rest}");
        request(tracker.0.address("http"), &head)
    };
    assert_eq!(ask("").status, 400);
    let old = ask("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 8");
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, Some("13")));
}

#[test]
fn blocked_torrents_are_refused() {
    let tracker = Tracker::start(&["--whitelist", &"ab".repeat(20)]);
    let refused = Client::connect(&tracker).ask(&announce(1, 0));
    let reason = refused["failure reason"].as_str().unwrap();
    assert!(reason.ends_with("is not on the whitelist"), "{reason}");
    assert_eq!(refused["info_hash"], binary(&INFOHASH));
}
