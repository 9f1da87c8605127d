//! Content: named files of known length whose bytes can be read anywhere, in any order.

use std::io;

use crate::Identity;

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

    /// What is another once a byte is: with it, hashes can be remembered. None where nothing tells.
    ///
    /// # Errors
    /// A file cannot be examined.
    fn identity(&self) -> io::Result<Option<Identity>> {
        Ok(None)
    }
}

/// One file of a [`Content`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFile {
    /// Path below the torrent's folder, as its components. A single file's is its name.
    pub path: Vec<String>,
    /// Length in bytes.
    pub length: u64,
    /// A pad file (BEP 47): zeros that are in the pieces, but no file that anybody wants.
    pub is_pad: bool,
}

impl ContentFile {
    /// A file that is no pad.
    #[must_use]
    pub fn new(path: Vec<String>, length: u64) -> Self {
        Self { path, length, is_pad: false }
    }

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

/// Whether `name` is one component of a path, which leads nowhere else.
pub(crate) fn is_file_name(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(['/', '\0'])
}
