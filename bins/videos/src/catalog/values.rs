//! The values of catalog keys, as types that hold only valid ones.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Bounded<const MIN: u32, const MAX: u32>(u32);

/// Width or height of a picture: even, because the chroma planes of yuv420p are half as large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct PixelCount(u32);

/// A language code of three letters (ISO 639-2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Language(String);

/// Name of a video: a valid file name on every system, and not a hidden one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// The number.
    #[must_use]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<i64> for Bounded<MIN, MAX> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| format!("wanted an integer from {MIN} to {MAX}, got {number}"))
    }
}

impl PixelCount {
    /// The number of pixels.
    #[must_use]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for PixelCount {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (16..=8192).contains(number) && number % 2 == 0)
            .map(Self)
            .ok_or_else(|| format!("wanted an even number from 16 to 8192, got {number}"))
    }
}

impl Language {
    /// The three letters.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Language {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase()) {
            Ok(Self(text))
        } else {
            Err(format!("wanted a language code of three letters such as \"eng\", got {text:?}"))
        }
    }
}

impl Name {
    /// The name as text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= 100 && text.chars().all(allowed) {
            Ok(Self(text))
        } else {
            Err(format!(
                "wanted at most 100 of the characters a-z, 0-9, '-', '_' and '.', the first a letter or digit, got {text:?}"
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
