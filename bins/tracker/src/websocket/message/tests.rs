use proptest::prelude::*;

use super::*;

const INFOHASH: [u8; 20] = *b"\x00\x80\xff34567890123456789";

fn announce_with(extra: Value) -> Result<Message, Malformed> {
    let mut message = json!({
        "action": "announce", "info_hash": binary(&INFOHASH), "peer_id": binary(&[0xfe; 20]),
    });
    message.as_object_mut().unwrap().append(extra.clone().as_object_mut().unwrap());
    parse(message.to_string().as_bytes(), 4)
}

fn reason(extra: Value) -> String {
    announce_with(extra).unwrap_err().reason
}

fn announced(extra: Value) -> Announce {
    match announce_with(extra).unwrap() {
        Message::Announce(announce) => announce,
        other => panic!("{other:?}"),
    }
}

#[test]
fn binary_fields_are_strings_of_one_character_a_byte() {
    let announce = announced(json!({}));
    assert_eq!(announce.infohash.as_bytes(), &INFOHASH);
    assert_eq!(announce.peer_id.as_bytes(), &[0xfe; 20]);
    assert_eq!(announce.left, None);
}

#[test]
fn an_error_names_the_field_and_the_swarm() {
    let error = announce_with(json!({ "peer_id": "short" })).unwrap_err();
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
    for offers in [json!([null]), json!({}), json!([{}]), json!([{ "offer": {} }]), json!(1)] {
        assert!(reason(json!({ "offers": offers })).starts_with("offers: wanted"), "{offers}");
    }
    assert_eq!(reason(json!({ "answer": {} })), "to_peer_id is missing");
    assert_eq!(reason(json!({ "action": null })), "action is missing");
    assert!(reason(json!({ "action": "shout" })).starts_with("action: wanted"));
}

#[test]
fn numbers_are_those_of_a_script() {
    assert_eq!(announced(json!({ "left": 0 })).left, Some(0));
    assert_eq!(announced(json!({ "left": null })).left, None);
    assert_eq!(announced(json!({ "left": 1.5e3 })).left, Some(1500));
    assert_eq!(announced(json!({ "left": 1e300 })).left, Some(u64::MAX));
}

#[test]
fn what_is_nested_too_deep_is_malformed() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let message = format!(r#"{{"action":"announce","offers":[{{"offer":{deep}}}]}}"#);
    let error = parse(message.as_bytes(), 4).unwrap_err();
    assert!(error.reason.starts_with("message: wanted a JSON object"), "{error}");
}

#[test]
fn a_scrape_names_one_swarm_or_several_or_none() {
    let scrape = |infohash: Value| {
        let message = json!({ "action": "scrape", "info_hash": infohash });
        parse(message.to_string().as_bytes(), 4)
    };
    let these = |count| Ok(Message::Scrape(Scraped::These(vec![INFOHASH.into(); count])));
    let one = Value::from(binary(&INFOHASH));
    assert_eq!(scrape(one.clone()), these(1));
    assert_eq!(scrape(json!([one, one])), these(2));
    assert_eq!(scrape(Value::Null), Ok(Message::Scrape(Scraped::All)));
    assert!(scrape(json!({})).is_err());
    assert!(scrape(json!([1])).is_err());
    let error = scrape(json!([one, one, one, one, one])).unwrap_err();
    assert_eq!(error.reason, "info_hash: wanted at most 4 of them");
}

proptest! {
    #[test]
    fn no_message_is_too_strange(message: Vec<u8>) {
        let _any = parse(&message, 4);
    }

    #[test]
    fn no_value_is_too_strange(
        name in "action|info_hash|peer_id|to_peer_id|answer|offers|left|event|numwant",
        value in r#"null|true|-1|1e999|"[a-z]{0,20}"|\[\]|\[\[1\]\]|\{\}|\{"a":\[\]\}"#,
    ) {
        if let Ok(value) = serde_json::from_str::<Value>(&value) {
            let _any = announce_with(json!({ name: value }));
        }
    }

    #[test]
    fn any_twenty_bytes_come_back_as_they_went(bytes: [u8; 20]) {
        prop_assert_eq!(twenty_bytes("x", &Value::from(binary(&bytes))), Ok(bytes));
    }
}
