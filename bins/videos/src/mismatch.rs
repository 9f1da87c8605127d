//! What is not as it should be.

use std::fmt;

/// A property of a file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    what: String,
    wanted: String,
    got: String,
}

impl Mismatch {
    /// A mismatch, if the two differ.
    pub fn of(
        what: impl fmt::Display,
        wanted: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Option<Self> {
        let (wanted, got) = (wanted.to_string(), got.to_string());
        (wanted != got).then_some(Self { what: what.to_string(), wanted, got })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.what, self.wanted, self.got)
    }
}

/// Says all mismatches in one line.
pub(crate) fn describe(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
