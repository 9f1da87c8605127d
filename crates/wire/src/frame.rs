//! Frames (BEP 3, "peer messages"): a length of four bytes, then an id and a body of that length.
//!
//! [`Splitter`] walks over a stream's bytes in place. It looks at headers alone and never waits
//! for a body, so that a block can be copied on while it is still arriving.

/// Longest frame that is let through, without its length prefix.
///
/// 1 MiB is a bitfield of eight million pieces, or 64 blocks in one; the margin holds the id and
/// the fields before a block. Bodies are never gathered, so the limit is not about memory:
/// a greater length is what a stream that is no BitTorrent looks like.
pub const MAX_LENGTH: u32 = (1 << 20) + 64;

/// What kind of message a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u8);

impl MessageId {
    /// The sender will answer no requests.
    pub const CHOKE: Self = Self(0);
    /// The sender will answer requests.
    pub const UNCHOKE: Self = Self(1);
    /// The sender wants pieces.
    pub const INTERESTED: Self = Self(2);
    /// The sender wants no pieces.
    pub const NOT_INTERESTED: Self = Self(3);
    /// A block.
    pub const PIECE: Self = Self(7);
    /// Takes a request back; the last message of BEP 3.
    pub const CANCEL: Self = Self(8);
    /// A message of the extension protocol (BEP 10).
    pub const EXTENDED: Self = Self(20);
}

/// A frame as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The length prefix: id and body.
    pub length: u32,
    /// What it is; none for a keep-alive, whose length is 0.
    pub id: Option<MessageId>,
    /// The extended message id of an [`MessageId::EXTENDED`] frame (BEP 10).
    pub extension: Option<u8>,
}

impl FrameHeader {
    /// Bytes of content in a block: all but the id, the piece's index and the offset.
    #[must_use]
    pub const fn block_length(self) -> u64 {
        self.length.saturating_sub(9) as u64
    }
}

/// Consecutive bytes of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The frame's header, if the part starts the frame.
    pub header: Option<FrameHeader>,
    /// Length of the part.
    pub length: usize,
    /// Whether the frame ends with it.
    pub ends: bool,
}

/// A length prefix is beyond [`MAX_LENGTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a frame of at most {MAX_LENGTH} bytes, got a length of {0}")]
pub struct FrameTooLong(pub u32);

/// Finds the frames in one direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splitter {
    /// Bytes of the current frame that are still to come.
    rest: usize,
}

impl Splitter {
    /// Takes the next part off the start of `bytes`; none if they hold no whole header.
    ///
    /// The caller comes back with the bytes that follow the part.
    ///
    /// # Errors
    /// A frame is too long; the stream is of no more use.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<Part>, FrameTooLong> {
        let mut header = None;
        if self.at_boundary() {
            let Some((prefix, after)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
            let length = u32::from_be_bytes(*prefix);
            if length > MAX_LENGTH {
                return Err(FrameTooLong(length));
            }
            // How many bytes of the body the header needs.
            let wanted = match after.first() {
                _ if length == 0 => 0,
                Some(&id) if MessageId(id) == MessageId::EXTENDED && length > 1 => 2,
                _ => 1,
            };
            let Some(start) = after.get(..wanted) else { return Ok(None) };
            let id = start.first().copied().map(MessageId);
            header = Some(FrameHeader { length, id, extension: start.get(1).copied() });
            self.rest = prefix.len() + length as usize;
        }
        let length = self.rest.min(bytes.len());
        if length == 0 {
            return Ok(None);
        }
        self.rest -= length;
        Ok(Some(Part { header, length, ends: self.at_boundary() }))
    }

    /// Whether the next byte starts a frame.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.rest == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(id: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 1).unwrap();
        [&length.to_be_bytes()[..], &[id], body].concat()
    }

    /// The frames in `chunks`, each with the bytes that came of it.
    fn split<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<(FrameHeader, Vec<u8>)>, FrameTooLong> {
        let (mut splitter, mut pending) = (Splitter::default(), Vec::new());
        let mut frames: Vec<(FrameHeader, Vec<u8>)> = Vec::new();
        for chunk in chunks {
            pending.extend_from_slice(chunk);
            while let Some(part) = splitter.next(&pending)? {
                frames.extend(part.header.map(|header| (header, Vec::new())));
                frames.last_mut().unwrap().1.extend(pending.drain(..part.length));
            }
            assert!(pending.len() < 6, "only a broken header is left for later");
        }
        Ok(frames)
    }

    #[test]
    fn a_stream_split_at_any_byte_has_the_same_frames() {
        let stream =
            [frame(2, b""), vec![0; 4], frame(7, b"index...block"), frame(1, b"")].concat();
        let whole = split([&stream[..]]).unwrap();
        let ids: Vec<_> = whole.iter().map(|(header, _)| header.id.map(|id| id.0)).collect();
        assert_eq!(ids, [Some(2), None, Some(7), Some(1)]);
        assert_eq!(whole[2].0.block_length(), 5);
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
                assert_eq!((header.extension, bytes), (extension, &stream));
            }
        }
    }

    #[test]
    fn a_body_goes_on_before_it_is_whole() {
        let mut splitter = Splitter::default();
        let start = splitter.next(&frame(7, &[0; 100])[..50]).unwrap().unwrap();
        assert_eq!((start.length, start.ends), (50, false));
        assert_eq!(splitter.next(&[]), Ok(None));
        let end = splitter.next(&[0; 70]).unwrap().unwrap();
        assert_eq!((end.header, end.length, end.ends), (None, 55, true));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_by_name() {
        assert!(Splitter::default().next(&MAX_LENGTH.to_be_bytes()).unwrap().is_none());
        let error = Splitter::default().next(b"GET / HTTP/1.1").unwrap_err();
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
