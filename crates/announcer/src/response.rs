//! The response to an announce, and its bencoded form (BEP 3, BEP 7, BEP 23).
//!
//! The parser is as lenient as clients are: it leaves out peers that cannot be dialled, and ignores
//! unknown keys.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use seedbed_metainfo::{
    PeerId,
    bencode::{self, Value},
};

use crate::error::Error;

/// A tracker's answer to an announce that it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnounceResponse {
    pub(crate) interval: Duration,
    pub(crate) min_interval: Option<Duration>,
    pub(crate) complete: Option<u64>,
    pub(crate) incomplete: Option<u64>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) warning: Option<String>,
}

/// A peer that a tracker listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address at which it listens.
    pub addr: SocketAddr,
    /// Its peer id, if the tracker sent one: compact lists (BEP 23) and UDP have none.
    pub peer_id: Option<PeerId>,
}

impl Peer {
    /// Returns `None` if `ip` and `port` cannot be dialled.
    pub(crate) fn new(ip: IpAddr, port: u16, peer_id: Option<PeerId>) -> Option<Self> {
        let addr = SocketAddr::new(ip.to_canonical(), port);
        (port != 0 && !ip.is_unspecified()).then_some(Self { addr, peer_id })
    }
}

impl AnnounceResponse {
    /// Reads the bencoded body of an HTTP response.
    pub(crate) fn from_bencode(body: &[u8]) -> Result<Self, Error> {
        let Ok(Value::Dict(dict)) = bencode::decode(body) else {
            return Err(Error::Malformed("something other than a bencoded dictionary"));
        };
        let bytes = |key| dict.get(key).and_then(Value::bytes);
        let text = |key| bytes(key).map(|text| String::from_utf8_lossy(text).into());
        if let Some(reason) = text("failure reason") {
            return Err(Error::Failure(reason));
        }
        let number = |key| dict.get(key).and_then(Value::unsigned);
        let mut peers = match dict.get("peers") {
            None => Vec::new(),
            Some(Value::List(list)) => list.iter().filter_map(listed_peer).collect(),
            Some(Value::Bytes(compact)) => compact_ipv4(compact)?,
            Some(_) => return Err(Error::Malformed("peers that are no list")),
        };
        if let Some(compact) = bytes("peers6") {
            peers.extend(compact_ipv6(compact)?);
        }
        Ok(Self {
            interval: number("interval")
                .map(Duration::from_secs)
                .ok_or(Error::Malformed("a dictionary without an interval"))?,
            min_interval: number("min interval").map(Duration::from_secs),
            complete: number("complete"),
            incomplete: number("incomplete"),
            peers,
            warning: text("warning message"),
        })
    }
}

/// A peer of the dictionary list of BEP 3.
fn listed_peer(value: &Value<'_>) -> Option<Peer> {
    let peer = value.dict()?;
    // BEP 3 allows a name here; no tracker sends one.
    let ip = peer.get("ip")?.text()?.parse().ok()?;
    let port = peer.get("port")?.unsigned()?.try_into().ok()?;
    let peer_id = peer.get("peer id").and_then(Value::bytes);
    let peer_id = peer_id.and_then(|id| <[u8; 20]>::try_from(id).ok());
    Peer::new(ip, port, peer_id.map(PeerId::new))
}

/// The compact list of BEP 23.
fn compact_ipv4(list: &[u8]) -> Result<Vec<Peer>, Error> {
    let (peers, rest) = list.as_chunks::<6>();
    if !rest.is_empty() {
        return Err(Error::Malformed("compact peers that are not 6 bytes each"));
    }
    let peer = |&[a, b, c, d, high, low]: &[u8; 6]| {
        Peer::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]), None)
    };
    Ok(peers.iter().filter_map(peer).collect())
}

/// The compact list of BEP 7.
fn compact_ipv6(list: &[u8]) -> Result<Vec<Peer>, Error> {
    let (peers, rest) = list.as_chunks::<18>();
    if !rest.is_empty() {
        return Err(Error::Malformed("compact peers6 that are not 18 bytes each"));
    }
    let peer = |&[ref ip @ .., high, low]: &[u8; 18]| {
        let ip: &[u8; 16] = ip;
        Peer::new(Ipv6Addr::from(*ip).into(), u16::from_be_bytes([high, low]), None)
    };
    Ok(peers.iter().filter_map(peer).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &[u8]) -> Result<AnnounceResponse, String> {
        AnnounceResponse::from_bencode(body).map_err(|error| error.to_string())
    }

    fn peer(addr: &str) -> Peer {
        Peer { addr: addr.parse().unwrap(), peer_id: None }
    }

    #[test]
    fn bep_3_a_dictionary_list_gives_peers_with_their_ids() {
        let body = b"d8:completei2e10:incompletei1e8:intervali600e12:min intervali60e\
            5:peersld2:ip9:127.0.0.17:peer id20:-SE0100-0123456789ab4:porti6881ee\
            d2:ip3:::14:porti6882eee15:warning message4:hushe";
        let id = PeerId::new(*b"-SE0100-0123456789ab");
        assert_eq!(
            parse(body),
            Ok(AnnounceResponse {
                interval: Duration::from_secs(600),
                min_interval: Some(Duration::from_secs(60)),
                complete: Some(2),
                incomplete: Some(1),
                peers: vec![
                    Peer { peer_id: Some(id), ..peer("127.0.0.1:6881") },
                    peer("[::1]:6882")
                ],
                warning: Some("hush".into()),
            })
        );
    }

    #[test]
    fn bep_23_and_bep_7_compact_lists_give_addresses() {
        let mut body =
            b"d8:intervali1e5:peers12:\x7f\0\0\x01\x1a\xe1\x0a\0\0\x02\0\x506:peers618:".to_vec();
        body.extend(Ipv6Addr::LOCALHOST.octets());
        body.extend(b"\x1a\xe1e");
        assert_eq!(
            parse(&body).unwrap().peers,
            [peer("127.0.0.1:6881"), peer("10.0.0.2:80"), peer("[::1]:6881")]
        );
    }

    #[test]
    fn peers_that_cannot_be_dialled_are_left_out() {
        let body = b"d8:intervali1e5:peersld2:ip9:127.0.0.14:porti0eed2:ip4:host4:porti1ee\
            d2:ip9:127.0.0.1ei7ed2:ip9:127.0.0.14:porti65536eed2:ip7:0.0.0.04:porti1ee\
            d2:ip16:::ffff:127.0.0.14:porti1eeee";
        assert_eq!(parse(body).unwrap().peers, [peer("127.0.0.1:1")]);
    }

    #[test]
    fn bep_3_a_failure_reason_is_an_error_with_that_text() {
        assert_eq!(
            parse(b"d14:failure reason9:not todaye").unwrap_err(),
            "the tracker refused the announce: not today"
        );
    }

    #[test]
    fn what_is_no_announce_response_is_malformed() {
        for (body, got) in [
            (&b""[..], "something other than a bencoded dictionary"),
            (b"<html>", "something other than a bencoded dictionary"),
            (b"i5e", "something other than a bencoded dictionary"),
            (b"d8:intervali1e", "something other than a bencoded dictionary"),
            (b"d8:intervali1eetrailing", "something other than a bencoded dictionary"),
            (
                b"d8:intervali9999999999999999999999999999ee",
                "something other than a bencoded dictionary",
            ),
            (
                b"d9999999999999999999999999999:interval",
                "something other than a bencoded dictionary",
            ),
            (b"de", "a dictionary without an interval"),
            (b"d8:intervali-1ee", "a dictionary without an interval"),
            (b"d8:intervali1e5:peersi1ee", "peers that are no list"),
            (b"d8:intervali1e5:peers5:abcdee", "compact peers that are not 6 bytes each"),
            (b"d8:intervali1e6:peers65:abcdee", "compact peers6 that are not 18 bytes each"),
        ] {
            assert_eq!(
                parse(body).unwrap_err(),
                format!("wanted an announce response, got {got}"),
                "{}",
                body.escape_ascii()
            );
        }
        let deep = [b"d1:x".repeat(100_000), b"e".repeat(100_000)].concat();
        parse(&deep).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            let _either = parse(&body);
        }

        #[test]
        fn nothing_like_bencode_panics(body in "d?([dlei:0-9-]|8:interval|5:peers|i1e){0,40}e?") {
            let _either = parse(body.as_bytes());
        }
    }
}
