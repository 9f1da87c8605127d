use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const VALID: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-SE0100-bbbbbbbbbbbb&port=6881";

fn wrong(rest: &str) -> String {
    announce(format!("{VALID}{rest}").as_bytes()).unwrap_err().to_string()
}

fn right(rest: &str) -> String {
    format!("{VALID}{rest}")
}

#[test]
fn what_may_be_missing_has_a_default() {
    let query = announce(VALID.as_bytes()).unwrap();
    assert_eq!(
        query,
        AnnounceQuery {
            infohash: [b'a'; 20].into(),
            peer_id: (*b"-SE0100-bbbbbbbbbbbb").into(),
            port: NonZeroU16::new(6881).unwrap(),
            uploaded: 0,
            downloaded: 0,
            left: None,
            event: Event::Empty,
            numwant: None,
            layout: Layout::Dictionaries { ids: true },
            claims: Claims::default(),
        }
    );
}

#[test]
fn an_infohash_is_any_twenty_bytes_and_a_plus_is_a_plus() {
    let encoded = "%00%ff%2B+%26%3D%25~-._aaaaaaaaa";
    let query = format!("info_hash={encoded}&peer_id={encoded}&port=1");
    let query = announce(query.as_bytes()).unwrap();
    assert_eq!(query.infohash.as_bytes(), b"\x00\xff++&=%~-._aaaaaaaaa");
    assert_eq!(query.peer_id.as_bytes(), b"\x00\xff++&=%~-._aaaaaaaaa");
}

#[test]
fn an_error_names_the_parameter_that_is_missing() {
    let without = |name: &str| {
        let pairs: Vec<_> = VALID.split('&').filter(|pair| !pair.starts_with(name)).collect();
        announce(pairs.join("&").as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(without("info_hash"), "info_hash is missing");
    assert_eq!(without("peer_id"), "peer_id is missing");
    assert_eq!(without("port"), "port is missing");
}

#[test]
fn an_error_names_the_parameter_that_is_too_short_or_too_long() {
    let with = |pair: &str| announce(pair.as_bytes()).unwrap_err().to_string();
    assert_eq!(with("info_hash=abc"), "info_hash: wanted 20 bytes, got 3");
    assert_eq!(
        with(&format!("info_hash={}", "%41".repeat(21))),
        "info_hash: wanted 20 bytes, got 21"
    );
    let peer_id = format!("info_hash={}&peer_id=", "%41".repeat(20));
    assert_eq!(with(&peer_id), "peer_id: wanted 20 bytes, got 0");
}

#[test]
fn an_error_names_the_parameter_that_is_badly_encoded() {
    for bad in ["%", "%4", "%zz", "%4g", "%%41"] {
        let query = format!("info_hash={bad}");
        let error = announce(query.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "info_hash: wanted two hex digits after each %", "{bad}");
    }
    assert_eq!(wrong("&left=%3"), "left: wanted two hex digits after each %");
}

#[test]
fn an_error_names_the_number_that_is_out_of_range_and_says_what_came() {
    let port = |value: &str| {
        let query = VALID.replace("6881", value);
        announce(query.as_bytes()).unwrap_err().to_string()
    };
    for value in ["0", "65536", "-1", "6881.5", "x", "+1", " 1"] {
        assert_eq!(port(value), format!("port: wanted a port from 1 to 65535, got {value:?}"));
    }
    assert_eq!(wrong("&left=-1"), r#"left: wanted a number of bytes, got "-1""#);
    assert_eq!(wrong("&left=NaN"), r#"left: wanted a number of bytes, got "NaN""#);
    assert_eq!(
        wrong("&uploaded=18446744073709551616"),
        r#"uploaded: wanted a number of bytes, got "18446744073709551616""#
    );
    assert_eq!(wrong("&downloaded=1e3"), r#"downloaded: wanted a number of bytes, got "1e3""#);
    assert_eq!(wrong("&numwant=-1"), r#"numwant: wanted a number of peers, got "-1""#);
    assert_eq!(wrong("&compact=2"), r#"compact: wanted 0 or 1, got "2""#);
}

#[test]
fn an_error_shows_no_more_than_the_beginning_of_a_long_value() {
    let error = wrong(&format!("&left={}", "x".repeat(10_000)));
    assert!(error.len() < 100, "{error}");
}

#[test]
fn an_empty_left_is_the_same_as_none() {
    assert_eq!(announce(right("&left=").as_bytes()).unwrap().left, None);
    assert_eq!(announce(right("&left").as_bytes()).unwrap().left, None);
    assert_eq!(announce(right("&left=0").as_bytes()).unwrap().left, Some(0));
    assert_eq!(announce(right("&left=%31%30").as_bytes()).unwrap().left, Some(10));
}

#[test]
fn events_are_those_of_bep_3_and_bep_21() {
    let event = |name: &str| announce(right(&format!("&event={name}")).as_bytes()).unwrap().event;
    assert_eq!(event(""), Event::Empty);
    assert_eq!(event("empty"), Event::Empty);
    assert_eq!(event("started"), Event::Started);
    assert_eq!(event("completed"), Event::Completed);
    assert_eq!(event("stopped"), Event::Stopped);
    assert_eq!(event("paused"), Event::Paused);
    assert_eq!(
        wrong("&event=Started"),
        r#"event: wanted started, completed, stopped, paused or empty, got "Started""#
    );
}

#[test]
fn a_parameter_is_given_once_unless_it_is_unknown() {
    assert_eq!(wrong("&port=1"), "port is given more than once");
    assert!(announce(right("&x=1&x=2&&=&").as_bytes()).is_ok());
}

#[test]
fn compact_and_no_peer_id_choose_the_layout() {
    let layout = |rest: &str| announce(right(rest).as_bytes()).unwrap().layout;
    assert_eq!(layout("&compact=1"), Layout::Compact);
    assert_eq!(layout("&compact=0"), Layout::Dictionaries { ids: true });
    assert_eq!(layout("&no_peer_id=1"), Layout::Dictionaries { ids: false });
    assert_eq!(layout("&compact=1&no_peer_id=1"), Layout::Compact);
}

#[test]
fn a_scrape_names_any_number_of_torrents_up_to_a_limit() {
    let pair = "info_hash=aaaaaaaaaaaaaaaaaaaa";
    assert_eq!(scrape(b"", 512), Ok(Scraped::All));
    let twice = Scraped::These(vec![[b'a'; 20].into(); 2]);
    assert_eq!(scrape(format!("{pair}&{pair}").as_bytes(), 512), Ok(twice));
    assert!(scrape([pair; 512].join("&").as_bytes(), 512).is_ok());
    assert_eq!(
        scrape([pair; 513].join("&").as_bytes(), 512).unwrap_err().to_string(),
        "info_hash: wanted at most 512 of them"
    );
}

fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    })
}

proptest! {
    #[test]
    fn no_query_makes_the_parser_panic(query: Vec<u8>) {
        let _any = announce(&query);
        let _any = scrape(&query, 512);
    }

    #[test]
    fn no_value_makes_the_parser_panic(name in "info_hash|peer_id|port|left|event|ip|compact", value: Vec<u8>) {
        let query = [VALID.as_bytes(), b"&", name.as_bytes(), b"=", &value].concat();
        let _any = announce(&query);
    }

    #[test]
    fn a_query_of_aquatic_means_the_same_here(
        infohash: [u8; 20], peer_id: [u8; 20], port in 1..=u16::MAX,
        left: u64, uploaded: u64, numwant: u32, event in "started|stopped|completed|empty",
    ) {
        let query = format!(
            "info_hash={}&peer_id={}&port={port}&uploaded={uploaded}&downloaded=0&left={left}\
             &numwant={numwant}&event={event}&compact=1",
            encode(&infohash), encode(&peer_id),
        );
        let theirs =
            aquatic_http_protocol::request::AnnounceRequest::parse_query_string(&query).unwrap();
        let ours = announce(query.as_bytes()).unwrap();
        prop_assert_eq!(ours.infohash.as_bytes(), &theirs.info_hash.0);
        prop_assert_eq!(ours.peer_id.as_bytes(), &theirs.peer_id.0);
        prop_assert_eq!(ours.port.get(), theirs.port);
        prop_assert_eq!(ours.left, Some(theirs.bytes_left as u64));
        prop_assert_eq!(ours.uploaded, theirs.bytes_uploaded as u64);
        prop_assert_eq!(ours.numwant.map(|wanted| wanted as usize), theirs.numwant);
        prop_assert_eq!(format!("{:?}", ours.event), format!("{:?}", theirs.event));
    }
}
