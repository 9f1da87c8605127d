//! The faults of the range server. Each is asked for at each request, whatever its answer.

use super::{
    Gate, faults,
    values::{Location, StatusCode, Validators},
};
use crate::units::{Position, Rate, SignedSpan, Size, Span};

faults! {
    /// A fault of the range server.
    range::RangeFault of Range;

    /// Sends the first byte of the answer later.
    "latency" => Latency at Request in_progress {
        /// How long the answer waits.
        delay: Span,
        /// By how much the wait varies, to either side.
        jitter: Span = Span::default(),
    } r#"{"on":{"path":"*.mp4"},"fault":{"type":"latency","delay":"300ms","jitter":"60ms"}}"#

    /// Limits the bytes a second of the body.
    "bandwidth" => Bandwidth at Request in_progress {
        /// How fast.
        rate: Rate,
        /// How much may be sent at once after a pause.
        burst: Size = Size(16 << 10),
    } r#"{"fault":{"type":"bandwidth","rate":"50KiB/s"}}"#

    /// Sends the header slowly, byte by byte.
    "slow_headers" => SlowHeaders at Request {
        /// How long the whole header takes.
        over: Span,
    } r#"{"fault":{"type":"slow_headers","over":"3s"}}"#

    /// Stops in the body until the rule is withdrawn; the connection stays open.
    "stall" => Stall at Request in_progress {
        /// Where in the body.
        at: Position = Position::START,
        /// Goes on after so long; without it, only when the rule is withdrawn.
        lasting: Option<Span> = None,
    } r#"{"on":{"path":"*.mp4"},"fault":{"type":"stall","at":"50%"},"times":1}"#

    /// Closes the connection with FIN in the body, before what Content-Length promised.
    "disconnect" => Disconnect at Request in_progress {
        /// Where in the body.
        at: Position = Position::START,
    } r#"{"fault":{"type":"disconnect","at":"8KiB"},"times":1}"#

    /// Closes the connection with RST in the body.
    "reset" => Reset at Request in_progress {
        /// Where in the body.
        at: Position = Position::START,
    } r#"{"fault":{"type":"reset","at":"60%"},"times":1}"#

    /// Ends the body early; Content-Length agrees with what is sent, so that nothing seems to be
    /// missing.
    "truncate" => Truncate at Request {
        /// Where the body ends.
        at: Position = Position::Percent(50.0),
    } r#"{"on":{"range":false},"fault":{"type":"truncate","at":"60%"}}"#

    /// Answers with another status.
    "http_status" => HttpStatus at Request {
        /// The status code.
        status: StatusCode,
        /// Value of the Retry-After field, in whole seconds, rounded up.
        retry_after: Option<Span> = None,
        /// The body.
        body: String = String::new(),
    } r#"{"fault":{"type":"http_status","status":503},"times":3}"#

    /// Answers 429 with Retry-After to requests beyond a quota.
    "rate_limit" => RateLimit at Request {
        /// How many requests are answered in each window.
        requests: u32 = 0,
        /// The length of a window; the first starts with the first request.
        per: Span = Span::secs(1),
        /// Value of the Retry-After field, in whole seconds, rounded up.
        retry_after: Span = Span::secs(1),
    } r#"{"fault":{"type":"rate_limit","requests":5,"per":"1s","retry_after":"2s"}}"#

    /// Answers 403 once the rule is older than a signed URL would be valid.
    "expire" => Expire at Request {
        /// For how long requests are answered.
        valid: Span,
        /// The status code afterwards.
        status: StatusCode = StatusCode::new(403),
    } r#"{"on":{"path":"*.mp4"},"fault":{"type":"expire","valid":"10s"}}"#

    /// Sends the client elsewhere with a Location field.
    "redirect" => Redirect at Request {
        /// Where to: a URL, or a path on the same server.
        to: Location,
        /// The status code.
        status: StatusCode = StatusCode::new(302),
    } r#"{"on":{"path":"/a.mp4"},"fault":{"type":"redirect","to":"/b.mp4"}}"#

    /// Changes bytes of the body.
    "corrupt" => Corrupt at Request {
        /// How many bytes, at places that are a function of the rule's seed.
        bytes: u32 = 1,
    } r#"{"on":{"path":"*.mp4"},"fault":{"type":"corrupt","bytes":3},"times":1}"#

    /// Answers with the whole file and status 200, as if there were no Range field.
    "ignore_range" => IgnoreRange at Request {
    } r#"{"on":{"range":true},"fault":{"type":"ignore_range"}}"#

    /// Answers with a Content-Range that is not that of the body.
    "wrong_content_range" => WrongContentRange at Request {
        /// By how many bytes first and last position are off.
        by: i64 = 1,
    } r#"{"on":{"range":true},"fault":{"type":"wrong_content_range","by":512},"times":1}"#

    /// Answers with a Content-Length that is not that of the body, and closes the connection.
    "wrong_length" => WrongLength at Request {
        /// By how many bytes it is off.
        by: i64 = 1,
    } r#"{"fault":{"type":"wrong_length","by":-100},"times":1}"#

    /// Sends the body with `Transfer-Encoding: chunked` and without Content-Length.
    "chunked" => Chunked at Request {
        /// The length of a chunk.
        chunk: Size = Size(16 << 10),
    } r#"{"fault":{"type":"chunked"}}"#

    /// Answers with an ETag and a Last-Modified of another version of the file, so that a client
    /// cannot tell that the content is the same.
    "stale_validators" => StaleValidators at Request {
    } r#"{"fault":{"type":"stale_validators"},"after":1}"#

    /// Answers with other content of the same length.
    "swap" => Swap at Request {
        /// From which position of the file on.
        at: Position = Position::START,
        /// Whether ETag and Last-Modified stay as they were.
        validators: Validators = Validators::Keep,
    } r#"{"on":{"path":"*.mp4"},"fault":{"type":"swap","validators":"change"},"after":3}"#

    /// Leaves the last segments out of an HLS playlist.
    "truncate_playlist" => TruncatePlaylist at Request {
        /// How many segments stay.
        keep: u32 = 1,
        /// Leaves `#EXT-X-ENDLIST` out as well, as if more were to come.
        live: bool = false,
    } r#"{"on":{"path":"*.m3u8"},"fault":{"type":"truncate_playlist","keep":3}}"#

    /// Answers 404 for a segment; the playlist still names it.
    "missing_segment" => MissingSegment at Request {
    } r#"{"on":{"path":"segment-00003.*"},"fault":{"type":"missing_segment"},"times":2}"#

    /// Moves the times of a live playlist (`#EXT-X-PROGRAM-DATE-TIME`) and the Date field.
    "clock_skew" => ClockSkew at Request {
        /// By how much; negative into the past.
        by: SignedSpan,
    } r#"{"on":{"path":"*.m3u8"},"fault":{"type":"clock_skew","by":"-30s"}}"#
}

impl RangeFault {
    const fn condition(&self) -> Gate {
        match self {
            Self::RateLimit(limit) => {
                Gate::Quota { requests: limit.requests as u64, per: limit.per.0 }
            }
            Self::Expire(expire) => Gate::Age(expire.valid.0),
            _ => Gate::Open,
        }
    }
}
