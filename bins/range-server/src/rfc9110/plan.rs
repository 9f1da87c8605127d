//! From a request for a file to what will be answered, without any I/O: RFC 9110 section 13.2.2
//! with ranges as its last step.

use axum::http::{HeaderMap, Method};
use clap::ValueEnum;

use super::{
    date::HttpDate,
    multipart::Multipart,
    precondition::{Preconditions, Verdict},
    range::{ByteRange, Malformed, RangeSet},
    validators::Validators,
};

/// What a `bytes` range that breaks the grammar gets: RFC 9110 section 14.2 leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MalformedRange {
    /// 416
    #[default]
    Refuse,
    /// 200 with the whole file
    Ignore,
}

/// What several ranges may cost beyond twice the file, in bytes. The header sections of a few
/// dozen parts fit in, so that small files can be asked for in parts.
const MULTIPART_ALLOWANCE: u64 = 16 << 10;

/// A request for a file.
#[derive(Clone, Debug)]
pub struct FileRequest {
    /// The ranges asked for. Only GET defines them (section 14.2).
    pub range: Result<Option<RangeSet>, Malformed>,
    /// The preconditions.
    pub preconditions: Preconditions,
}

/// A file as it is selected by a request.
#[derive(Clone, Debug)]
pub struct Representation {
    /// Length in bytes.
    pub length: u64,
    /// Media type.
    pub content_type: &'static str,
    /// Validators.
    pub validators: Validators,
}

/// What will be answered.
#[derive(Clone, Debug)]
pub enum Plan {
    /// 200 with the whole file.
    Whole,
    /// 206 with one range.
    Part(ByteRange),
    /// 206 with several.
    Parts(Multipart),
    /// 304
    NotModified,
    /// 412
    PreconditionFailed,
    /// 416
    Unsatisfiable,
}

impl FileRequest {
    /// Parses the header fields of a GET or HEAD.
    #[must_use]
    pub fn new(method: &Method, headers: &HeaderMap) -> Self {
        let defines_ranges = method == Method::GET;
        Self {
            range: if defines_ranges { RangeSet::from_headers(headers) } else { Ok(None) },
            preconditions: Preconditions::from_headers(headers),
        }
    }

    /// Plans the answer.
    #[must_use]
    pub fn plan(&self, file: &Representation, malformed: MalformedRange, now: HttpDate) -> Plan {
        match self.preconditions.evaluate(&file.validators) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Plan::NotModified,
            Verdict::Failed => return Plan::PreconditionFailed,
        }
        if !self.preconditions.range_counts(&file.validators, now) {
            return Plan::Whole;
        }
        match &self.range {
            Ok(None) => Plan::Whole,
            Ok(Some(set)) => match set.select(file.length) {
                None => Plan::Unsatisfiable,
                Some(ranges) => file.parts(ranges),
            },
            Err(Malformed) => match malformed {
                MalformedRange::Refuse => Plan::Unsatisfiable,
                MalformedRange::Ignore => Plan::Whole,
            },
        }
    }
}

impl Representation {
    fn parts(&self, ranges: Vec<ByteRange>) -> Plan {
        match ranges[..] {
            [] => Plan::Whole,
            [range] => Plan::Part(range),
            _ => {
                let tag = self.validators.etag.opaque();
                let parts = Multipart::new(tag, self.content_type, self.length, ranges);
                // A request of a few hundred kilobytes can ask for every other byte, at a hundred
                // bytes a part. Section 14.2 lets us ignore it: the whole file is less.
                let bound = self.length.saturating_mul(2).saturating_add(MULTIPART_ALLOWANCE);
                if parts.content_length() > bound { Plan::Whole } else { Plan::Parts(parts) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::{super::etag::EntityTag, *};

    fn plan_of(length: u64, method: Method, lines: &[(&str, &str)]) -> Plan {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let now = HttpDate::from_unix(2000);
        let file = Representation {
            length,
            content_type: "video/mp4",
            validators: Validators {
                etag: EntityTag::strong(b"now"),
                last_modified: Some(HttpDate::from_unix(1000)),
            },
        };
        FileRequest::new(&method, &headers).plan(&file, MalformedRange::Refuse, now)
    }

    #[test]
    fn preconditions_go_before_ranges() {
        let tag = EntityTag::strong(b"now").to_string();
        let beyond = ("range", "bytes=99-");
        let plan = |line| plan_of(10, Method::GET, &[line, beyond]);
        assert!(matches!(plan(("if-none-match", &tag)), Plan::NotModified));
        assert!(matches!(plan(("if-match", "\"old\"")), Plan::PreconditionFailed));
        assert!(matches!(plan(("if-range", "\"old\"")), Plan::Whole));
        assert!(matches!(plan(("if-range", &tag)), Plan::Unsatisfiable));
        assert!(matches!(plan(("if-match", &tag)), Plan::Unsatisfiable));
    }

    #[test]
    fn head_knows_no_range() {
        let plan = |range| plan_of(10, Method::HEAD, &[("range", range)]);
        assert!(matches!(plan("bytes=0-1"), Plan::Whole));
        assert!(matches!(plan("bytes=99-"), Plan::Whole));
        assert!(matches!(plan("bytes=x"), Plan::Whole));
    }

    #[test]
    fn a_suffix_of_an_empty_file_is_the_whole_of_it() {
        assert!(matches!(plan_of(0, Method::GET, &[("range", "bytes=-5")]), Plan::Whole));
        assert!(matches!(plan_of(0, Method::GET, &[("range", "bytes=0-")]), Plan::Unsatisfiable));
    }

    #[test]
    fn several_ranges_that_come_to_one_are_no_multipart() {
        let plan = plan_of(10, Method::GET, &[("range", "bytes=0-1,2-3,99-")]);
        assert!(matches!(plan, Plan::Part(range) if range.len() == 4));
    }

    #[test]
    fn parts_that_cost_more_than_about_twice_the_file_are_not_sent() {
        let every_other: Vec<String> = (0..900).map(|n| format!("{0}-{0}", 2 * n)).collect();
        let range = format!("bytes={}", every_other.join(","));
        assert!(matches!(plan_of(1800, Method::GET, &[("range", &range)]), Plan::Whole));
        assert!(matches!(plan_of(1 << 30, Method::GET, &[("range", &range)]), Plan::Parts(_)));
        assert!(matches!(
            plan_of(5, Method::GET, &[("range", "bytes=0-0,2-2,4-4")]),
            Plan::Parts(_)
        ));
    }
}
