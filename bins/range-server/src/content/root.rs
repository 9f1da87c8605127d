//! The one directory that is served, and the way into it.
//!
//! A path is first parsed as text ([`RelativePath`]), then opened below the root by `openat2` with
//! `RESOLVE_BENEATH` (Linux 5.6): the kernel refuses what leads out of the root. There is no check
//! that a change could overtake: `fstat` says what the open file is.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use percent_encoding::percent_decode_str;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, fstat, openat2, stat},
    io::Errno,
};

use super::{blocks::Version, fingerprint::Fingerprint};

/// How often to try again to open a file whose path changes while the kernel follows it.
const ATTEMPTS: usize = 16;

/// The path of a file below the root: neither empty, nor hidden, nor on its way upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath(PathBuf);

impl RelativePath {
    /// Parses the path of a request target.
    ///
    /// Returns `None` if it cannot name a file that is served: an empty segment, one that starts with a dot
    /// (hidden files, `.` and `..`), or one that decodes to a slash, a backslash or NUL.
    #[must_use]
    pub fn from_uri(path: &str) -> Option<Self> {
        path.strip_prefix('/')?
            .split('/')
            .map(|segment| Self::segment(percent_decode_str(segment).collect()))
            .collect::<Option<PathBuf>>()
            .map(Self)
    }

    /// Parses what follows `/hls/` in a request target: it lies in the directory `.hls`.
    #[must_use]
    pub fn of_hls(path: &str) -> Option<Self> {
        Some(Self(Path::new(".hls").join(Self::from_uri(&format!("/{path}"))?.0)))
    }

    fn segment(name: Vec<u8>) -> Option<OsString> {
        let refused = name.is_empty()
            || name.starts_with(b".")
            || name.iter().any(|byte| [b'/', b'\\', 0].contains(byte));
        (!refused).then(|| OsString::from_vec(name))
    }

    /// As a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// The directory that is served.
///
/// Its path is looked up at each use, so that a directory that was removed and made again is found.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    known: Arc<Mutex<Option<KnownDir>>>,
}

/// The directory as it was found last.
#[derive(Debug)]
struct KnownDir {
    device: u64,
    inode: u64,
    dir: Arc<OwnedFd>,
}

/// A directory cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("failed to open the directory {}", path.display())]
pub struct RootError {
    path: PathBuf,
    source: io::Error,
}

/// Why there is no file to serve.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none, or nothing that is served: a directory, a device, a way out of the root.
    #[error("no such file")]
    NotFound,
    /// The server may not read it.
    #[error("the server may not read this file")]
    Forbidden,
    /// It is being written to all the time, so that no state of it can be told from the next.
    #[error("the file keeps changing")]
    KeepsChanging,
    /// The system failed.
    #[error("failed to open the file")]
    Io(#[source] io::Error),
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// Where it lies.
    pub path: RelativePath,
    /// The file.
    pub file: File,
    /// What it was when it was opened.
    pub version: Version,
}

impl OpenFile {
    /// `None` if it is no regular file.
    fn new(path: &RelativePath, file: File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        let fingerprint = Fingerprint::of(&metadata);
        let version = Version { device: metadata.dev(), fingerprint };
        Ok(metadata.is_file().then(|| Self { path: path.clone(), file, version }))
    }
}

impl Root {
    /// The directory at `path`.
    ///
    /// # Errors
    /// It is missing, is no directory or cannot be read, or the system has no `openat2`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RootError> {
        let root = Self { path: path.into(), known: Arc::default() };
        root.check()?;
        Ok(root)
    }

    /// Checks that it can still be read.
    ///
    /// # Errors
    /// As for [`Root::open`].
    pub fn check(&self) -> Result<(), RootError> {
        let check = || {
            std::fs::read_dir(&self.path)?;
            self.open_below(Path::new("."), ResolveFlags::empty())
        };
        check().map(|_| ()).map_err(|source| RootError { path: self.path.clone(), source })
    }

    /// Opens a file. This blocks.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn file(&self, path: &RelativePath) -> Result<OpenFile, FileError> {
        let mut attempt = 1;
        let file = loop {
            match self.open_below(path.as_path(), ResolveFlags::empty()) {
                Err(error) if is_again(&error) && attempt < ATTEMPTS => attempt += 1,
                opened => break opened?,
            }
        };
        OpenFile::new(path, file)?.ok_or(FileError::NotFound)
    }

    /// Opens a file whose path the kernel has in memory. This does not block.
    ///
    /// `None` does not mean that there is no file: [`Root::file`] tells.
    #[must_use]
    pub fn file_if_cached(&self, path: &RelativePath) -> Option<OpenFile> {
        let file = self.open_below(path.as_path(), ResolveFlags::CACHED).ok()?;
        OpenFile::new(path, file).ok()?
    }

    /// Lists the files that lie directly in it and are not hidden, by name. This blocks.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn entries(&self) -> io::Result<Vec<RelativePath>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(RelativePath::segment(entry?.file_name().into_vec()));
        }
        names.sort();
        Ok(names.into_iter().map(|name| RelativePath(name.into())).collect())
    }

    /// Opens what lies at `path`, and nothing out of the root.
    fn open_below(&self, path: &Path, resolve: ResolveFlags) -> io::Result<File> {
        // A named pipe without a writer must not hold the server up.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = resolve | ResolveFlags::BENEATH;
        Ok(openat2(&*self.dir()?, path, flags, Mode::empty(), resolve)?.into())
    }

    /// The directory that lies at the path now, opened when it was first seen there.
    fn dir(&self) -> io::Result<Arc<OwnedFd>> {
        let now = stat(&self.path)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known
            && (known.device, known.inode) == (now.st_dev, now.st_ino)
        {
            return Ok(Arc::clone(&known.dir));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&self.path, flags, Mode::empty())?;
        let opened = fstat(&dir)?;
        let dir = Arc::new(dir);
        let (device, inode) = (opened.st_dev, opened.st_ino);
        *known = Some(KnownDir { device, inode, dir: Arc::clone(&dir) });
        Ok(dir)
    }
}

/// Whether a directory on the way was moved while the kernel followed the path.
fn is_again(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::AGAIN)
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::ACCESS) => Self::Forbidden,
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::NXIO
                // The path leads out of the root.
                | Errno::XDEV,
            ) => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn parse(path: &str) -> Option<PathBuf> {
        RelativePath::from_uri(path).map(|path| path.0)
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(parse("/a/b.mp4"), Some("a/b.mp4".into()));
        assert_eq!(parse("/a%20b%25.mp4"), Some("a b%.mp4".into()));
        assert_eq!(parse("/%252e%252e/x"), Some("%2e%2e/x".into()));
        assert_eq!(parse("/100%"), Some("100%".into()));
    }

    #[test]
    fn no_segment_is_empty_hidden_upward_or_holds_a_separator() {
        for path in [
            "",
            "a",
            "*",
            "/",
            "//",
            "//a",
            "/a/",
            "/a//b",
            "/.",
            "/..",
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/.hidden",
            "/a/.hidden",
            "/a%2fb",
            "/a%2Fb",
            "/..%2fa",
            "/a\\b",
            "/..%5ca",
            "/a%00",
            "/a%00.mp4",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_symlink_is_followed_inside_the_root_and_not_out_of_it() {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("root");
        std::fs::create_dir_all(inside.join("deep")).unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::fs::write(inside.join("file"), "content").unwrap();
        symlink("../file", inside.join("deep/good")).unwrap();
        symlink("../secret", inside.join("relative")).unwrap();
        symlink(outside.path().join("secret"), inside.join("absolute")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        symlink("loop", inside.join("loop")).unwrap();
        symlink("/proc/self/root", inside.join("magic")).unwrap();
        let root = Root::open(&inside).unwrap();
        let file = |path| root.file(&RelativePath::from_uri(path).unwrap());
        assert_eq!(file("/deep/good").unwrap().version.fingerprint.length(), 7);
        for path in ["/relative", "/absolute", "/up/secret", "/loop", "/magic/etc/passwd", "/deep"]
        {
            assert!(matches!(file(path), Err(FileError::NotFound)), "{path}: {:?}", file(path));
            let path = RelativePath::from_uri(path).unwrap();
            assert!(root.file_if_cached(&path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_missing_root_is_named() {
        let error = Root::open("/does/not/exist").unwrap_err();
        assert_eq!(error.to_string(), "failed to open the directory /does/not/exist");
        assert!(Root::open(file!()).is_err());
    }
}
