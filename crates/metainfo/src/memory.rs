//! Content in memory, for tests.

use std::io;

use crate::{Content, ContentFile};

/// Files in memory.
pub(crate) struct Memory {
    pub(crate) single_file: bool,
    pub(crate) files: Vec<ContentFile>,
    pub(crate) bytes: Vec<Vec<u8>>,
}

impl Memory {
    pub(crate) fn file(bytes: Vec<u8>) -> Self {
        let path = vec!["f.bin".to_owned()];
        let file = ContentFile::new(path, bytes.len() as u64);
        Self { single_file: true, files: vec![file], bytes: vec![bytes] }
    }

    pub(crate) fn folder(lengths: &[usize]) -> Self {
        let file = |(index, &length): (usize, &usize)| {
            ContentFile::new(vec!["d".to_owned(), index.to_string()], length as u64)
        };
        Self {
            single_file: false,
            files: lengths.iter().enumerate().map(file).collect(),
            bytes: lengths.iter().map(|&length| pattern(length)).collect(),
        }
    }
}

impl Content for Memory {
    fn name(&self) -> &str {
        if self.single_file { "f.bin" } else { "folder" }
    }

    fn is_single_file(&self) -> bool {
        self.single_file
    }

    fn files(&self) -> &[ContentFile] {
        &self.files
    }

    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let bytes = self.bytes[file].get(offset..offset + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
