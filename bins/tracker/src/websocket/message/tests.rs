use proptest::prelude::*;

use super::*;

const INFOHASH: [u8; 20] = *b"\x00\x80\xff34567890123456789";

/// An announce with further or other fields.
fn announce_with(extra: &Value) -> String {
    let mut message = json!({
        "action": "announce", "info_hash": binary(&INFOHASH), "peer_id": binary(&[0xfe; 20]),
    });
    message.as_object_mut().unwrap().append(extra.clone().as_object_mut().unwrap());
    message.to_string()
}

fn failed(extra: &Value) -> Failure {
    parse(announce_with(extra).as_bytes(), 4).unwrap_err()
}

fn reason(extra: Value) -> String {
    failed(&extra).reason
}

fn announce(message: &str) -> Announce<'_> {
    match parse(message.as_bytes(), 4).unwrap() {
        Message::Announce(announce) => announce,
        other => panic!("{other:?}"),
    }
}

fn left(extra: Value) -> Option<u64> {
    announce(&announce_with(&extra)).left
}

#[test]
fn binary_fields_are_strings_of_one_character_a_byte() {
    let message = announce_with(&json!({}));
    let announce = announce(&message);
    assert_eq!(announce.infohash.as_bytes(), &INFOHASH);
    assert_eq!(announce.peer_id.as_bytes(), &[0xfe; 20]);
    assert_eq!(announce.left, None);
}

#[test]
fn an_error_names_the_field_and_the_swarm() {
    let error = failed(&json!({ "peer_id": "short" }));
    let expected = r#"peer_id: wanted a string of 20 characters up to U+00FF, got "short""#;
    assert_eq!(error.reason, expected);
    assert_eq!(error.infohash, Some(INFOHASH.into()));
    let not_a_byte = json!({ "peer_id": "\u{100}".repeat(20) });
    assert!(reason(not_a_byte).starts_with("peer_id: wanted"));
    assert_eq!(reason(json!({ "info_hash": null })), "info_hash is missing");
    assert!(reason(json!({ "info_hash": {} })).starts_with("info_hash: wanted"));
    assert!(reason(json!({ "left": -1 })).starts_with("left: wanted"));
    assert!(reason(json!({ "left": "1" })).starts_with("left: wanted"));
    assert!(reason(json!({ "event": "begun" })).starts_with("event: wanted"));
    assert!(reason(json!({ "event": 1 })).starts_with("event: wanted"));
    for offers in [json!([null]), json!({}), json!([1]), json!([{}, []]), json!(1)] {
        assert!(reason(json!({ "offers": offers })).starts_with("offers: wanted"), "{offers}");
    }
    assert_eq!(reason(json!({ "answer": {} })), "to_peer_id is missing");
    assert_eq!(reason(json!({ "action": null })), "action is missing");
    assert!(reason(json!({ "action": "shout" })).starts_with("action: wanted"));
}

#[test]
fn numbers_are_those_of_a_script() {
    assert_eq!(left(json!({ "left": 0 })), Some(0));
    assert_eq!(left(json!({ "left": null })), None);
    assert_eq!(left(json!({ "left": 1.5e3 })), Some(1500));
    assert_eq!(left(json!({ "left": 1e300 })), Some(u64::MAX));
}

#[test]
fn a_field_that_is_nested_too_deep_is_malformed() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for name in ["action", "info_hash"] {
        let message = format!(r#"{{"action":"scrape","{name}":{deep}}}"#);
        let error = parse(message.as_bytes(), 4).unwrap_err();
        assert!(error.reason.starts_with(name), "{error}");
    }
}

/// What the tracker forwards of the first offer of an announce with these offers.
fn forwarded(offers: &str) -> String {
    let message = announce_with(&json!({}));
    let message = format!(r#"{},"offers":{offers}}}"#, message.strip_suffix('}').unwrap());
    let offer = announce(&message).offers[0];
    forward(INFOHASH.into(), PeerId::new(*b"aaaaaaaaaaaaaaaaaaaa"), Forwarded::Offer(offer))
}

#[test]
fn an_offer_is_forwarded_byte_for_byte_whatever_it_is() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let offers = [
        r#"{ "type" : "offer", "sdp":"v=0\r\n", "a":1, "A":2.50e1 }"#,
        r#""only text""#,
        "7",
        "null",
        "[]",
        &deep,
    ];
    for offer in offers {
        for id in [r#""id""#, "1", "null", r#"{"z":1,"a":[ ]}"#] {
            let forwarded = forwarded(&format!(r#"[{{"offer_id": {id}, "offer":{offer} }}]"#));
            let expected = format!(r#"{{"action":"announce","offer":{offer},"offer_id":{id},"#);
            assert!(forwarded.starts_with(&expected), "{forwarded}");
        }
    }
}

#[test]
fn an_offer_or_an_id_that_is_missing_is_missing_in_what_is_forwarded() {
    let start = r#"{"action":"announce","#;
    let end = r#""peer_id":"aaaaaaaaaaaaaaaaaaaa","info_hash":"#;
    assert!(forwarded("[{}]").starts_with(&format!("{start}{end}")));
    assert!(forwarded(r#"[{"offer":1}]"#).starts_with(&format!(r#"{start}"offer":1,{end}"#)));
    assert!(forwarded(r#"[{"offer_id":1}]"#).starts_with(&format!(r#"{start}"offer_id":1,{end}"#)));
}

#[test]
fn a_scrape_names_one_swarm_or_several_or_none() {
    let scrape = |infohash: Value| {
        let message = json!({ "action": "scrape", "info_hash": infohash });
        match parse(message.to_string().as_bytes(), 4) {
            Ok(Message::Scrape(swarms)) => Ok(swarms),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    let these = |count| Ok(Scraped::These(vec![INFOHASH.into(); count]));
    let one = Value::from(binary(&INFOHASH));
    assert_eq!(scrape(one.clone()), these(1));
    assert_eq!(scrape(json!([one, one])), these(2));
    assert_eq!(scrape(Value::Null), Ok(Scraped::All));
    assert!(scrape(json!({})).is_err());
    assert!(scrape(json!([1])).is_err());
    let error = scrape(json!([one, one, one, one, one])).unwrap_err();
    assert_eq!(error.reason, "info_hash: wanted at most 4 of them");
}

proptest! {
    #[test]
    fn no_message_makes_the_parser_panic(message: Vec<u8>) {
        let _any = parse(&message, 4);
    }

    #[test]
    fn no_value_makes_the_parser_panic(
        name in "action|info_hash|peer_id|to_peer_id|answer|offers|left|event|numwant",
        value in r#"null|true|-1|1e999|"[a-z]{0,20}"|\[\]|\[\[1\]\]|\{\}|\{"a":\[\]\}"#,
    ) {
        if let Ok(value) = serde_json::from_str::<Value>(&value) {
            let _any = parse(announce_with(&json!({ name: value })).as_bytes(), 4);
        }
    }

    #[test]
    fn any_twenty_bytes_come_back_as_they_went(bytes: [u8; 20]) {
        prop_assert_eq!(twenty_bytes("x", &Value::from(binary(&bytes))), Ok(bytes));
    }
}
