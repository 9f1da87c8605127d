//! The infohash: SHA-1 of the bencoded info dictionary (BEP 3), the name of a swarm.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The 20 bytes that name a swarm. Printed and parsed as 40 hex digits, printed in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Infohash([u8; 20]);

/// A text that is no infohash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted an infohash of 40 hex digits, got {0:?}")]
pub struct InvalidInfohash(String);

impl Infohash {
    /// Creates an infohash of raw bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, as in a handshake or an announce.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl From<[u8; 20]> for Infohash {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Infohash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Infohash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Infohash {
    type Err = InvalidInfohash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidInfohash(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Infohash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Infohash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_forty_lower_case_hex_digits_and_parses_back() {
        let infohash = Infohash::new([0xab; 20]);
        assert_eq!(infohash.to_string(), "ab".repeat(20));
        assert_eq!("AB".repeat(20).parse(), Ok(infohash));
    }

    #[test]
    fn other_lengths_and_letters_are_refused_by_name() {
        for wrong in ["", "ab", &"g".repeat(40), &"a".repeat(41)] {
            let error = wrong.parse::<Infohash>().unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }
}
