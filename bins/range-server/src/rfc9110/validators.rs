//! The validators of a representation (RFC 9110 section 8.8).

use super::{date::HttpDate, etag::EntityTag};

/// What tells one version of a representation from another.
#[derive(Clone, Debug)]
pub struct Validators {
    /// The entity tag.
    pub etag: EntityTag,
    /// Never later than the time of the response (section 8.8.2.1).
    pub last_modified: Option<HttpDate>,
}

impl Validators {
    /// Whether Last-Modified is strong (section 8.8.2.2): the second that it names is over, so that
    /// no further change can hide in it.
    #[must_use]
    pub fn date_is_strong(&self, now: HttpDate) -> bool {
        self.last_modified.is_some_and(|date| date < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_strong_once_its_second_is_over() {
        let strong = |seconds| {
            let last_modified = Some(HttpDate::from_unix(seconds));
            let validators = Validators { etag: EntityTag::strong(b"x"), last_modified };
            validators.date_is_strong(HttpDate::from_unix(2000))
        };
        assert!(strong(1999));
        assert!(!strong(2000));
        assert!(!strong(9999));
    }
}
