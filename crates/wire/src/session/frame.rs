//! Frames (BEP 3, "peer messages"): a length of four bytes, then an id and a body of that length.
//!
//! Only headers are looked at, so that a block can be copied on while it is still arriving.

/// Longest frame that passes, without its length prefix.
///
/// 1 MiB is a bitfield of eight million pieces, or 64 blocks in one; the margin holds the id and
/// the fields before a block. Bodies are never gathered, so the limit is not about memory:
/// a greater length is what a stream that is no BitTorrent looks like.
pub const MAX_LENGTH: u32 = (1 << 20) + 64;

/// Length of a frame's prefix and id.
pub(crate) const HEAD: usize = 5;

/// Length of a Piece frame before its content.
pub(crate) const PIECE_HEAD: usize = HEAD + 8;

/// The meaning of a frame, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The sender is still there.
    KeepAlive,
    /// The sender will answer no requests.
    Choke,
    /// The sender will answer requests.
    Unchoke,
    /// The sender wants pieces.
    Interested,
    /// The sender wants no pieces.
    NotInterested,
    /// The sender has this piece.
    Have(u32),
    /// The sender has the pieces that the body names.
    Bitfield,
    /// The sender wants a block.
    Request(Block),
    /// A block.
    Piece(Block),
    /// The sender no longer wants a block.
    Cancel(Block),
    /// A message of the extension protocol (BEP 10), with its extended id if it has one.
    Extended(Option<u8>),
    /// An id that neither BEP 3 nor BEP 10 knows, or a body that is not as they have it.
    Other(u8),
}

/// Part of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The piece's index.
    pub piece: u32,
    /// Where in the piece it begins.
    pub begin: u32,
    /// How long it is.
    pub length: u32,
}

impl Block {
    /// The frame that requests it.
    pub(crate) fn request(self) -> Vec<u8> {
        let fields = [13, self.piece, self.begin, self.length].map(u32::to_be_bytes);
        let [length, body @ ..] = fields;
        [&length[..], &[6], &body.concat()].concat()
    }

    /// The Piece frame that brings it, up to the content.
    pub(crate) fn piece_head(self) -> Vec<u8> {
        let [length, piece, begin] =
            [self.length + 9, self.piece, self.begin].map(u32::to_be_bytes);
        [&length[..], &[7], &piece, &begin].concat()
    }
}

/// A frame as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The length prefix: id and body.
    pub length: u32,
    /// Its meaning.
    pub message: Message,
}

impl FrameHeader {
    /// The header at the start of `bytes`; `None` if there is more to come of it.
    ///
    /// # Errors
    /// The frame is too long; the stream is of no more use.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, FrameTooLong> {
        let Some((prefix, body)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix);
        if length > MAX_LENGTH {
            return Err(FrameTooLong(length));
        }
        Ok(Message::parse(length, body).map(|message| Self { length, message }))
    }
}

impl FrameHeader {
    /// Length of the whole frame, its prefix included.
    #[must_use]
    pub const fn frame_length(self) -> usize {
        4 + self.length as usize
    }
}

impl Message {
    fn parse(length: u32, body: &[u8]) -> Option<Self> {
        if length == 0 {
            return Some(Self::KeepAlive);
        }
        let (&id, fields) = body.split_first()?;
        let field = |index: usize| {
            let bytes = fields.get(index * 4..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let block = |length| Some(Block { piece: field(0)?, begin: field(1)?, length });
        Some(match (id, length) {
            (0, 1) => Self::Choke,
            (1, 1) => Self::Unchoke,
            (2, 1) => Self::Interested,
            (3, 1) => Self::NotInterested,
            (4, 5) => Self::Have(field(0)?),
            (5, _) => Self::Bitfield,
            (6, 13) => Self::Request(block(field(2)?)?),
            (7, 9..) => Self::Piece(block(length - 9)?),
            (8, 13) => Self::Cancel(block(field(2)?)?),
            (20, 1) => Self::Extended(None),
            (20, _) => Self::Extended(Some(*fields.first()?)),
            _ => Self::Other(id),
        })
    }
}

/// A length prefix is beyond [`MAX_LENGTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a frame of at most {MAX_LENGTH} bytes, got a length of {0}")]
pub struct FrameTooLong(pub u32);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(id: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 1).unwrap();
        [&length.to_be_bytes()[..], &[id], body].concat()
    }

    /// The frames in `chunks`, each with its bytes.
    fn split<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<(FrameHeader, Vec<u8>)>, FrameTooLong> {
        let (mut pending, mut frames) = (Vec::new(), Vec::new());
        for chunk in chunks {
            pending.extend_from_slice(chunk);
            while let Some(header) = FrameHeader::parse(&pending)? {
                if pending.len() < header.frame_length() {
                    break;
                }
                frames.push((header, pending.drain(..header.frame_length()).collect()));
            }
        }
        Ok(frames)
    }

    #[test]
    fn a_stream_split_at_any_byte_has_the_same_frames() {
        let stream =
            [frame(2, b""), vec![0; 4], frame(7, b"\0\0\0\x01\0\0\x40\0block"), frame(1, b"")]
                .concat();
        let whole = split([&stream[..]]).unwrap();
        let messages: Vec<_> = whole.iter().map(|(header, _)| header.message).collect();
        let block = Message::Piece(Block { piece: 1, begin: 16384, length: 5 });
        assert_eq!(messages, [Message::Interested, Message::KeepAlive, block, Message::Unchoke]);
        for at in 0..=stream.len() {
            let (head, tail) = stream.split_at(at);
            assert_eq!(split([head, tail]).unwrap(), whole, "split at {at}");
        }
        assert_eq!(split(stream.chunks(1)).unwrap(), whole);
    }

    #[test]
    fn bep_10_an_extended_message_has_an_id_of_its_own() {
        for (body, extension) in [(&b"\x03de"[..], Some(3)), (b"", None)] {
            let stream = frame(20, body);
            for frames in [split([&stream[..]]).unwrap(), split(stream.chunks(1)).unwrap()] {
                let [(header, bytes)] = &frames[..] else { panic!("one frame: {frames:?}") };
                assert_eq!((header.message, bytes), (Message::Extended(extension), &stream));
            }
        }
    }

    #[test]
    fn bep_3_messages_have_the_fields_that_it_gives_them() {
        let block = Block { piece: 0x0102_0304, begin: 5, length: 6 };
        let fields = [1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6];
        for (id, body, message) in [
            (0, &b""[..], Message::Choke),
            (1, b"", Message::Unchoke),
            (2, b"", Message::Interested),
            (3, b"", Message::NotInterested),
            (4, &fields[..4], Message::Have(0x0102_0304)),
            (5, b"", Message::Bitfield),
            (5, b"abc", Message::Bitfield),
            (6, &fields, Message::Request(block)),
            (7, &fields, Message::Piece(Block { length: 4, ..block })),
            (8, &fields, Message::Cancel(block)),
            (0, b"x", Message::Other(0)),
            (4, &fields, Message::Other(4)),
            (6, &fields[..11], Message::Other(6)),
            (7, &fields[..7], Message::Other(7)),
            (9, b"12", Message::Other(9)),
        ] {
            let [(header, _)] = split([&frame(id, body)[..]]).unwrap()[..] else { panic!("{id}") };
            assert_eq!(header.message, message, "id {id}, body {body:?}");
        }
        assert_eq!(block.request(), frame(6, &fields));
        let head = block.piece_head();
        assert_eq!([&head[..], b"123456"].concat(), frame(7, &[&fields[..8], b"123456"].concat()));
        assert_eq!(head.len(), PIECE_HEAD);
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_by_name() {
        assert!(FrameHeader::parse(&MAX_LENGTH.to_be_bytes()).unwrap().is_none());
        let error = FrameHeader::parse(b"GET / HTTP/1.1").unwrap_err();
        assert_eq!(error, FrameTooLong(u32::from_be_bytes(*b"GET ")));
    }

    proptest! {
        #[test]
        fn any_chunking_has_the_same_frames(
            bodies in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            sizes in prop::collection::vec(1usize..30, 1..50),
        ) {
            let frames: Vec<_> = bodies.iter().map(|(id, body)| frame(*id, body)).collect();
            let (stream, mut chunks) = (frames.concat(), Vec::new());
            let (mut rest, mut sizes) = (&stream[..], sizes.into_iter().cycle());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            let found: Vec<_> = split(chunks).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
            prop_assert_eq!(found, frames);
        }

        #[test]
        fn any_bytes_are_split_or_refused(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let _split_or_refused = split(chunks.iter().map(Vec::as_slice));
        }
    }
}
