//! Content whose files begin at piece boundaries, by pad files between them (BEP 47).

use std::{io, ops::Deref};

use crate::{Content, ContentFile, Identity, PieceLength};

/// Content with pad files. Its files are exactly those of the metainfo: a pad file, whose bytes are
/// zeros, has an index of its own.
#[derive(Debug)]
pub struct Padded<P> {
    content: P,
    files: Vec<ContentFile>,
    /// The index in `content` of each file; `None` for a pad file.
    sources: Vec<Option<usize>>,
}

impl<P: Deref<Target: Content>> Padded<P> {
    /// Adds a pad file after each file that does not end at the end of a piece, unless only empty files
    /// follow.
    #[must_use]
    pub fn new(content: P, piece_length: PieceLength) -> Self {
        let piece_length = u64::from(piece_length.bytes());
        let (mut files, mut sources) = (Vec::new(), Vec::new());
        let mut pad = 0;
        for (index, file) in content.files().iter().enumerate() {
            if file.length > 0 {
                if pad > 0 {
                    let path = vec![".pad".to_owned(), pad.to_string()];
                    files.push(ContentFile { path, length: pad, is_pad: true });
                    sources.push(None);
                }
                pad = file.length.wrapping_neg() % piece_length;
            }
            files.push(file.clone());
            sources.push(Some(index));
        }
        Self { content, files, sources }
    }
}

impl<P: Deref<Target: Content> + Send + Sync> Content for Padded<P> {
    fn name(&self) -> &str {
        self.content.name()
    }

    fn is_single_file(&self) -> bool {
        self.content.is_single_file()
    }

    fn files(&self) -> &[ContentFile] {
        &self.files
    }

    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self.sources[file] {
            Some(source) => self.content.read_exact_at(source, offset, buffer),
            None => {
                buffer.fill(0);
                Ok(())
            }
        }
    }

    fn read_cached_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        match self.sources[file] {
            Some(source) => self.content.read_cached_at(source, offset, buffer),
            None => {
                buffer.fill(0);
                Ok(true)
            }
        }
    }

    fn pin(&self) -> io::Result<()> {
        self.content.pin()
    }

    fn identity(&self) -> io::Result<Option<Identity>> {
        self.content.identity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    fn layout(lengths: &[usize]) -> Vec<(String, u64)> {
        let padded =
            Padded::new(Box::new(Memory::folder(lengths)), PieceLength::new(16384).unwrap());
        padded.files().iter().map(|file| (file.display_path(), file.length)).collect()
    }

    fn file(path: &str, length: u64) -> (String, u64) {
        (path.to_owned(), length)
    }

    #[test]
    fn bep_47_every_file_begins_with_a_piece() {
        assert_eq!(
            layout(&[1, 16384, 16385, 7]),
            [
                file("d/0", 1),
                file(".pad/16383", 16383),
                file("d/1", 16384),
                file("d/2", 16385),
                file(".pad/16383", 16383),
                file("d/3", 7),
            ]
        );
    }

    #[test]
    fn an_empty_file_needs_no_pad_before_it_and_none_follows_the_last_byte() {
        assert_eq!(
            layout(&[0, 1, 0, 2, 0]),
            [
                file("d/0", 0),
                file("d/1", 1),
                file("d/2", 0),
                file(".pad/16383", 16383),
                file("d/3", 2),
                file("d/4", 0),
            ]
        );
    }

    #[test]
    fn a_pad_file_reads_as_zeros_and_the_others_as_before() {
        let padded =
            Padded::new(Box::new(Memory::folder(&[3, 5])), PieceLength::new(16384).unwrap());
        let mut buffer = [9; 3];
        padded.read_exact_at(1, 16000, &mut buffer).unwrap();
        assert_eq!(buffer, [0, 0, 0]);
        padded.read_exact_at(2, 2, &mut buffer).unwrap();
        assert_eq!(buffer, [2, 3, 4]);
    }
}
