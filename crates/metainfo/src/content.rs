//! Content: named files of known length whose bytes can be read anywhere, in any order.

use std::io;

/// What a torrent is made from.
///
/// A reader of the same range gets the same bytes each time; implementations have no position.
pub trait Content: Send + Sync {
    /// The metainfo's `name`: the file's name, or the folder's.
    fn name(&self) -> &str;

    /// Whether the torrent has one file (`length`) or a list of them (`files`).
    fn is_single_file(&self) -> bool;

    /// The files, in the order in which their bytes follow each other.
    fn files(&self) -> &[ContentFile];

    /// Fills `buffer` from the file with index `file`, starting at byte `offset`.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than it was.
    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// One file of a [`Content`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFile {
    /// Path below the torrent's folder, as its components. A single file's is its name.
    pub path: Vec<String>,
    /// Length in bytes.
    pub length: u64,
}

impl ContentFile {
    /// The path with `/` between its components.
    #[must_use]
    pub fn display_path(&self) -> String {
        self.path.join("/")
    }
}

/// Length of all files in bytes.
pub(crate) fn total_length(content: &dyn Content) -> u64 {
    content.files().iter().map(|file| file.length).sum()
}

/// Fills `buffer` from the files' bytes taken as one stream, starting at byte `offset` of it.
pub(crate) fn read_stream(
    content: &dyn Content,
    mut offset: u64,
    mut buffer: &mut [u8],
) -> Result<(), (usize, io::Error)> {
    for (index, file) in content.files().iter().enumerate() {
        if buffer.is_empty() {
            break;
        }
        if offset >= file.length {
            offset -= file.length;
            continue;
        }
        let here = usize::try_from(file.length - offset).unwrap_or(usize::MAX).min(buffer.len());
        let (part, rest) = buffer.split_at_mut(here);
        content.read_exact_at(index, offset, part).map_err(|error| (index, error))?;
        buffer = rest;
        offset = 0;
    }
    debug_assert!(buffer.is_empty(), "a caller asks for no more than there is");
    Ok(())
}
