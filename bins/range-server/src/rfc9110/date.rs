//! HTTP-date (RFC 9110 section 5.6.7), to the second.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Fri, 31 Dec 9999 23:59:59 GMT
const LAST: u64 = 253_402_300_799;

/// A second between the years 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(httpdate::HttpDate);

impl HttpDate {
    /// The second that is this many seconds after 1970 began, or the nearest that a date can name.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(0).min(LAST);
        Self((UNIX_EPOCH + Duration::from_secs(seconds)).into())
    }

    /// The second that a clock shows, or the nearest that a date can name.
    #[must_use]
    pub fn from_clock(time: SystemTime) -> Self {
        let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix(elapsed.as_secs().try_into().unwrap_or(i64::MAX))
    }

    /// Parses any of the three forms that a recipient must accept. Returns `None` for anything
    /// else, and for a date before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }
}

/// Always the preferred form: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_forms_of_section_5_6_7_are_accepted() {
        let example = Some(HttpDate::from_unix(784_111_777));
        assert_eq!(HttpDate::parse("Sun, 06 Nov 1994 08:49:37 GMT"), example);
        assert_eq!(HttpDate::parse("Sunday, 06-Nov-94 08:49:37 GMT"), example);
        assert_eq!(HttpDate::parse("Sun Nov  6 08:49:37 1994"), example);
    }

    #[test]
    fn a_time_that_no_date_can_name_becomes_the_nearest() {
        let first = "Thu, 01 Jan 1970 00:00:00 GMT";
        let last = "Fri, 31 Dec 9999 23:59:59 GMT";
        for (seconds, text) in [(0, first), (-1, first), (i64::MIN, first), (i64::MAX, last)] {
            assert_eq!(HttpDate::from_unix(seconds).to_string(), text, "{seconds}");
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(HttpDate::from_clock(before).to_string(), first);
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "784111777",
        ] {
            assert_eq!(HttpDate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_that_is_written_reads_as_the_same(unix in 0..=LAST.cast_signed()) {
            let date = HttpDate::from_unix(unix);
            prop_assert_eq!(HttpDate::parse(&date.to_string()), Some(date));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _any = HttpDate::parse(&text);
        }
    }
}
