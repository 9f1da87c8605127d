//! The Range header field (RFC 9110 section 14), for one range.

/// The requested bytes: never empty, and never past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The range is malformed, or the file has none of its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotSatisfiable;

/// Parses a Range header field for a file of `length` bytes. Returns `None` for the whole file: a server
/// may ignore units other than bytes, and several ranges (section 14.2).
pub(crate) fn parse(field: &str, length: u64) -> Result<Option<ByteRange>, NotSatisfiable> {
    let Some((unit, spec)) = field.trim().split_once('=') else { return Ok(None) };
    if !unit.eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Ok(None);
    }
    let (first, last) = spec.trim().split_once('-').ok_or(NotSatisfiable)?;
    let (first, last) = match (first, last) {
        ("", suffix) => (length.saturating_sub(position(suffix)?), u64::MAX),
        (first, "") => (position(first)?, u64::MAX),
        (first, last) => (position(first)?, position(last)?),
    };
    if first > last || first >= length {
        return Err(NotSatisfiable);
    }
    Ok(Some(ByteRange { first, last: last.min(length - 1) }))
}

/// Parses digits and nothing else. A number that does not fit becomes the largest one that does, which
/// is past the end of any file.
fn position(digits: &str) -> Result<u64, NotSatisfiable> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotSatisfiable);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> Result<Option<ByteRange>, NotSatisfiable> {
        Ok(Some(ByteRange { first, last }))
    }

    #[test]
    fn a_range_is_clamped_to_the_file() {
        assert_eq!(parse("bytes=0-4", 10), range(0, 4));
        assert_eq!(parse("Bytes=3-", 10), range(3, 9));
        assert_eq!(parse("bytes=3-99999999999999999999", 10), range(3, 9));
        assert_eq!(parse("bytes=-4", 10), range(6, 9));
        assert_eq!(parse("bytes=-40", 10), range(0, 9));
    }

    #[test]
    fn malformed_ranges_and_ranges_past_the_end_are_not_satisfiable() {
        for wrong in ["", "-", "a-b", "1", "+1-2", "4-3", "1-2-3", "-0", "10-", "--1", "1 -2"] {
            assert_eq!(parse(&format!("bytes={wrong}"), 10), Err(NotSatisfiable), "{wrong:?}");
        }
        assert_eq!(parse("bytes=0-", 0), Err(NotSatisfiable));
    }

    #[test]
    fn other_units_and_several_ranges_are_ignored() {
        for ignored in ["lines=0-1", "bytes", "bytes=0-1,3-4"] {
            assert_eq!(parse(ignored, 10), Ok(None), "{ignored:?}");
        }
    }
}
