//! HTTP-date (RFC 9110 section 5.6.7), to the second.
//!
//! Written here because what is at hand knows no date before 1970: a file may well carry one, and
//! a client may well ask about one.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

const DAY: i64 = 86_400;
/// Sat, 01 Jan 0000 00:00:00 GMT
const FIRST: i64 = -62_167_219_200;
/// Fri, 31 Dec 9999 23:59:59 GMT
const LAST: i64 = 253_402_300_799;
const WEEKDAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second between the years 0 and 9999, which are those that an HTTP-date can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate {
    unix: i64,
}

impl HttpDate {
    /// The date that is so many seconds after the epoch, or before it if negative.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (FIRST..=LAST).contains(&seconds).then_some(Self { unix: seconds })
    }

    /// The second that a clock shows, held between 1970 and 9999.
    #[must_use]
    pub fn from_clock(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        Self { unix: seconds.min(LAST) }
    }

    /// Parses any of the three forms that a recipient must accept.
    ///
    /// `now` tells the century of the obsolete form with a two-digit year: one that seems more
    /// than 50 years ahead is in the past.
    #[must_use]
    pub fn parse(text: &str, now: HttpDate) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            // Sun, 06 Nov 1994 08:49:37 GMT
            [weekday, day, month, year, time, "GMT"] => {
                short_weekday(weekday.strip_suffix(',')?)?;
                Self::from_parts(digits(year, 4)?, month, digits(day, 2)?, time)
            }
            // Sunday, 06-Nov-94 08:49:37 GMT
            [weekday, date, time, "GMT"] => {
                WEEKDAYS.iter().find(|name| weekday.strip_suffix(',') == Some(name))?;
                let (day, rest) = date.split_once('-')?;
                let (month, year) = rest.split_once('-')?;
                let (day, year) = (digits(day, 2)?, digits(year, 2)?);
                let earliest = civil(now.unix.div_euclid(DAY)).0 - 49;
                let year = earliest + (year - earliest).rem_euclid(100);
                Self::from_parts(year, month, day, time)
            }
            // Sun Nov  6 08:49:37 1994
            [weekday, month, day, time, year] => {
                short_weekday(weekday)?;
                Self::from_parts(digits(year, 4)?, month, digits(day, day.len().min(2))?, time)
            }
            _ => None,
        }
    }

    fn from_parts(year: i64, month: &str, day: i64, time: &str) -> Option<Self> {
        let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
        let mut parts = time.split(':').map(|part| digits(part, 2));
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        // A leap second is 60.
        if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let date = days(year, month, day);
        // A day that the month does not have comes back as another one.
        if civil(date) != (year, month, day) {
            return None;
        }
        Self::from_unix(date * DAY + hour * 3600 + minute * 60 + second)
    }
}

/// Always the preferred form: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.unix.div_euclid(DAY), self.unix.rem_euclid(DAY));
        let (year, month, day) = civil(date);
        let weekday = index(date.rem_euclid(7));
        write!(
            f,
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            &WEEKDAYS[weekday][..3],
            MONTHS[index(month - 1)],
            time / 3600,
            time / 60 % 60,
            time % 60
        )
    }
}

fn index(small: i64) -> usize {
    usize::try_from(small).expect("a weekday or month counts from zero")
}

fn short_weekday(text: &str) -> Option<()> {
    WEEKDAYS.iter().any(|name| &name[..3] == text).then_some(())
}

fn digits(text: &str, width: usize) -> Option<i64> {
    let all = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// Days from the epoch to a date of the proleptic Gregorian calendar: Howard Hinnant's
/// `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of so many days from the epoch: `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: HttpDate = HttpDate { unix: 784_111_777 };
    const NOW: HttpDate = HttpDate { unix: 1_795_000_000 }; // November 2026

    fn parse(text: &str) -> Option<HttpDate> {
        HttpDate::parse(text, NOW)
    }

    #[test]
    fn all_three_forms_of_section_5_6_7_are_accepted() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(EXAMPLE));
        assert_eq!(parse("Sunday, 06-Nov-94 08:49:37 GMT"), Some(EXAMPLE));
        assert_eq!(parse("Sun Nov  6 08:49:37 1994"), Some(EXAMPLE));
    }

    #[test]
    fn the_preferred_form_is_written() {
        assert_eq!(EXAMPLE.to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(HttpDate { unix: 0 }.to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn dates_before_1970_are_dates() {
        let date = HttpDate { unix: -1 };
        assert_eq!(date.to_string(), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(parse(&date.to_string()), Some(date));
    }

    #[test]
    fn a_two_digit_year_more_than_50_years_ahead_is_in_the_past() {
        let year = |text| parse(text).map(|date| civil(date.unix / DAY).0);
        assert_eq!(year("Sunday, 06-Nov-76 08:49:37 GMT"), Some(2076));
        assert_eq!(year("Sunday, 06-Nov-77 08:49:37 GMT"), Some(1977));
        assert_eq!(year("Sunday, 06-Nov-26 08:49:37 GMT"), Some(2026));
        assert_eq!(year("Sunday, 06-Nov-00 08:49:37 GMT"), Some(2000));
    }

    #[test]
    fn years_that_cannot_be_written_are_no_dates() {
        assert_eq!(HttpDate::from_unix(i64::MAX), None);
        assert_eq!(HttpDate::from_unix(i64::MIN), None);
        for (bound, text) in
            [(FIRST, "Sat, 01 Jan 0000 00:00:00 GMT"), (LAST, "Fri, 31 Dec 9999 23:59:59 GMT")]
        {
            let date = HttpDate::from_unix(bound).unwrap();
            assert_eq!((date.to_string().as_str(), parse(text)), (text, Some(date)));
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "784111777",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(unix in FIRST..=LAST) {
            let date = HttpDate::from_unix(unix).unwrap();
            prop_assert_eq!(parse(&date.to_string()), Some(date));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _any = parse(&text);
        }
    }
}
