//! Content: named files of known length whose bytes can be read at any offset.

use std::io;

use crate::Identity;

/// The content that a torrent describes.
///
/// Two reads of the same range return the same bytes. Implementations have no position.
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
    /// The file cannot be read, or is not the one that was [pinned](Self::pin).
    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// As [`Self::read_exact_at`] if that takes no waiting for a disk or a network; otherwise
    /// returns `false`, and `buffer` holds anything.
    ///
    /// # Errors
    /// The file is not the one that was pinned.
    fn read_cached_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let _unused = (file, offset, buffer);
        Ok(false)
    }

    /// Takes the files as they are now for the content: each later read fails once its file has
    /// changed. Without it, reads are not checked.
    ///
    /// # Errors
    /// A file cannot be examined.
    fn pin(&self) -> io::Result<()> {
        Ok(())
    }

    /// Tells one state of the files from another, so that hashes can be remembered; `None` if
    /// nothing does.
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
    /// The components of the path below the torrent's folder. The path of a single file is its name.
    pub path: Vec<String>,
    /// Length in bytes.
    pub length: u64,
    /// Whether it is a pad file (BEP 47): zeros that the pieces include, but clients do not store.
    pub is_pad: bool,
}

impl ContentFile {
    /// A file that is not a pad file.
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

/// Whether `name` is a single component of a path that stays in its directory.
pub(crate) fn is_file_name(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(['/', '\0'])
}

/// Longest name in bytes, as of a file on Linux.
const LONGEST_NAME: usize = 255;

/// A text cannot be the name of a torrent or of a file in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "wanted a name of 1 to {LONGEST_NAME} bytes that is not . or .., without slash, backslash, \
    control characters and characters that turn the direction of text, got {0:?}"
)]
pub struct InvalidName(String);

/// Checks a name that a user chose.
///
/// # Errors
/// It leads elsewhere as part of a path, or shows as something else than it is.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    // Bidirectional controls of Unicode (UAX #9): they make `exe.mp4` out of `4pm.exe`.
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let misleads = |c: char| c.is_control() || c == '\\' || turns(c);
    if is_file_name(name) && name.len() <= LONGEST_NAME && !name.contains(misleads) {
        Ok(())
    } else {
        Err(InvalidName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_or_misleads_is_refused() {
        for name in ["a", "a.b", "...", "Fünf 5", "日本.mp4", &"x".repeat(255)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "x".repeat(256);
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "C:\\x",
            "a\0",
            "a\n",
            "\u{7f}",
            "\u{202e}4pm.exe",
            "a\u{2066}",
            &long,
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {name:?}")), "{error}");
        }
    }
}
