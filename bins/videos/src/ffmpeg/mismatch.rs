//! Differences between a finished file and what was asked for.

use std::fmt;

/// A property of a file that differs from what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    property: String,
    wanted: String,
    got: String,
}

impl Mismatch {
    /// Returns a mismatch if the values differ.
    pub(crate) fn between(
        property: impl fmt::Display,
        wanted: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Option<Self> {
        let (wanted, got) = (wanted.to_string(), got.to_string());
        (wanted != got).then_some(Self { property: property.to_string(), wanted, got })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.property, self.wanted, self.got)
    }
}

/// Lists mismatches on one line.
pub(crate) fn describe(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
