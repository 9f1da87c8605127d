//! The Range header field: RFC 9110 sections 14.1 and 14.2.
//!
//! Parsing knows nothing of a file; [`RangeSet::select`] sets the ranges against a length.

use axum::http::{HeaderMap, header};

/// Most ranges that one request may ask for. Section 14.2 lets a server ignore more than is
/// sensible; players ask for one, and few tools for more than a dozen.
const MOST: usize = 1000;

/// A `bytes` range that is part of some representation: never empty, never past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

impl ByteRange {
    /// Position of the first byte.
    #[must_use]
    pub fn first(self) -> u64 {
        self.first
    }

    /// Position of the last byte.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last
    }

    /// How many bytes it holds.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }

    /// All of a representation of `complete` bytes: none if it is empty.
    #[must_use]
    pub fn whole(complete: u64) -> Option<Self> {
        complete.checked_sub(1).map(|last| Self { first: 0, last })
    }

    /// Its first `length` bytes, at least one, and what is left.
    #[must_use]
    pub fn split_at(self, length: u64) -> (Self, Option<Self>) {
        match self.first.checked_add(length.max(1)) {
            Some(next) if next <= self.last => {
                (Self { last: next - 1, ..self }, Some(Self { first: next, ..self }))
            }
            _ => (self, None),
        }
    }

    /// The value of Content-Range (section 14.4) in a representation of `complete` bytes.
    #[must_use]
    pub fn content_range(self, complete: u64) -> String {
        format!("bytes {}-{}/{complete}", self.first, self.last)
    }
}

/// One element of the header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    /// `first-last`, and `first-` with the largest number as its end.
    Int { first: u64, last: u64 },
    /// `-length`
    Suffix { length: u64 },
}

/// The ranges that a request asks for, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet(Vec<RangeSpec>);

/// A `bytes` Range header field that breaks the grammar, or occurs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a Range such as bytes=0-499,1000-,-500, got something else")]
pub struct Malformed;

impl RangeSet {
    /// Parses the Range header field of a request.
    ///
    /// None stands for no such field, or one whose unit is not `bytes` and which is to be ignored
    /// (section 14.2), or one with more than 1000 ranges.
    ///
    /// # Errors
    /// It says `bytes=` and then anything that the grammar does not know.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Malformed> {
        let mut fields = headers.get_all(header::RANGE).iter();
        let Some(field) = fields.next() else { return Ok(None) };
        let field = String::from_utf8_lossy(field.as_bytes());
        // The names of units are case-insensitive.
        match field.trim().split_once('=') {
            Some((unit, _)) if !unit.eq_ignore_ascii_case("bytes") => Ok(None),
            None => Ok(None),
            // The field is no list across lines: two of them contradict each other.
            Some(_) if fields.next().is_some() => Err(Malformed),
            Some((_, set)) if set.bytes().filter(|byte| *byte == b',').count() >= MOST => Ok(None),
            Some((_, set)) => Self::parse(set).map(Some),
        }
    }

    /// Parses what follows `bytes=`. Empty list elements count for nothing (section 5.6.1.2).
    fn parse(set: &str) -> Result<Self, Malformed> {
        let specs = set
            .split(',')
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|element| !element.is_empty())
            .map(RangeSpec::parse)
            .collect::<Option<Vec<_>>>();
        match specs {
            Some(specs) if !specs.is_empty() => Ok(Self(specs)),
            _ => Err(Malformed),
        }
    }

    /// What is asked for of a representation of `length` bytes: none if no range is satisfiable.
    ///
    /// Ranges that overlap or touch become one, at the place of the earliest asked for; otherwise
    /// they stay in the order of the request (section 15.3.7.2).
    ///
    /// The result is empty where a suffix of an empty representation is asked for. That is
    /// satisfiable (section 14.1.2), but no Content-Range can say so.
    #[must_use]
    pub fn select(&self, length: u64) -> Option<Vec<ByteRange>> {
        let satisfiable = self.0.iter().any(|spec| spec.is_satisfiable(length));
        satisfiable.then(|| coalesce(self.0.iter().filter_map(|spec| spec.within(length))))
    }
}

impl RangeSpec {
    fn parse(element: &str) -> Option<Self> {
        let (first, last) = element.split_once('-')?;
        match (first, last) {
            ("", length) => Some(Self::Suffix { length: position(length)? }),
            (first, "") => Some(Self::Int { first: position(first)?, last: u64::MAX }),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Int { first, last })
            }
        }
    }

    fn is_satisfiable(self, complete: u64) -> bool {
        match self {
            Self::Int { first, .. } => first < complete,
            Self::Suffix { length } => length > 0,
        }
    }

    /// The bytes of a representation that it covers: none if there are none.
    fn within(self, complete: u64) -> Option<ByteRange> {
        let end = ByteRange::whole(complete)?.last;
        match self {
            Self::Int { first, last } => {
                (first <= end).then_some(ByteRange { first, last: last.min(end) })
            }
            Self::Suffix { length: 0 } => None,
            Self::Suffix { length } => {
                Some(ByteRange { first: complete.saturating_sub(length), last: end })
            }
        }
    }
}

/// A number of any size: one that is too large for any file is as good as the largest.
fn position(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn coalesce(ranges: impl Iterator<Item = ByteRange>) -> Vec<ByteRange> {
    let mut sorted: Vec<(usize, ByteRange)> = ranges.enumerate().collect();
    sorted.sort_by_key(|(_, range)| range.first);
    let mut merged: Vec<(usize, ByteRange)> = Vec::new();
    for (place, range) in sorted {
        match merged.last_mut() {
            Some((earliest, open)) if range.first <= open.last + 1 => {
                open.last = open.last.max(range.last);
                *earliest = place.min(*earliest);
            }
            _ => merged.push((place, range)),
        }
    }
    merged.sort_by_key(|(place, _)| *place);
    merged.into_iter().map(|(_, range)| range).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Result<Option<RangeSet>, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        RangeSet::from_headers(&headers)
    }

    /// First and last positions of what `value` selects of `length` bytes.
    fn select(value: &str, length: u64) -> Option<Vec<(u64, u64)>> {
        let selected = parse(value).unwrap().unwrap().select(length)?;
        Some(selected.into_iter().map(|range| (range.first, range.last)).collect())
    }

    #[test]
    fn an_int_range_is_clamped_to_the_length() {
        assert_eq!(select("bytes=0-0", 10), Some(vec![(0, 0)]));
        assert_eq!(select("bytes=2-5", 10), Some(vec![(2, 5)]));
        assert_eq!(select("bytes=2-", 10), Some(vec![(2, 9)]));
        assert_eq!(select("bytes=2-99", 10), Some(vec![(2, 9)]));
        assert_eq!(select("bytes=9-9", 10), Some(vec![(9, 9)]));
        assert_eq!(select("bytes=10-", 10), None);
    }

    #[test]
    fn a_suffix_range_is_the_end_or_all() {
        assert_eq!(select("bytes=-3", 10), Some(vec![(7, 9)]));
        assert_eq!(select("bytes=-10", 10), Some(vec![(0, 9)]));
        assert_eq!(select("bytes=-11", 10), Some(vec![(0, 9)]));
        assert_eq!(select("bytes=-0", 10), None);
    }

    #[test]
    fn of_an_empty_representation_only_a_suffix_is_satisfiable() {
        assert_eq!(select("bytes=0-", 0), None);
        assert_eq!(select("bytes=0-0", 0), None);
        assert_eq!(select("bytes=-0", 0), None);
        assert_eq!(select("bytes=-5", 0), Some(vec![]));
    }

    #[test]
    fn numbers_beyond_64_bits_are_the_largest() {
        assert_eq!(select("bytes=5-99999999999999999999999999", 10), Some(vec![(5, 9)]));
        assert_eq!(select("bytes=-99999999999999999999999999", 10), Some(vec![(0, 9)]));
        assert_eq!(select("bytes=99999999999999999999999999-", 10), None);
        assert_eq!(select("bytes=18446744073709551615-", u64::MAX), None);
        assert_eq!(select("bytes=000000000000000000000000001-1", 10), Some(vec![(1, 1)]));
    }

    #[test]
    fn ranges_keep_their_order_and_lose_the_unsatisfiable() {
        assert_eq!(select("bytes=7-8,0-1,99-,-0", 10), Some(vec![(7, 8), (0, 1)]));
        assert_eq!(select("bytes=10-,20-30", 10), None);
    }

    #[test]
    fn ranges_that_overlap_or_touch_become_one() {
        assert_eq!(select("bytes=0-1,2-3", 10), Some(vec![(0, 3)]));
        assert_eq!(select("bytes=0-5,2-3", 10), Some(vec![(0, 5)]));
        assert_eq!(select("bytes=8-,0-0,5-8", 10), Some(vec![(5, 9), (0, 0)]));
        assert_eq!(select(&format!("bytes={}", ["0-"; 1000].join(",")), 10), Some(vec![(0, 9)]));
        assert_eq!(select("bytes=0-1,3-4", 10), Some(vec![(0, 1), (3, 4)]));
    }

    #[test]
    fn white_space_and_empty_elements_around_commas_are_nothing() {
        assert_eq!(select("bytes= 0-1 ,\t, 5-6,", 10), Some(vec![(0, 1), (5, 6)]));
        assert_eq!(select("BYTES=0-1", 10), Some(vec![(0, 1)]));
    }

    #[test]
    fn an_unknown_unit_is_no_range() {
        for value in ["items=0-1", "seconds=1-", "bytes", "bytes 0-1", "", "=0-1", "none"] {
            assert_eq!(parse(value), Ok(None), "{value}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_malformed() {
        for value in [
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,x",
            "bytes=0 - 1",
            "bytes=+0-1",
            "bytes=0x0-1",
            "bytes=0-1-2",
            "bytes=1",
            "bytes=0-1;2-3",
            "bytes=bytes=0-1",
            "bytes=٠-١",
            "bytes=0-\u{ff}",
        ] {
            assert_eq!(parse(value), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn more_than_a_thousand_ranges_are_ignored() {
        let ranges = |count| format!("bytes={}", vec!["0-0"; count].join(","));
        assert_eq!(select(&ranges(1000), 10), Some(vec![(0, 0)]));
        assert_eq!(parse(&ranges(1001)), Ok(None));
    }

    #[test]
    fn two_fields_are_malformed() {
        let mut headers = HeaderMap::new();
        headers.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.append(header::RANGE, HeaderValue::from_static("bytes=2-3"));
        assert_eq!(RangeSet::from_headers(&headers), Err(Malformed));
    }

    #[test]
    fn a_range_splits_into_parts_that_are_not_empty() {
        let range = ByteRange { first: 3, last: 5 };
        let split = |length| {
            let (now, later) = range.split_at(length);
            (now.len(), later.map(ByteRange::len))
        };
        assert_eq!(split(1), (1, Some(2)));
        assert_eq!(split(2), (2, Some(1)));
        assert_eq!(split(3), (3, None));
        assert_eq!(split(u64::MAX), (3, None));
    }

    proptest! {
        #[test]
        fn no_value_panics(bytes: Vec<u8>, length: u64) {
            let mut headers = HeaderMap::new();
            let value = [b"bytes=", &bytes[..]].concat();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(header::RANGE, value);
            }
            if let Ok(Some(set)) = RangeSet::from_headers(&headers) {
                for range in set.select(length).unwrap_or_default() {
                    prop_assert!(range.first <= range.last && range.last < length);
                }
            }
        }

        #[test]
        fn what_is_selected_is_exactly_what_was_asked_for(
            specs in prop::collection::vec((prop::option::of(0u64..40), prop::option::of(0u64..40)), 1..8),
            length in 0u64..32,
        ) {
            let asked: Vec<(Option<u64>, Option<u64>)> = specs
                .into_iter()
                .filter(|(first, last)| match (first, last) {
                    (Some(first), Some(last)) => first <= last,
                    (None, None) => false,
                    _ => true,
                })
                .collect();
            prop_assume!(!asked.is_empty());
            let number = |n: &Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            let elements: Vec<String> =
                asked.iter().map(|(first, last)| format!("{}-{}", number(first), number(last))).collect();
            let covers = |(first, last): &(Option<u64>, Option<u64>), at: u64| match (first, last) {
                (Some(first), last) => *first <= at && last.is_none_or(|last| at <= last),
                (None, suffix) => suffix.is_some_and(|suffix| at + suffix >= length),
            };
            let selected = parse(&format!("bytes={}", elements.join(","))).unwrap().unwrap().select(length);
            let selected = selected.unwrap_or_default();
            for at in 0..length {
                let times = selected.iter().filter(|range| range.first <= at && at <= range.last).count();
                let wanted = asked.iter().any(|spec| covers(spec, at));
                prop_assert_eq!(times, usize::from(wanted), "byte {}", at);
            }
        }
    }
}
