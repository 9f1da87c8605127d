//! Content on disk: one file, or a folder walked in an order that no file system decides.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use crate::{Content, ContentFile, Identity};

/// A file or folder, opened read-only, whose layout was taken once.
#[derive(Debug)]
pub struct DiskContent {
    root: PathBuf,
    name: String,
    single_file: bool,
    files: Vec<ContentFile>,
}

/// Why a path is no content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// A file or folder cannot be read.
    #[error("failed to read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// A metainfo's names are UTF-8 (BEP 3).
    #[error("wanted a name in UTF-8, got {0:?}")]
    NotUtf8(PathBuf),
    /// A device, socket or pipe.
    #[error("wanted a file or a folder, got {0}")]
    Special(PathBuf),
    /// A link could lead anywhere.
    #[error("wanted a file or a folder, got {0}, a symbolic link to outside of {1}")]
    LinkLeaves(PathBuf, PathBuf),
    /// A walk that follows links to folders may never end.
    #[error("wanted a file or a folder, got {0}, a symbolic link to a folder")]
    LinkedFolder(PathBuf),
    /// There are no bytes to make a piece of.
    #[error("wanted content, but {0} is empty")]
    Empty(PathBuf),
}

impl DiskContent {
    /// Takes the layout of the file or folder at `path`.
    ///
    /// Files of a folder are ordered by their path's components, bytewise. Names that begin with a
    /// dot are left out. A symbolic link is followed where it leads to a place within `boundary`.
    ///
    /// # Errors
    /// The path, or anything below it, cannot be read or does not fit into a metainfo.
    pub fn scan(path: &Path, boundary: &Path) -> Result<Self, ScanError> {
        let boundary = fs::canonicalize(boundary).map_err(read_error(boundary))?;
        let metadata = checked(path, &boundary)?;
        let name = utf8_name(path)?;
        let mut files = Vec::new();
        let single_file = metadata.is_file();
        if single_file {
            files.push(ContentFile::new(vec![name.clone()], metadata.len()));
        } else {
            walk(path, &boundary, &mut Vec::new(), &mut files)?;
            files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        if files.iter().all(|file| file.length == 0) {
            return Err(ScanError::Empty(path.to_owned()));
        }
        Ok(Self { root: path.to_owned(), name, single_file, files })
    }

    /// Where the file with index `file` is.
    #[must_use]
    pub fn path_of(&self, file: usize) -> PathBuf {
        let mut path = self.root.clone();
        if !self.single_file {
            path.extend(&self.files[file].path);
        }
        path
    }
}

impl Content for DiskContent {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_single_file(&self) -> bool {
        self.single_file
    }

    fn files(&self) -> &[ContentFile] {
        &self.files
    }

    // Opened anew for each read: that costs microseconds, while a descriptor held for every file
    // of a thousand torrents runs into the limit of the process.
    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        File::open(self.path_of(file))?.read_exact_at(buffer, offset)
    }

    fn identity(&self) -> io::Result<Option<Identity>> {
        Identity::of(&self.root, (0..self.files.len()).map(|file| self.path_of(file))).map(Some)
    }
}

/// Whether an entry is content: names that begin with a dot are not.
#[must_use]
pub fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn walk(
    folder: &Path,
    boundary: &Path,
    components: &mut Vec<String>,
    files: &mut Vec<ContentFile>,
) -> Result<(), ScanError> {
    for entry in fs::read_dir(folder).map_err(read_error(folder))? {
        let entry = entry.map_err(read_error(folder))?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        let metadata = checked(&path, boundary)?;
        components.push(utf8_name(&path)?);
        if metadata.is_file() {
            files.push(ContentFile::new(components.clone(), metadata.len()));
        } else {
            if path.is_symlink() {
                return Err(ScanError::LinkedFolder(path));
            }
            walk(&path, boundary, components, files)?;
        }
        components.pop();
    }
    Ok(())
}

/// The metadata of a file or folder that lies within `boundary`, links followed.
fn checked(path: &Path, boundary: &Path) -> Result<fs::Metadata, ScanError> {
    let target = fs::canonicalize(path).map_err(read_error(path))?;
    if !target.starts_with(boundary) {
        return Err(ScanError::LinkLeaves(path.to_owned(), boundary.to_owned()));
    }
    let metadata = fs::metadata(&target).map_err(read_error(path))?;
    if metadata.is_file() || metadata.is_dir() {
        Ok(metadata)
    } else {
        Err(ScanError::Special(path.to_owned()))
    }
}

fn utf8_name(path: &Path) -> Result<String, ScanError> {
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        // "." and "..", which have a name once they are resolved.
        None => fs::canonicalize(path)
            .map_err(read_error(path))?
            .file_name()
            .map(std::ffi::OsStr::to_owned)
            .ok_or_else(|| ScanError::Special(path.to_owned()))?,
    };
    name.into_string().map_err(|_| ScanError::NotUtf8(path.to_owned()))
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> ScanError {
    let path = path.to_owned();
    move |error| ScanError::Read(path, error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn paths(content: &DiskContent) -> Vec<String> {
        content.files().iter().map(ContentFile::display_path).collect()
    }

    #[test]
    fn files_are_ordered_by_their_path_and_not_by_the_file_system() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("show/a")).unwrap();
        for name in ["z", "a/2", "B", "a/10", "a-b", ".hidden"] {
            fs::write(root.path().join("show").join(name), name).unwrap();
        }
        let content = DiskContent::scan(&root.path().join("show"), root.path()).unwrap();
        assert_eq!(content.name(), "show");
        assert_eq!(paths(&content), ["B", "a/10", "a/2", "a-b", "z"]);
    }

    #[test]
    fn a_link_to_outside_of_the_boundary_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let link = root.path().join("link");
        symlink(outside.path(), &link).unwrap();
        let error = DiskContent::scan(&link, root.path()).unwrap_err();
        assert!(matches!(error, ScanError::LinkLeaves(..)), "{error}");
        assert!(error.to_string().contains("link"), "{error}");
    }

    #[test]
    fn a_link_to_a_file_within_is_that_file() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "bytes").unwrap();
        symlink("file", root.path().join("link")).unwrap();
        let content = DiskContent::scan(&root.path().join("link"), root.path()).unwrap();
        assert_eq!((content.name(), content.files()[0].length), ("link", 5));
    }

    #[test]
    fn a_folder_that_links_to_itself_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "bytes").unwrap();
        symlink(".", root.path().join("loop")).unwrap();
        let error = DiskContent::scan(root.path(), root.path()).unwrap_err();
        assert!(matches!(error, ScanError::LinkedFolder(_)), "{error}");
    }

    #[test]
    fn nothing_but_empty_files_is_no_content() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("empty"), "").unwrap();
        let error = DiskContent::scan(&root.path().join("empty"), root.path()).unwrap_err();
        assert!(matches!(error, ScanError::Empty(_)), "{error}");
    }
}
