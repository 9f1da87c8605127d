//! The faults of the seeder, on the peer wire.

use super::{Gate, faults};
use crate::{
    rule::Pieces,
    units::{Position, Rate, Size, Span},
};

faults! {
    /// A fault of the seeder.
    seeder::SeederFault of Seeder;

    /// Accepts the connection and closes it at once.
    "refuse" => Refuse at Accept {
        /// Closes with RST in place of FIN.
        reset: bool = false,
    } r#"{"on":{"address":"10.0.0.0/8"},"fault":{"type":"refuse"}}"#

    /// Closes the connection of a peer that starts with an encrypted handshake.
    "drop_encryption" => DropEncryption at Encryption {
    } r#"{"fault":{"type":"drop_encryption"}}"#

    /// Sends the first bytes of the handshake and then nothing more.
    "half_handshake" => HalfHandshake at Handshake {
        /// How many of its 68 bytes.
        bytes: Size = Size(20),
    } r#"{"fault":{"type":"half_handshake","bytes":"48B"},"times":1}"#

    /// Sends the handshake byte by byte.
    "slow_handshake" => SlowHandshake at Handshake {
        /// How long the whole handshake takes.
        over: Span,
    } r#"{"fault":{"type":"slow_handshake","over":"5s"}}"#

    /// Answers a handshake with another infohash.
    "wrong_infohash" => WrongInfohash at Handshake {
    } r#"{"fault":{"type":"wrong_infohash"},"times":1}"#

    /// Claims pieces that are not served, or hides some that are, in the bitfield.
    "bitfield" => Bitfield at Connection {
        /// Pieces that are claimed. Requests for one that is not held are not answered.
        claim: Option<Pieces> = None,
        /// Pieces that are hidden. Requests for them are not answered.
        hide: Option<Pieces> = None,
    } r#"{"on":{"torrent":"test-small-720p"},"fault":{"type":"bitfield","hide":"32-"}}"#

    /// Sends Have for pieces that are then not served.
    "lie_have" => LieHave at Connection {
        /// The pieces.
        pieces: Pieces,
        /// The time between two Haves.
        every: Span = Span::default(),
    } r#"{"fault":{"type":"lie_have","pieces":[3,"10-12"],"every":"100ms"}}"#

    /// Limits the bytes a second that are sent to the peer.
    "bandwidth" => Bandwidth at Connection in_progress {
        /// How fast.
        rate: Rate,
        /// How much may be sent at once after a pause.
        burst: Size = Size(16 << 10),
    } r#"{"fault":{"type":"bandwidth","rate":"64KiB/s"}}"#

    /// Chokes the peer, for ever or in turns.
    "choke" => Choke at Connection in_progress {
        /// How long a turn of choking lasts; without it, for ever.
        choked: Option<Span> = None,
        /// How long the peer is unchoked between two turns.
        unchoked: Span = Span::secs(1),
    } r#"{"fault":{"type":"choke","choked":"5s","unchoked":"2s"}}"#

    /// Delays messages; those behind a delayed one wait, too.
    "latency" => Latency at Message in_progress {
        /// How long a message waits.
        delay: Span,
        /// By how much the wait varies, to either side.
        jitter: Span = Span::default(),
    } r#"{"on":{"message":"piece"},"fault":{"type":"latency","delay":"200ms","jitter":"50ms"}}"#

    /// Sends nothing more to the peer until the rule is withdrawn; the connection stays open.
    "stall" => Stall at Message in_progress {
        /// Once so much of the torrent was sent on the connection.
        at: Position = Position::START,
        /// Goes on after so long; without it, only when the rule is withdrawn.
        lasting: Option<Span> = None,
    } r#"{"fault":{"type":"stall","at":"50%","lasting":"10s"},"times":1}"#

    /// Closes the connection with FIN.
    "disconnect" => Disconnect at Message in_progress {
        /// Once so much of the torrent was sent on the connection.
        at: Position = Position::START,
    } r#"{"on":{"message":"request","piece":7},"fault":{"type":"disconnect"},"times":1}"#

    /// Closes the connection with RST.
    "reset" => Reset at Message in_progress {
        /// Once so much of the torrent was sent on the connection.
        at: Position = Position::START,
    } r#"{"on":{"direction":"to_peer"},"fault":{"type":"reset","at":"1MiB"},"times":1}"#

    /// Sends bytes that are no messages, and closes the connection.
    "garbage" => Garbage at Message in_progress {
        /// How many.
        bytes: Size = Size(1 << 10),
    } r#"{"on":{"message":"request"},"fault":{"type":"garbage"},"after":10,"times":1}"#

    /// Sends a message that claims to be longer than any client takes.
    "oversize_message" => OversizeMessage at Message in_progress {
        /// The length in its prefix.
        length: Size = Size(64 << 20),
        /// How much of it is sent.
        sent: Size = Size(16 << 10),
    } r#"{"on":{"message":"request"},"fault":{"type":"oversize_message"},"times":1}"#

    /// Does not answer requests for blocks.
    "drop_requests" => DropRequests at BlockRequest in_progress {
    } r#"{"on":{"piece":[3,5]},"fault":{"type":"drop_requests"},"times":4}"#

    /// Changes bytes of a block, so that the piece fails its hash.
    "corrupt" => Corrupt at Block in_progress {
        /// How many bytes, at places that are a function of the rule's seed.
        bytes: u32 = 1,
    } r#"{"on":{"piece":3},"fault":{"type":"corrupt"},"times":1}"#

    /// Sends a block more than once.
    "duplicate_block" => DuplicateBlock at Block in_progress {
        /// How often more.
        copies: u32 = 1,
    } r#"{"fault":{"type":"duplicate_block"},"probability":0.1,"seed":7}"#

    /// Sends a block of the right length, with a wrong offset in its header.
    "wrong_block" => WrongBlock at Block in_progress {
        /// By how much the offset is too large.
        by: Size = Size(16 << 10),
    } r#"{"on":{"piece":3},"fault":{"type":"wrong_block"},"times":1}"#

    /// Does not answer metadata requests (BEP 9), which come from magnet links.
    "no_metadata" => NoMetadata at Metadata in_progress {
    } r#"{"fault":{"type":"no_metadata"}}"#

    /// Rejects metadata requests.
    "metadata_reject" => MetadataReject at Metadata in_progress {
    } r#"{"fault":{"type":"metadata_reject"},"times":2}"#

    /// Changes bytes of the metadata, so that it fails its hash.
    "metadata_corrupt" => MetadataCorrupt at Metadata in_progress {
        /// How many bytes of each piece.
        bytes: u32 = 1,
    } r#"{"fault":{"type":"metadata_corrupt"},"times":1}"#
}

impl SeederFault {
    const fn condition(&self) -> Gate {
        match self {
            Self::Stall(Stall { at, .. })
            | Self::Disconnect(Disconnect { at })
            | Self::Reset(Reset { at }) => Gate::Sent(*at),
            _ => Gate::Open,
        }
    }
}
