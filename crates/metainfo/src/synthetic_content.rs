//! Synthetic content: one file with the bytes of a [`Keystream`]. It needs no disk.

use std::io;

use seedbed_synthetic::Keystream;

use crate::{Content, ContentFile, InvalidName, check_name};

/// One file whose bytes are the beginning of a keystream.
#[derive(Clone, Debug)]
pub struct SyntheticContent {
    keystream: Keystream,
    file: [ContentFile; 1],
}

/// Synthetic content that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSynthetic {
    /// It cannot be the name of a file.
    #[error("name: {0}")]
    Name(#[from] InvalidName),
    /// It has no pieces, or more than a metainfo can list.
    #[error("wanted a length from 1 to {max} bytes, got {0}", max = SyntheticContent::LARGEST)]
    Length(u64),
}

impl SyntheticContent {
    /// Largest length in bytes. With the largest pieces, the metainfo of that much lists more than
    /// a million of them.
    pub const LARGEST: u64 = 16 << 40;

    /// The first `length` bytes of the keystream of `seed`.
    ///
    /// # Errors
    /// The name is none of a file, or the length is 0 or too large.
    pub fn new(name: &str, length: u64, seed: u64) -> Result<Self, InvalidSynthetic> {
        check_name(name)?;
        if !(1..=Self::LARGEST).contains(&length) {
            return Err(InvalidSynthetic::Length(length));
        }
        let file = [ContentFile::new(vec![name.to_owned()], length)];
        Ok(Self { keystream: Keystream::new(seed), file })
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.keystream.seed()
    }
}

impl Content for SyntheticContent {
    fn name(&self) -> &str {
        &self.file[0].path[0]
    }

    fn is_single_file(&self) -> bool {
        true
    }

    fn files(&self) -> &[ContentFile] {
        &self.file
    }

    fn read_exact_at(&self, _: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.file[0].length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.keystream.fill(offset, buffer);
        Ok(())
    }

    fn read_cached_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        self.read_exact_at(file, offset, buffer).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_that_of_the_keystream_at_its_offset() {
        let content = SyntheticContent::new("big.bin", 1000, 7).unwrap();
        let (mut got, mut wanted) = ([0; 100], [0; 100]);
        content.read_exact_at(0, 900, &mut got).unwrap();
        Keystream::new(7).fill(900, &mut wanted);
        assert_eq!(got, wanted);
        assert_eq!(
            (content.name(), content.files()[0].length, content.seed()),
            ("big.bin", 1000, 7)
        );
    }

    #[test]
    fn there_is_nothing_past_its_end() {
        let content = SyntheticContent::new("big.bin", 1000, 7).unwrap();
        for offset in [901, 1000, u64::MAX] {
            content.read_exact_at(0, offset, &mut [0; 100]).unwrap_err();
        }
    }

    #[test]
    fn a_name_that_is_none_and_a_length_out_of_range_are_refused() {
        for name in ["", ".", "..", "a/b", "/a", "a\0", &"n".repeat(256)] {
            let error = SyntheticContent::new(name, 1, 0).unwrap_err();
            assert!(matches!(error, InvalidSynthetic::Name(_)), "{error}");
        }
        for length in [0, SyntheticContent::LARGEST + 1] {
            let error = SyntheticContent::new("a", length, 0).unwrap_err();
            assert_eq!(error, InvalidSynthetic::Length(length));
        }
    }
}
