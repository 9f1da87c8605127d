//! Preconditions: RFC 9110 section 13.

use axum::http::{HeaderMap, HeaderName, header};

use super::{date::HttpDate, etag::EntityTag, validators::Validators};

/// The value of If-Match or If-None-Match.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// A list, empty where nothing in it was a tag: then nothing matches.
    List(Vec<EntityTag>),
}

/// The value of If-Range.
#[derive(Clone, Debug, PartialEq, Eq)]
enum IfRange {
    Tag(EntityTag),
    Date(HttpDate),
    Invalid,
}

/// The preconditions of a GET or HEAD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<HttpDate>,
    if_unmodified_since: Option<HttpDate>,
    if_range: Option<IfRange>,
}

/// What the preconditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Perform the request.
    Proceed,
    /// Answer 304.
    NotModified,
    /// Answer 412.
    Failed,
}

impl Preconditions {
    /// Parses them. A date that is none, or that is given more than once, is as if it were absent
    /// (sections 13.1.3 and 13.1.4).
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let date = |name| HttpDate::parse(&single(headers, name)?);
        Self {
            if_match: tags(headers, header::IF_MATCH),
            if_none_match: tags(headers, header::IF_NONE_MATCH),
            if_modified_since: date(header::IF_MODIFIED_SINCE),
            if_unmodified_since: date(header::IF_UNMODIFIED_SINCE),
            if_range: headers.contains_key(header::IF_RANGE).then(|| {
                single(headers, header::IF_RANGE)
                    .and_then(|value| {
                        let tag = EntityTag::parse(&value).map(IfRange::Tag);
                        tag.or_else(|| HttpDate::parse(&value).map(IfRange::Date))
                    })
                    .unwrap_or(IfRange::Invalid)
            }),
        }
    }

    /// Evaluates all but If-Range, in the order of section 13.2.2.
    #[must_use]
    pub fn evaluate(&self, current: &Validators) -> Verdict {
        let modified_after = |date| current.last_modified.map(|modified| modified > date);
        let failed = match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => !tags.contain(&current.etag, EntityTag::matches_strongly),
            (None, Some(date)) => modified_after(date).unwrap_or(false),
            (None, None) => false,
        };
        let not_modified = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => tags.contain(&current.etag, EntityTag::matches_weakly),
            (None, Some(date)) => !modified_after(date).unwrap_or(true),
            (None, None) => false,
        };
        match (failed, not_modified) {
            (true, _) => Verdict::Failed,
            (false, true) => Verdict::NotModified,
            (false, false) => Verdict::Proceed,
        }
    }

    /// Whether there is an If-Range.
    #[must_use]
    pub fn has_if_range(&self) -> bool {
        self.if_range.is_some()
    }

    /// Whether If-Range lets the Range header field count (section 13.1.5): an equal and strong
    /// tag, or exactly the date of Last-Modified where that is strong.
    #[must_use]
    pub fn range_counts(&self, current: &Validators, now: HttpDate) -> bool {
        match &self.if_range {
            None => true,
            Some(IfRange::Tag(tag)) => tag.matches_strongly(&current.etag),
            Some(IfRange::Date(date)) => {
                current.last_modified == Some(*date) && current.date_is_strong(now)
            }
            Some(IfRange::Invalid) => false,
        }
    }
}

impl Tags {
    fn contain(&self, current: &EntityTag, matches: fn(&EntityTag, &EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| matches(tag, current)),
        }
    }
}

/// All lines of a list field, as the one list that they are (section 5.3).
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    match lines[..] {
        [] => None,
        [ref only] if only.trim() == "*" => Some(Tags::Any),
        _ => Some(Tags::List(lines.iter().flat_map(|line| EntityTag::parse_list(line)).collect())),
    }
}

/// The value of a field that is not a list, if it occurs once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    Some(String::from_utf8_lossy(line.as_bytes()).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const MODIFIED: &str = "Fri, 02 Jan 2026 00:00:00 GMT";
    const AFTER: &str = "Sat, 03 Jan 2026 00:00:00 GMT";
    const NOW: &str = "Sun, 04 Jan 2026 00:00:00 GMT";

    fn date(text: &str) -> HttpDate {
        HttpDate::parse(text).unwrap()
    }

    fn current() -> Validators {
        Validators {
            etag: EntityTag::parse("\"now\"").unwrap(),
            last_modified: Some(date(MODIFIED)),
        }
    }

    fn parse(lines: &[(&str, &str)]) -> Preconditions {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Preconditions::from_headers(&headers)
    }

    fn verdict(lines: &[(&str, &str)]) -> Verdict {
        parse(lines).evaluate(&current())
    }

    #[test]
    fn if_match_compares_strongly() {
        assert_eq!(verdict(&[("if-match", "\"now\"")]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-match", "\"old\", \"now\"")]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-match", "*")]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-match", "W/\"now\"")]), Verdict::Failed);
        assert_eq!(verdict(&[("if-match", "\"old\"")]), Verdict::Failed);
        assert_eq!(verdict(&[("if-match", "now")]), Verdict::Failed);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        assert_eq!(verdict(&[("if-none-match", "W/\"now\"")]), Verdict::NotModified);
        assert_eq!(verdict(&[("if-none-match", "*")]), Verdict::NotModified);
        assert_eq!(verdict(&[("if-none-match", "\"old\"")]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-none-match", "\"*\"")]), Verdict::Proceed);
    }

    #[test]
    fn every_line_of_a_list_counts() {
        let lines = [("if-none-match", "\"a\""), ("if-none-match", "\"b\", \"now\"")];
        assert_eq!(verdict(&lines), Verdict::NotModified);
        assert_eq!(verdict(&[("if-match", "\"a\""), ("if-match", "\"now\"")]), Verdict::Proceed);
    }

    #[test]
    fn dates_are_compared_to_the_second() {
        assert_eq!(verdict(&[("if-unmodified-since", BEFORE)]), Verdict::Failed);
        assert_eq!(verdict(&[("if-unmodified-since", MODIFIED)]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-unmodified-since", AFTER)]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-modified-since", BEFORE)]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-modified-since", MODIFIED)]), Verdict::NotModified);
        assert_eq!(verdict(&[("if-modified-since", AFTER)]), Verdict::NotModified);
    }

    #[test]
    fn a_date_that_is_none_or_given_twice_is_ignored() {
        assert_eq!(verdict(&[("if-unmodified-since", "never")]), Verdict::Proceed);
        assert_eq!(verdict(&[("if-modified-since", "now")]), Verdict::Proceed);
        let twice = [("if-modified-since", AFTER), ("if-modified-since", AFTER)];
        assert_eq!(verdict(&twice), Verdict::Proceed);
    }

    #[test]
    fn dates_are_ignored_where_there_is_no_last_modified() {
        let current = Validators { last_modified: None, ..current() };
        for name in ["if-modified-since", "if-unmodified-since"] {
            assert_eq!(parse(&[(name, BEFORE)]).evaluate(&current), Verdict::Proceed);
        }
    }

    #[test]
    fn tags_switch_off_the_dates_beside_them() {
        let lines = [("if-match", "\"now\""), ("if-unmodified-since", BEFORE)];
        assert_eq!(verdict(&lines), Verdict::Proceed);
        let lines = [("if-none-match", "\"old\""), ("if-modified-since", AFTER)];
        assert_eq!(verdict(&lines), Verdict::Proceed);
    }

    #[test]
    fn a_failed_precondition_goes_before_not_modified() {
        let lines = [("if-match", "\"old\""), ("if-none-match", "\"now\"")];
        assert_eq!(verdict(&lines), Verdict::Failed);
        let lines = [("if-unmodified-since", BEFORE), ("if-none-match", "\"now\"")];
        assert_eq!(verdict(&lines), Verdict::Failed);
    }

    #[test]
    fn if_range_wants_an_equal_and_strong_validator() {
        let counts = |value| parse(&[("if-range", value)]).range_counts(&current(), date(NOW));
        assert!(counts("\"now\""));
        assert!(counts(MODIFIED));
        for value in ["W/\"now\"", "\"old\"", BEFORE, AFTER, "*", "now", "\"now\", \"old\""] {
            assert!(!counts(value), "{value}");
        }
        assert!(parse(&[]).range_counts(&current(), date(NOW)));
        let twice = [("if-range", "\"now\""), ("if-range", "\"now\"")];
        assert!(!parse(&twice).range_counts(&current(), date(NOW)));
    }

    #[test]
    fn if_range_does_not_trust_a_date_whose_second_is_not_over() {
        let precondition = parse(&[("if-range", MODIFIED)]);
        assert!(!precondition.range_counts(&current(), date(MODIFIED)));
    }
}
