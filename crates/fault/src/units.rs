//! Quantities with a unit, as rules write them: durations, sizes, rates and positions.
//!
//! A quantity prints in the largest unit that holds it exactly, and parses back to the same value.

use std::{fmt, str::FromStr, time::Duration};

/// A text is not a quantity of the kind that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted {wanted}, got {got:?}")]
pub struct InvalidQuantity {
    wanted: &'static str,
    got: String,
}

impl InvalidQuantity {
    fn new(wanted: &'static str, got: &str) -> Self {
        Self { wanted, got: got.to_owned() }
    }
}

/// Writes serde's and utoipa's traits for a type that is a string on the outside.
macro_rules! as_text {
    ($type:ty, $name:literal, $wanted:expr, $example:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($wanted)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($wanted))
                    .examples([$example])
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}
pub(crate) use as_text;

/// Splits `1.5s` into its number and its unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    // "1." and ".5" are numbers to Rust, but not to a reader.
    let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && !number.ends_with('.');
    let number: f64 = number.parse().ok().filter(|number: &f64| is_number && number.is_finite())?;
    Some((number, unit.trim_start()))
}

/// A length of time: `200ms`, `1.5s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const SPAN: &str = "a duration such as \"200ms\", \"1.5s\" or \"2m\"";

impl Span {
    /// A span of `count` milliseconds.
    #[must_use]
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// A span of `count` seconds.
    #[must_use]
    pub const fn secs(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
}

impl FromStr for Span {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = split(text).and_then(|(number, unit)| {
            Some(match unit {
                "us" => number / 1e6,
                "ms" => number / 1e3,
                "s" => number,
                "m" | "min" => number * 60.0,
                "h" => number * 3600.0,
                _ => return None,
            })
        });
        // A year is longer than any test, and far from overflowing an instant.
        seconds
            .filter(|&seconds| seconds <= 366.0 * 86_400.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .and_then(|span| u64::try_from((span.as_nanos() + 500) / 1000).ok())
            .map(|micros| Self(Duration::from_micros(micros)))
            .ok_or_else(|| InvalidQuantity::new(SPAN, text))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_micros() {
            0 => f.write_str("0s"),
            micros if micros % 3_600_000_000 == 0 => write!(f, "{}h", micros / 3_600_000_000),
            micros if micros % 60_000_000 == 0 => write!(f, "{}m", micros / 60_000_000),
            micros if micros % 1_000_000 == 0 => write!(f, "{}s", micros / 1_000_000),
            micros if micros % 1_000 == 0 => write!(f, "{}ms", micros / 1_000),
            micros => write!(f, "{micros}us"),
        }
    }
}

as_text!(Span, "Duration", SPAN, "200ms");

/// A length of time that may lie in the past: `30s`, `-30s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedSpan {
    /// Whether it points into the past.
    pub negative: bool,
    /// How far.
    pub span: Span,
}

const SIGNED_SPAN: &str = "a duration such as \"30s\" or \"-2m\"";

impl FromStr for SignedSpan {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let span: Span = rest.parse().map_err(|_| InvalidQuantity::new(SIGNED_SPAN, text))?;
        Ok(Self { negative: negative && span != Span::default(), span })
    }
}

impl fmt::Display for SignedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, self.span)
    }
}

as_text!(SignedSpan, "SignedDuration", SIGNED_SPAN, "-30s");

/// The names of multiples of a byte, largest first, and what they stand for.
const BYTES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = if unit == "KB" { "kB" } else { unit };
    let (_, scale) = BYTES.iter().find(|(name, _)| *name == unit)?;
    #[expect(clippy::cast_precision_loss, reason = "a unit is a small number")]
    let bytes = number * *scale as f64;
    // 2^53: up to here every number of bytes is exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (bytes <= 9_007_199_254_740_992.0 && bytes.fract() == 0.0).then_some(bytes as u64)
}

fn write_bytes(bytes: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_exact = |&&(_, scale): &&(&str, u64)| bytes >= scale && bytes.is_multiple_of(scale);
    // Powers of two are what a reader of these files expects; "8kB" only where "KiB" does not fit.
    let (unit, scale) = BYTES.iter().find(is_exact).copied().unwrap_or(("B", 1));
    write!(f, "{}{unit}", bytes / scale)
}

/// A number of bytes: `8KiB`, `1MB`, `512B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const SIZE: &str = "a size such as \"8KiB\", \"1MiB\" or \"512B\"";

impl FromStr for Size {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes(text).map(Self).ok_or_else(|| InvalidQuantity::new(SIZE, text))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bytes(self.0, f)
    }
}

as_text!(Size, "Size", SIZE, "8KiB");

/// A number of bytes a second: `64KiB/s`, `1MB/s`, `400kbit/s`. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

const RATE: &str = "a rate above zero such as \"64KiB/s\", \"1MB/s\" or \"400kbit/s\"";

impl Rate {
    /// A rate of so many bytes a second; at least one.
    #[must_use]
    pub const fn new(bytes_per_second: u64) -> Self {
        Self(if bytes_per_second == 0 { 1 } else { bytes_per_second })
    }

    /// Bytes in a second.
    #[must_use]
    pub const fn bytes_per_second(self) -> u64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits = |text: &str| {
            let (number, unit) = split(text)?;
            let scale = match unit {
                "bit" => 1.0,
                "kbit" => 1e3,
                "Mbit" => 1e6,
                "Gbit" => 1e9,
                _ => return None,
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            (number * scale <= 1e15).then_some((number * scale / 8.0) as u64)
        };
        let amount =
            text.strip_suffix("/s").and_then(|amount| bytes(amount).or_else(|| bits(amount)));
        amount.filter(|&rate| rate > 0).map(Self).ok_or_else(|| InvalidQuantity::new(RATE, text))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bytes(self.0, f)?;
        f.write_str("/s")
    }
}

as_text!(Rate, "Rate", RATE, "64KiB/s");

/// A position within content: a number of bytes from its start, `8KiB`, or a share of it, `60%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Position {
    /// So many bytes from the start.
    Bytes(u64),
    /// So many hundredths of the whole.
    Percent(f64),
}

const POSITION: &str = "a position such as \"8KiB\" or \"60%\"";

impl Position {
    /// The very start.
    pub const START: Self = Self::Bytes(0);

    /// The position in content of `total` bytes, at most its end.
    #[must_use]
    pub fn within(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.min(total),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a share of a length need not be exact to the byte"
            )]
            Self::Percent(percent) => ((total as f64 * percent / 100.0) as u64).min(total),
        }
    }
}

impl FromStr for Position {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = || match split(text)? {
            (percent, "%") if percent <= 100.0 => Some(Self::Percent(percent)),
            _ => None,
        };
        bytes(text)
            .map(Self::Bytes)
            .or_else(percent)
            .ok_or_else(|| InvalidQuantity::new(POSITION, text))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write_bytes(*bytes, f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

as_text!(Position, "Position", POSITION, "60%");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_parse_and_print_in_the_largest_exact_unit() {
        for (text, printed) in
            [("200ms", "200ms"), ("1.5s", "1500ms"), ("120s", "2m"), ("0s", "0s")]
        {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), printed);
        }
        assert_eq!("-90s".parse::<SignedSpan>().unwrap().to_string(), "-90s");
        for (text, printed) in [("8KiB", "8KiB"), ("1.5KiB", "1536B"), ("1MB", "1MB"), ("0B", "0B")]
        {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), printed);
        }
        for (text, printed) in [("64KiB/s", "64KiB/s"), ("400kbit/s", "50kB/s")] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), printed);
        }
        assert_eq!("60%".parse::<Position>().unwrap().within(200), 120);
        assert_eq!("8KiB".parse::<Position>().unwrap().within(100), 100);
    }

    #[test]
    fn a_wrong_unit_and_a_negative_number_are_refused_with_an_example() {
        for wrong in ["200", "200 foo", "-1s", "", "s", "1.s", ".5s", "1e3s", "infs", "99999h"] {
            let error = wrong.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("200ms") && error.contains(&format!("{wrong:?}")), "{error}");
        }
        for wrong in ["8", "8KiBs", "-8KiB", "0.3B", "99999999999GiB"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
        for wrong in ["0B/s", "64KiB", "-1B/s", "64KiB/m", "1bit/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        for wrong in ["101%", "-1%", "60", "half"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_prints_parses_back(micros in 0_u64..10_000_000_000_000, size in 0_u64..1 << 53) {
            let span = Span(Duration::from_micros(micros));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            prop_assert_eq!(Size(size).to_string().parse(), Ok(Size(size)));
        }
    }
}
