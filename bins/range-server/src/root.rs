//! The one directory that is served, and the way into it.
//!
//! A path is first taken apart as text ([`RelativePath`]), then opened below the root by
//! `cap-std`, which lets the kernel refuse what leads out of it (`openat2` with
//! `RESOLVE_BENEATH`; step by step where that is missing). There is no check that could be
//! overtaken: what the open file is, `fstat` says.

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

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt as _},
};
use percent_encoding::percent_decode_str;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, fstat, openat2, stat},
    io::Errno,
};

use crate::{blocks::Version, validators::Fingerprint};

/// The path of a file below the root: neither empty, nor hidden, nor on its way upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath(PathBuf);

impl RelativePath {
    /// Parses the path of a request target.
    ///
    /// None if it cannot name a file that is served: an empty segment, one that starts with a dot
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
/// Its path is looked at anew at each use: a directory that was removed and made again is found.
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

/// Why there is no such file to serve.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none, or nothing that is served: a directory, a device, a way out of the root.
    #[error("no such file")]
    NotFound,
    /// The server may not read it.
    #[error("the server may not read this file")]
    Forbidden,
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
    /// None if it is no regular file.
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
    /// It is missing, is no directory or cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RootError> {
        let root = Self { path: path.into(), known: Arc::default() };
        root.check()?;
        Ok(root)
    }

    /// Whether it still can be read.
    ///
    /// # Errors
    /// As for [`Root::open`].
    pub fn check(&self) -> Result<(), RootError> {
        match self.dir().and_then(|dir| dir.entries()) {
            Ok(_) => Ok(()),
            Err(source) => Err(RootError { path: self.path.clone(), source }),
        }
    }

    /// Opens a file. This blocks.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn file(&self, path: &RelativePath) -> Result<OpenFile, FileError> {
        let mut options = OpenOptions::new();
        // A named pipe without a writer must not hold us up.
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = self.dir()?.open_with(path.as_path(), &options)?.into_std();
        OpenFile::new(path, file)?.ok_or(FileError::NotFound)
    }

    /// Opens a file whose path the kernel has in memory. This does not block.
    ///
    /// None says nothing: there may be a file, and [`Root::file`] knows.
    #[must_use]
    pub fn file_at_hand(&self, path: &RelativePath) -> Option<OpenFile> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::CACHED;
        let dir = self.dir_at_hand()?;
        let file = openat2(&*dir, path.as_path(), flags, Mode::empty(), resolve).ok()?;
        OpenFile::new(path, file.into()).ok()?
    }

    /// What lies directly in it and is not hidden, by name. This blocks.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn entries(&self) -> io::Result<Vec<RelativePath>> {
        let mut names = Vec::new();
        for entry in self.dir()?.entries()? {
            names.extend(RelativePath::segment(entry?.file_name().into_vec()));
        }
        names.sort();
        Ok(names.into_iter().map(|name| RelativePath(name.into())).collect())
    }

    /// The directory that lies at the path now, opened when it was first seen there.
    fn dir_at_hand(&self) -> Option<Arc<OwnedFd>> {
        let now = stat(&self.path).ok()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known
            && (known.device, known.inode) == (now.st_dev, now.st_ino)
        {
            return Some(Arc::clone(&known.dir));
        }
        let dir =
            rustix::fs::open(&self.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let opened = fstat(&dir).ok()?;
        let dir = Arc::new(dir);
        let (device, inode) = (opened.st_dev, opened.st_ino);
        *known = Some(KnownDir { device, inode, dir: Arc::clone(&dir) });
        Some(dir)
    }

    fn dir(&self) -> io::Result<Dir> {
        Dir::open_ambient_dir(&self.path, ambient_authority())
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::ACCESS) => Self::Forbidden,
            // No errno: cap-std saw a way out of the root.
            None
            | Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO) => {
                Self::NotFound
            }
            Some(_) => Self::Io(error),
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
            assert!(root.file_at_hand(&path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_missing_root_is_named() {
        let error = Root::open("/does/not/exist").unwrap_err();
        assert_eq!(error.to_string(), "failed to open the directory /does/not/exist");
        assert!(Root::open(file!()).is_err());
    }
}
