//! Pads an MP4 file to an exact size with a trailing `free` box (ISO/IEC 14496-12 section 8.1.2).

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Length of the header of a box: a length of 32 bits, and a type of four characters.
const HEADER: u64 = 8;

/// A file that cannot be padded to the size wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PadError {
    /// The file is larger.
    #[error(
        "the encode of {encoded} bytes is {} larger than the size {size}; \
         use a smaller noise patch or a higher qp",
        encoded - size
    )]
    TooLarge {
        /// Length of the file.
        encoded: u64,
        /// Length wanted.
        size: u64,
    },
    /// The gap is smaller than a box.
    #[error(
        "the encode of {encoded} bytes is {} smaller than the size {size}; \
         wanted no difference, or at least the 8 bytes of a free box",
        size - encoded
    )]
    TooTight {
        /// Length of the file.
        encoded: u64,
        /// Length wanted.
        size: u64,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Makes an MP4 file exactly `size` bytes long.
///
/// # Errors
/// The file is too large, the gap is smaller than a box, or the file cannot be written.
pub(crate) fn pad(file: &mut std::fs::File, size: u32) -> Result<(), PadError> {
    let encoded = file.metadata()?.len();
    let Some(header) = free_box_header(encoded, size)? else { return Ok(()) };
    file.seek(SeekFrom::End(0))?;
    file.write_all(&header)?;
    // Write the zeros rather than leave a hole, so that a full disk is an error here.
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
    fn the_padding_is_one_free_box() {
        assert_eq!(padded(3, 13).unwrap(), *b"\x07\x07\x07\0\0\0\x0afree\0\0");
        assert_eq!(padded(3, 11).unwrap(), *b"\x07\x07\x07\0\0\0\x08free");
        assert_eq!(padded(3, 3).unwrap(), [7; 3]);
    }

    #[test]
    fn a_gap_smaller_than_a_box_is_an_error() {
        for gap in 1..8 {
            let message = padded(100, 100 + gap).unwrap_err().to_string();
            let start =
                format!("the encode of 100 bytes is {gap} smaller than the size {}", 100 + gap);
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn the_error_for_a_large_file_says_by_how_much() {
        let message = padded(100, 58).unwrap_err().to_string();
        assert!(message.starts_with("the encode of 100 bytes is 42 larger than the size 58"));
    }
}
