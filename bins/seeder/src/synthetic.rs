//! The specification of synthetic content: a name, a size and a seed.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest synthetic content, in bytes. It takes about a minute to hash.
pub(crate) const LARGEST: u64 = 64 << 30;

/// One file whose every byte is a function of a seed and its offset, so that it needs no disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// The file's name.
    #[schema(min_length = 1, max_length = 255, example = "big.bin")]
    pub name: String,
    /// Its length in bytes.
    #[schema(minimum = 1, maximum = 68_719_476_736_u64, example = 2_147_483_648_u64)]
    pub size: u64,
    /// The seed of its bytes; the range server has the same content at
    /// `/synthetic/{size}?seed={seed}`.
    #[serde(default)]
    #[schema(default = 0)]
    pub seed: u64,
}

/// A text that specifies no synthetic content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted NAME=SIZE[,seed=N], with a SIZE such as 1000, 64KiB or 2GiB, got {0:?}")]
pub struct InvalidSynthetic(String);

impl FromStr for Synthetic {
    type Err = InvalidSynthetic;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (name, rest) = text.split_once('=')?;
            let (size, seed) = match rest.split_once(',') {
                Some((size, option)) => (size, number(option.strip_prefix("seed=")?)?),
                None => (rest, 0),
            };
            let name = (!name.is_empty()).then(|| name.to_owned())?;
            Some(Self { name, size: self::size(size)?, seed })
        };
        parse().ok_or_else(|| InvalidSynthetic(text.to_owned()))
    }
}

/// Parses a number of bytes, KiB, MiB or GiB.
fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (digits, shift) = UNITS
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    number(digits)?.checked_mul(1 << shift)
}

fn number(digits: &str) -> Option<u64> {
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_is_in_bytes_and_the_seed_is_0_by_default() {
        for (text, name, size, seed) in [
            ("big=2GiB,seed=7", "big", 2 << 30, 7),
            ("a.bin=1000", "a.bin", 1000, 0),
            ("a b=3KiB", "a b", 3 << 10, 0),
            ("m=1MiB,seed=18446744073709551615", "m", 1 << 20, u64::MAX),
        ] {
            let wanted = Synthetic { name: name.into(), size, seed };
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for wrong in [
            "",
            "a",
            "=1",
            "a=",
            "a=x",
            "a=-1",
            "a=1TiB",
            "a=1,2",
            "a=1,seed=",
            "a=1,seed=x",
            "a=1,sead=1",
            "a=99999999999GiB",
            "a=18446744073709551616",
        ] {
            let error = wrong.parse::<Synthetic>().unwrap_err();
            assert!(error.to_string().ends_with(&format!("got {wrong:?}")), "{error}");
        }
    }
}
