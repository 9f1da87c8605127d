//! Reads the boxes of an MP4 file (ISO/IEC 14496-12 section 4.2).

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
};

/// A box at the top level of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Box {
    pub(crate) kind: [u8; 4],
    pub(crate) start: u64,
    /// Length including the header.
    pub(crate) length: u64,
}

/// Lists the boxes at the top level, in the order of the file.
pub(crate) fn boxes(file: &mut File) -> io::Result<Vec<Box>> {
    let end = file.metadata()?.len();
    let mut boxes = Vec::new();
    let mut start = 0;
    while start < end {
        file.seek(SeekFrom::Start(start))?;
        let mut header = [0; 8];
        file.read_exact(&mut header)?;
        let [a, b, c, d, kind @ ..] = header;
        let length = match u32::from_be_bytes([a, b, c, d]) {
            0 => end - start,
            1 => {
                let mut large = [0; 8];
                file.read_exact(&mut large)?;
                u64::from_be_bytes(large)
            }
            length => length.into(),
        };
        if length < 8 || length > end - start {
            let message = format!("wanted a box that ends by {end}, got {length} bytes at {start}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        boxes.push(Box { kind, start, length });
        start += length;
    }
    Ok(boxes)
}

/// Reads part of a file.
pub(crate) fn bytes(file: &mut File, start: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    if file.take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads the content of the first box of a type anywhere in the `moov` box: the settings of a codec.
pub(crate) fn codec_settings(file: &mut File, kind: [u8; 4]) -> io::Result<Vec<u8>> {
    let missing = || {
        let kind = String::from_utf8_lossy(&kind);
        io::Error::new(io::ErrorKind::InvalidData, format!("wanted a box {kind}, got none"))
    };
    let is_moov = |entry: &Box| &entry.kind == b"moov";
    let moov = boxes(file)?.into_iter().find(is_moov).ok_or_else(missing)?;
    let moov = bytes(file, moov.start, moov.length)?;
    let at = moov.windows(4).position(|window| window == kind).ok_or_else(missing)?;
    let length = moov.get(at.wrapping_sub(4)..at).and_then(|bytes| bytes.first_chunk::<4>());
    let length = length.map_or(0, |length| u32::from_be_bytes(*length)) as usize;
    let content = moov.get(at + 4..(at + length).saturating_sub(4));
    content.map(<[u8]>::to_vec).ok_or_else(missing)
}
