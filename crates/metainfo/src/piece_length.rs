//! The piece length: how many bytes each piece hash covers.

use std::{fmt, str::FromStr};

/// Length of a block, the unit of a request (BEP 3), and the least length of a piece.
const BLOCK: u32 = 16 << 10;

/// Largest piece length: above it several clients refuse the torrent.
const LARGEST: u32 = 16 << 20;

/// Most pieces of a torrent whose piece length is chosen by its size, unless [`LARGEST`] is reached.
const PIECES: u64 = 1024;

/// A power of two from 16 KiB to 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceLength(u32);

/// A number that is no piece length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a piece length that is a power of two from 16384 to 16777216 bytes, got {0}")]
pub struct InvalidPieceLength(String);

impl PieceLength {
    /// Creates a piece length of `bytes`.
    ///
    /// # Errors
    /// It is not a power of two, or out of range.
    pub fn new(bytes: u32) -> Result<Self, InvalidPieceLength> {
        if bytes.is_power_of_two() && (BLOCK..=LARGEST).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(InvalidPieceLength(bytes.to_string()))
        }
    }

    /// The smallest that gives at most 1,024 pieces for `length` bytes of content.
    #[must_use]
    pub fn for_length(length: u64) -> Self {
        let wanted = length.div_ceil(PIECES).next_power_of_two();
        let bytes = u32::try_from(wanted).unwrap_or(LARGEST);
        Self(bytes.clamp(BLOCK, LARGEST))
    }

    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl FromStr for PieceLength {
    type Err = InvalidPieceLength;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map_err(|_| InvalidPieceLength(text.to_owned())).and_then(Self::new)
    }
}

impl fmt::Display for PieceLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_content_from_one_block() {
        for (length, bytes) in [
            (1, 16 << 10),
            (16 << 20, 16 << 10),
            ((16 << 20) + 1, 32 << 10),
            (20 << 20, 32 << 10),
            (2 << 30, 2 << 20),
            (u64::MAX / 2, 16 << 20),
        ] {
            assert_eq!(PieceLength::for_length(length).bytes(), bytes, "for {length} bytes");
        }
    }

    #[test]
    fn others_than_powers_of_two_in_range_are_refused_by_name() {
        for wrong in ["0", "8192", "16385", "33554432", "-1", "64k", "99999999999"] {
            let error = wrong.parse::<PieceLength>().unwrap_err();
            assert!(error.to_string().ends_with(wrong), "{error}");
        }
        assert_eq!("65536".parse::<PieceLength>().unwrap().bytes(), 65536);
    }
}
