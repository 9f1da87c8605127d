//! The faults of the tracker. Each is asked for at each request, over HTTP, UDP and WebSocket.

use super::{
    Gate, faults,
    values::{Location, RetryIn, SocketAddrs, StatusCode},
};
use crate::units::{Position, Rate, Span};

faults! {
    /// A fault of the tracker.
    tracker::TrackerFault of Tracker;

    /// Answers later. On UDP, the answer waits in a queue, and other datagrams pass it.
    "latency" => Latency at Request in_progress {
        /// How long the answer waits.
        delay: Span,
        /// By how much the wait varies, to either side.
        jitter: Span = Span::default(),
    } r#"{"on":{"message":"announce"},"fault":{"type":"latency","delay":"400ms","jitter":"100ms"}}"#

    /// Does not answer. On HTTP the connection stays open until the rule is withdrawn or the client
    /// closes it; on UDP the datagram is lost.
    "no_reply" => NoReply at Request in_progress {
    } r#"{"on":{"transport":"http"},"fault":{"type":"no_reply"}}"#

    /// Refuses with a bencoded `failure reason` (HTTP), an error packet (UDP) or a message with
    /// `failure reason` (WebSocket).
    "failure" => Failure at Request {
        /// The reason that the client is given.
        reason: String = "failure on demand".to_owned(),
    } r#"{"on":{"event":"started"},"fault":{"type":"failure","reason":"torrent not registered"},"times":2}"#

    /// Refuses with `failure reason` and `retry in` (BEP 31); on UDP with an error packet.
    "retry_in" => RetryLater at Request {
        /// When the client may come back; whole minutes on the wire, rounded up.
        retry_in: RetryIn,
        /// The reason that the client is given.
        reason: String = "try again later".to_owned(),
    } r#"{"fault":{"type":"retry_in","retry_in":"5m"},"times":1}"#

    /// Answers with another HTTP status. Over UDP and WebSocket it does not act.
    "http_status" => HttpStatus at Request {
        /// The status code.
        status: StatusCode,
        /// Value of the Retry-After field, in whole seconds, rounded up.
        retry_after: Option<Span> = None,
        /// The body.
        body: String = String::new(),
    } r#"{"fault":{"type":"http_status","status":503,"retry_after":"2s"},"times":3}"#

    /// Sends the client elsewhere with a Location field. Over UDP and WebSocket it does not act.
    "redirect" => Redirect at Request {
        /// Where to: a URL, or a path on the same server.
        to: Location,
        /// The status code.
        status: StatusCode = StatusCode::new(302),
    } r#"{"on":{"message":"announce"},"fault":{"type":"redirect","to":"http://127.0.0.1:8001/announce"}}"#

    /// Answers with bytes that are neither bencode, nor a UDP packet, nor JSON.
    "malformed" => Malformed at Request {
        /// The bytes, as text.
        body: String = "<html>this is no bencode</html>".to_owned(),
    } r#"{"fault":{"type":"malformed"},"probability":0.2,"seed":7}"#

    /// Answers with the first part of the body only; Content-Length agrees with what is sent.
    "truncate" => Truncate at Request {
        /// Where the body ends.
        at: Position = Position::Percent(50.0),
    } r#"{"fault":{"type":"truncate","at":"20B"}}"#

    /// Closes the connection with FIN before the whole answer is sent; on UDP the answer is lost.
    "disconnect" => Disconnect at Request in_progress {
        /// Where in the answer.
        at: Position = Position::START,
    } r#"{"fault":{"type":"disconnect","at":"50%"},"times":1}"#

    /// Closes the connection with RST before the whole answer is sent; on UDP the answer is lost.
    "reset" => Reset at Request in_progress {
        /// Where in the answer.
        at: Position = Position::START,
    } r#"{"fault":{"type":"reset"},"times":1}"#

    /// Sends the answer slowly. Over UDP and WebSocket it does not act.
    "slow_body" => SlowBody at Request in_progress {
        /// How fast.
        rate: Rate,
    } r#"{"fault":{"type":"slow_body","rate":"10B/s"}}"#

    /// Compresses the body with gzip, although the client did not ask for it. Over UDP and
    /// WebSocket it does not act.
    "gzip" => Gzip at Request {
    } r#"{"on":{"message":"announce"},"fault":{"type":"gzip"}}"#

    /// Answers without any peer.
    "empty_peers" => EmptyPeers at Request {
    } r#"{"on":{"torrent":"test-small-720p"},"fault":{"type":"empty_peers"}}"#

    /// Adds peers that are not there to the list, before the others.
    "bogus_peers" => BogusPeers at Request {
        /// How many. They lie in 192.0.2.0/24 (RFC 5737) and are a function of the rule's seed.
        count: u32 = 10,
        /// These peers, in place of made ones.
        addresses: SocketAddrs = SocketAddrs::default(),
        /// Leaves the true peers out.
        only: bool = false,
    } r#"{"fault":{"type":"bogus_peers","addresses":["127.0.0.1:9"],"only":true}}"#

    /// Puts the client itself into the list, before the others.
    "self_in_list" => SelfInList at Request {
    } r#"{"fault":{"type":"self_in_list"}}"#

    /// Answers with other counts than those of the swarm.
    "wrong_counts" => WrongCounts at Request {
        /// The seeders; without it, as they are.
        complete: Option<u32> = None,
        /// The leechers; without it, as they are.
        incomplete: Option<u32> = None,
        /// The completed downloads; without it, as they are.
        downloaded: Option<u32> = None,
    } r#"{"fault":{"type":"wrong_counts","complete":0,"incomplete":4000000000}}"#

    /// Answers with another announce interval.
    "interval" => Interval at Request {
        /// The interval, in whole seconds on the wire, rounded up.
        interval: Span,
        /// `min interval`; without it, none is sent.
        min_interval: Option<Span> = None,
    } r#"{"on":{"message":"announce"},"fault":{"type":"interval","interval":"1s"}}"#

    /// Answers with another transaction id. Over HTTP and WebSocket it does not act.
    "wrong_transaction_id" => WrongTransactionId at Request {
    } r#"{"on":{"transport":"udp"},"fault":{"type":"wrong_transaction_id"},"times":1}"#
}

impl TrackerFault {
    const fn condition(&self) -> Gate {
        Gate::Open
    }
}
