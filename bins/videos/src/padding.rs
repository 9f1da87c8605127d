//! Exact sizes: a trailing `free` box (ISO/IEC 14496-12 section 8.1.2), which players skip.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Length of a box's header: 32 bits of length and four characters.
const HEADER: u64 = 8;

/// Why a file does not get the size that it should have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PadError {
    /// It is larger already.
    #[error(
        "the encode of {encoded} bytes is {} larger than the size {size}: \
         wanted a smaller noise patch or a higher qp",
        encoded - size
    )]
    TooLarge {
        /// Bytes there are.
        encoded: u64,
        /// Bytes wanted.
        size: u64,
    },
    /// It is so little smaller that no box fits.
    #[error(
        "the encode of {encoded} bytes is {} smaller than the size {size}: \
         wanted no difference or one of at least 8, which a free box takes",
        size - encoded
    )]
    TooTight {
        /// Bytes there are.
        encoded: u64,
        /// Bytes wanted.
        size: u64,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Makes an MP4 file exactly `size` bytes long.
///
/// # Errors
/// It is too large or too tight, or cannot be written.
pub fn pad(file: &mut std::fs::File, size: u32) -> Result<(), PadError> {
    let encoded = file.metadata()?.len();
    let Some(header) = free_box_header(encoded, size)? else { return Ok(()) };
    file.seek(SeekFrom::End(0))?;
    file.write_all(&header)?;
    // Zeros that are written, not a hole: a full disk shows itself here.
    let zeros = u64::from(size) - encoded - HEADER;
    io::copy(&mut io::repeat(0).take(zeros), file)?;
    Ok(())
}

fn free_box_header(encoded: u64, size: u32) -> Result<Option<[u8; 8]>, PadError> {
    let wanted = u64::from(size);
    match wanted.checked_sub(encoded) {
        None => Err(PadError::TooLarge { encoded, size: wanted }),
        Some(0) => Ok(None),
        Some(1..HEADER) => Err(PadError::TooTight { encoded, size: wanted }),
        Some(gap) => {
            let [.., a, b, c, d] = gap.to_be_bytes();
            Ok(Some([a, b, c, d, b'f', b'r', b'e', b'e']))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(encoded: usize, size: u32) -> Result<Vec<u8>, PadError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; encoded]).unwrap();
        pad(&mut file, size)?;
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }

    #[test]
    fn the_rest_is_one_free_box() {
        assert_eq!(padded(3, 13).unwrap(), *b"\x07\x07\x07\0\0\0\x0afree\0\0");
        assert_eq!(padded(3, 11).unwrap(), *b"\x07\x07\x07\0\0\0\x08free");
        assert_eq!(padded(3, 3).unwrap(), [7; 3]);
    }

    #[test]
    fn a_gap_that_takes_no_box_is_refused() {
        for gap in 1..8 {
            let message = padded(100, 100 + gap).unwrap_err().to_string();
            let start =
                format!("the encode of 100 bytes is {gap} smaller than the size {}", 100 + gap);
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn an_encode_above_the_size_says_by_how_much() {
        let message = padded(100, 58).unwrap_err().to_string();
        assert!(message.starts_with("the encode of 100 bytes is 42 larger than the size 58"));
    }
}
