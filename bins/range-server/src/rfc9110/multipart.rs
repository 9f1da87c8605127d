//! `multipart/byteranges`: RFC 9110 section 14.6.

use super::range::ByteRange;

/// The body of a 206 that carries several ranges.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    content_type: &'static str,
    complete: u64,
    ranges: Vec<ByteRange>,
}

/// A piece of the body, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A delimiter with the header fields of the part that follows.
    Text(String),
    /// Bytes of the representation.
    Range(ByteRange),
}

impl Multipart {
    /// The body for `ranges` of a representation of `complete` bytes and of `content_type`.
    ///
    /// `tag` is the opaque part of the representation's strong entity tag: the boundary is
    /// made of it. The same request thus gives the same bytes, and no file can hold its own
    /// boundary, because writing it there changes the tag.
    #[must_use]
    pub fn new(
        tag: &str,
        content_type: &'static str,
        complete: u64,
        ranges: Vec<ByteRange>,
    ) -> Self {
        Self { boundary: format!("seedbed-{tag}"), content_type, complete, ranges }
    }

    /// The value of Content-Type.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole body in bytes.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        self.segments().map(|segment| segment.len()).sum()
    }

    /// The body.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        let parts =
            self.ranges.iter().flat_map(|range| [self.part_head(*range), Segment::Range(*range)]);
        parts.chain([Segment::Text(format!("\r\n--{}--\r\n", self.boundary))])
    }

    fn part_head(&self, range: ByteRange) -> Segment {
        let Self { boundary, content_type, complete, .. } = self;
        let content_range = range.content_range(*complete);
        Segment::Text(format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range}\r\n\r\n"
        ))
    }
}

impl Segment {
    /// How many bytes it holds.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Range(range) => range.len(),
        }
    }
}
