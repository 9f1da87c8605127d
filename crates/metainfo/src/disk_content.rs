//! Content on disk: one file, or a folder walked in an order that does not depend on the file
//! system.
//!
//! Once a content is [pinned](Content::pin), a read examines its file after the bytes were read,
//! and fails if that is no longer the file that was pinned. The order matters: the kernel moves a
//! file's times before it writes the bytes, so whoever reads new bytes sees new times.

use std::{
    fs::{self, File},
    io::{self, IoSliceMut},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::sleep,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{Mode, OFlags},
    io::{ReadWriteFlags, preadv2},
};

use crate::{Content, ContentFile, Identity, identity::FileIdentity, open_files};

/// Twice the longest tick of a kernel's clock (100 Hz): once a file has been left alone for so
/// long, any later write gets another `ctime`.
const TICKS: Duration = Duration::from_millis(20);

/// How often [`DiskContent::pin`] waits for a file that is being written to. After that the file
/// is pinned as it is, and the next write is found out.
const PIN_ATTEMPTS: usize = 50;

/// A file or folder on disk, scanned once and only ever read.
#[derive(Debug)]
pub struct DiskContent {
    root: PathBuf,
    name: String,
    single_file: bool,
    files: Vec<ContentFile>,
    /// Under which its open files are kept.
    number: u64,
    pinned: RwLock<Option<Arc<[FileIdentity]>>>,
}

/// Why a path cannot be scanned.
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
    /// A symbolic link leaves the boundary.
    #[error("wanted a file or a folder, got {0}, a symbolic link to outside of {1}")]
    LinkLeaves(PathBuf, PathBuf),
    /// A walk that follows links to folders might never end.
    #[error("wanted a file or a folder, got {0}, a symbolic link to a folder")]
    LinkedFolder(PathBuf),
    /// Windows, and the engine with it, takes a backslash for a separator.
    #[error("wanted a name without a backslash, got {0:?}")]
    Backslash(PathBuf),
    /// It has no bytes, so there is no piece.
    #[error("wanted a file or folder with at least one byte, but {0} is empty")]
    Empty(PathBuf),
}

/// A read failed for a reason that the system has no error code for.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0} has changed: {1}")]
    Changed(PathBuf, &'static str),
    #[error("{0} is not a regular file any more")]
    NotRegular(PathBuf),
    #[error("failed to read {0}: {1}")]
    Read(PathBuf, io::Error),
}

impl DiskContent {
    /// Scans the file or folder at `path`.
    ///
    /// The files of a folder are sorted by the bytes of their paths' components. Names that begin with
    /// a dot are left out. A symbolic link is followed if it leads to a file within `boundary`.
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
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let pinned = RwLock::default();
        Ok(Self { root: path.to_owned(), name, single_file, files, number, pinned })
    }

    /// The path of the file with index `file`.
    #[must_use]
    pub fn path_of(&self, file: usize) -> PathBuf {
        let mut path = self.root.clone();
        if !self.single_file {
            path.extend(&self.files[file].path);
        }
        path
    }

    /// The open file with index `file`.
    ///
    /// A FIFO, a device or a socket in its place does not block, and is refused.
    fn open(&self, file: usize) -> io::Result<Arc<File>> {
        if let Some(kept) = open_files::get(self.number, file) {
            return Ok(kept);
        }
        let path = self.path_of(file);
        let failed =
            |error: io::Error| io::Error::new(error.kind(), ReadError::Read(path.clone(), error));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&path, flags, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(error.into()))?);
        if !opened.metadata().map_err(failed)?.is_file() {
            return Err(io::Error::other(ReadError::NotRegular(path)));
        }
        let opened = Arc::new(opened);
        open_files::keep(self.number, file, &opened);
        Ok(opened)
    }

    /// Fails if the file with index `file`, which is now in the state `now`, is not as it was
    /// pinned.
    fn verify(&self, file: usize, now: io::Result<FileIdentity>) -> io::Result<()> {
        let pinned = self.pinned.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(pinned) = pinned else { return Ok(()) };
        match now?.difference(&pinned[file]) {
            None => Ok(()),
            Some(how) => Err(io::Error::other(ReadError::Changed(self.path_of(file), how))),
        }
    }

    fn set_pinned(&self, pinned: Option<Vec<FileIdentity>>) {
        *self.pinned.write().unwrap_or_else(PoisonError::into_inner) = pinned.map(Into::into);
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

    fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let open = self.open(file)?;
        let read = open.read_exact_at(buffer, offset);
        // First, since it says more than that a file is too short.
        self.verify(file, FileIdentity::of_open(&open))?;
        read.map_err(|error| {
            io::Error::new(error.kind(), ReadError::Read(self.path_of(file), error))
        })
    }

    fn read_cached_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(open) = open_files::get(self.number, file) else { return Ok(false) };
        let length = buffer.len();
        let flags = ReadWriteFlags::NOWAIT;
        match preadv2(&open, &mut [IoSliceMut::new(buffer)], offset, flags) {
            Ok(read) if read == length => {}
            // Some of it is not in memory, or the file system cannot tell.
            Ok(_) | Err(_) => return Ok(false),
        }
        self.verify(file, FileIdentity::of_open_cached(&open))?;
        Ok(true)
    }

    fn pin(&self) -> io::Result<()> {
        open_files::forget(self.number);
        let examine = || {
            let paths = (0..self.files.len()).map(|file| self.path_of(file));
            paths.map(|path| FileIdentity::at(&path)).collect::<io::Result<Vec<_>>>()
        };
        let mut files = examine()?;
        for _ in 0..PIN_ATTEMPTS {
            let now = SystemTime::now();
            let wait = files.iter().map(|file| file.until_certain(now, TICKS)).max();
            match wait {
                None | Some(Duration::ZERO) => break,
                Some(wait) => sleep(wait),
            }
            files = examine()?;
        }
        // A file that grew has other bytes than its torrent, though the first are the same.
        for (index, (now, scanned)) in files.iter().zip(&self.files).enumerate() {
            if now.length != scanned.length {
                let how = "its length is another";
                return Err(io::Error::other(ReadError::Changed(self.path_of(index), how)));
            }
        }
        self.set_pinned(Some(files));
        Ok(())
    }

    fn identity(&self) -> io::Result<Option<Identity>> {
        Identity::of(&self.root, (0..self.files.len()).map(|file| self.path_of(file))).map(Some)
    }
}

impl Drop for DiskContent {
    fn drop(&mut self) {
        open_files::forget(self.number);
    }
}

/// Whether a name begins with a dot: such entries are not part of any content.
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
    let name = name.into_string().map_err(|_| ScanError::NotUtf8(path.to_owned()))?;
    if name.contains('\\') {
        return Err(ScanError::Backslash(path.to_owned()));
    }
    Ok(name)
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
    fn a_name_with_a_backslash_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("C:\\x"), "bytes").unwrap();
        let error = DiskContent::scan(root.path(), root.path()).unwrap_err();
        assert!(matches!(error, ScanError::Backslash(_)), "{error}");
    }

    /// A content of one file, `a`, and what a read of it gives, by either way to read.
    struct Pinned(tempfile::TempDir, DiskContent);

    impl Pinned {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("a"), "right").unwrap();
            let content = DiskContent::scan(&root.path().join("a"), root.path()).unwrap();
            content.pin().unwrap();
            let pinned = Self(root, content);
            assert_eq!(pinned.read(), Ok(*b"right"));
            pinned
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("a")
        }

        fn read(&self) -> Result<[u8; 5], String> {
            let mut bytes = [0; 5];
            let cached = self.1.read_cached_at(0, 0, &mut bytes).map_err(|e| e.to_string())?;
            if cached {
                assert_eq!(&bytes, b"right");
            }
            self.1.read_exact_at(0, 0, &mut bytes).map_err(|error| error.to_string())?;
            Ok(bytes)
        }

        #[track_caller]
        fn is_refused(&self, why: &str) {
            let error = self.read().unwrap_err();
            assert!(error.contains(&self.path().display().to_string()), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_pinned_file_that_is_overwritten_in_place_is_refused() {
        let pinned = Pinned::new();
        fs::write(pinned.path(), "WRONG").unwrap();
        pinned.is_refused("it was written to");
    }

    #[test]
    fn a_pinned_file_that_is_overwritten_with_its_time_restored_is_refused() {
        let pinned = Pinned::new();
        let before = fs::metadata(pinned.path()).unwrap().modified().unwrap();
        fs::write(pinned.path(), "WRONG").unwrap();
        let file = File::options().write(true).open(pinned.path()).unwrap();
        file.set_modified(before).unwrap();
        pinned.is_refused("it was written to, renamed");
    }

    #[test]
    fn a_write_in_the_tick_of_the_pin_is_refused_too() {
        // Each time anew the file is as young as can be when it is pinned.
        for _ in 0..30 {
            let pinned = Pinned::new();
            fs::write(pinned.path(), "WRONG").unwrap();
            pinned.is_refused("it was written to");
        }
    }

    #[test]
    fn a_pinned_file_in_whose_place_another_was_renamed_is_refused() {
        let pinned = Pinned::new();
        fs::write(pinned.0.path().join("new"), "WRONG").unwrap();
        fs::rename(pinned.0.path().join("new"), pinned.path()).unwrap();
        pinned.is_refused("renamed, linked or removed");
        // Also by one who has to open it anew.
        open_files::forget(pinned.1.number);
        pinned.is_refused("another file has taken its place");
    }

    #[test]
    fn a_pinned_file_that_is_truncated_or_removed_is_refused() {
        let pinned = Pinned::new();
        File::options().write(true).open(pinned.path()).unwrap().set_len(1).unwrap();
        pinned.is_refused("its length is another");
        fs::remove_file(pinned.path()).unwrap();
        open_files::forget(pinned.1.number);
        pinned.is_refused("No such file");
    }

    #[test]
    fn a_file_that_became_a_fifo_is_refused_without_waiting_for_a_writer() {
        let pinned = Pinned::new();
        fs::remove_file(pinned.path()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(pinned.path()).status().unwrap();
        assert!(made.success());
        open_files::forget(pinned.1.number);
        pinned.is_refused("not a regular file");
    }

    #[test]
    fn a_file_that_grew_is_refused_and_cannot_be_pinned_again() {
        let pinned = Pinned::new();
        fs::write(pinned.path(), "right and more").unwrap();
        pinned.is_refused("its length is another");
        let error = pinned.1.pin().unwrap_err().to_string();
        assert!(error.contains("its length is another"), "{error}");
        pinned.is_refused("its length is another");
    }

    #[test]
    fn what_was_pinned_again_is_read_again() {
        let pinned = Pinned::new();
        fs::write(pinned.path(), "other").unwrap();
        pinned.is_refused("it was written to");
        pinned.1.pin().unwrap();
        let mut bytes = [0; 5];
        pinned.1.read_exact_at(0, 0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"other");
    }

    #[test]
    fn nothing_but_empty_files_is_no_content() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("empty"), "").unwrap();
        let error = DiskContent::scan(&root.path().join("empty"), root.path()).unwrap_err();
        assert!(matches!(error, ScanError::Empty(_)), "{error}");
    }
}
