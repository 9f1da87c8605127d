//! The library: the list of sources to seed, each of which becomes one torrent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use seedbed_metainfo::{
    Content, DiskContent, InvalidSynthetic, ScanError, SyntheticContent, is_hidden,
};

use crate::synthetic::{self, Synthetic};

/// The source of a torrent's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file or folder, by its path below the content directory.
    Path(PathBuf),
    /// Content that needs no disk.
    Synthetic(Synthetic),
}

/// A source that was opened, and the name of its torrent.
pub(crate) struct Fixture {
    /// The file's stem or the folder's name, or the whole name if others share the stem.
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) content: Arc<dyn Content>,
}

/// Why a source, or all of them, cannot be seeded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the content directory {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("wanted a content directory with at least one file, but {0} has none")]
    Nothing(PathBuf),
    #[error("failed to scan the content directory {0}")]
    Scan(PathBuf, #[source] ScanError),
    #[error("failed to read the spec {0}")]
    Spec(PathBuf, #[source] io::Error),
    #[error("wanted at least one line that is no comment, but {0} has none")]
    NothingListed(PathBuf),
    #[error("line {line} of {spec}")]
    Line { spec: PathBuf, line: usize, source: synthetic::InvalidSynthetic },
    #[error("wanted a relative path without .. and without names that begin with a dot, got {0}")]
    Path(PathBuf),
    #[error("wanted synthetic content, since there is no content directory, got a path")]
    NoDirectory,
    #[error("no such file or folder: {0}")]
    Missing(PathBuf),
    #[error("wanted a file or folder that can be seeded")]
    Content(#[source] ScanError),
    #[error(transparent)]
    Synthetic(#[from] InvalidSynthetic),
    #[error("wanted at most {} bytes of synthetic content, got {size}", synthetic::LARGEST)]
    TooLarge { size: u64 },
    #[error("wanted names that differ, got {0} twice")]
    SameName(String),
}

/// The content directory, and the other sources.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Directory whose files and folders are seeded.
    pub directory: Option<PathBuf>,
    /// File that lists what to seed instead of the whole directory.
    pub spec: Option<PathBuf>,
    /// Content that needs no disk.
    pub synthetic: Vec<Synthetic>,
}

impl Library {
    /// All sources to seed from the start.
    pub(crate) fn fixtures(&self) -> Result<Vec<Fixture>, Error> {
        let mut sources = match (&self.spec, &self.directory) {
            (Some(spec), _) => read_spec(spec)?,
            (None, Some(directory)) => entries(directory)?,
            (None, None) => Vec::new(),
        };
        sources.extend(self.synthetic.iter().cloned().map(Source::Synthetic));
        let named = |error| match (error, &self.directory) {
            (Error::Content(error), Some(directory)) => Error::Scan(directory.clone(), error),
            (error, _) => error,
        };
        let open = |source: Source| self.open(&source).map(|content| (content, source));
        let opened = sources.into_iter().map(open).collect::<Result<_, _>>();
        self::named(opened.map_err(named)?)
    }

    /// Opens a source.
    pub(crate) fn open(&self, source: &Source) -> Result<Arc<dyn Content>, Error> {
        match source {
            Source::Path(path) => {
                let directory = self.directory.as_ref().ok_or(Error::NoDirectory)?;
                if !is_below(path) {
                    return Err(Error::Path(path.clone()));
                }
                let whole = directory.join(path);
                if !whole.exists() {
                    return Err(Error::Missing(path.clone()));
                }
                Ok(Arc::new(DiskContent::scan(&whole, directory).map_err(Error::Content)?))
            }
            Source::Synthetic(Synthetic { size, .. }) if *size > synthetic::LARGEST => {
                Err(Error::TooLarge { size: *size })
            }
            Source::Synthetic(Synthetic { name, size, seed }) => {
                Ok(Arc::new(SyntheticContent::new(name, *size, *seed)?))
            }
        }
    }
}

/// Whether a path is relative, has no `..`, and no component that is hidden.
fn is_below(path: &Path) -> bool {
    let is_plain = |part| matches!(part, Component::Normal(name) if !is_hidden(name));
    path.components().next().is_some() && path.components().all(is_plain)
}

/// Lists the files and folders of `directory` in the order of their names, without those whose
/// names begin with a dot.
fn entries(directory: &Path) -> Result<Vec<Source>, Error> {
    let read = |error| Error::Read(directory.to_owned(), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        if !is_hidden(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(Error::Nothing(directory.to_owned()));
    }
    names.sort();
    Ok(names.into_iter().map(|name| Source::Path(name.into())).collect())
}

/// Reads a spec: one source a line, a path or `synthetic NAME=SIZE[,seed=N]`. Empty lines and lines
/// that begin with `#` are ignored.
fn read_spec(spec: &Path) -> Result<Vec<Source>, Error> {
    let text = fs::read_to_string(spec).map_err(|error| Error::Spec(spec.to_owned(), error))?;
    let lines = text.lines().map(str::trim).enumerate();
    let sources: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| match line.strip_prefix("synthetic ") {
            None => Ok(Source::Path(line.into())),
            Some(synthetic) => {
                let parsed = synthetic.trim().parse().map(Source::Synthetic);
                parsed.map_err(|source| Error::Line {
                    spec: spec.to_owned(),
                    line: index + 1,
                    source,
                })
            }
        })
        .collect::<Result<_, _>>()?;
    if sources.is_empty() {
        return Err(Error::NothingListed(spec.to_owned()));
    }
    Ok(sources)
}

/// Names each content by its file's stem, or by its whole name if another one shares the stem.
fn named(contents: Vec<(Arc<dyn Content>, Source)>) -> Result<Vec<Fixture>, Error> {
    let mut sharing = BTreeMap::<_, usize>::new();
    for (content, _) in &contents {
        *sharing.entry(stem(&**content).to_owned()).or_default() += 1;
    }
    let mut names = BTreeSet::new();
    contents
        .into_iter()
        .map(|(content, source)| {
            let stem = stem(&*content);
            let name = if sharing[stem] == 1 { stem } else { content.name() }.to_owned();
            if !names.insert(name.clone()) {
                return Err(Error::SameName(name));
            }
            Ok(Fixture { name, source, content })
        })
        .collect()
}

/// A file's name without its extension, or a folder's name.
pub(crate) fn stem(content: &dyn Content) -> &str {
    let name = content.name();
    match name.rsplit_once('.') {
        Some((stem, _)) if content.is_single_file() && !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(entries: &[&str]) -> (tempfile::TempDir, Library) {
        let root = tempfile::tempdir().unwrap();
        for entry in entries {
            let path = root.path().join(entry);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "bytes").unwrap();
        }
        let directory = Some(root.path().to_owned());
        (root, Library { directory, ..Library::default() })
    }

    fn names_of(library: &Library) -> Vec<String> {
        library.fixtures().unwrap().into_iter().map(|fixture| fixture.name).collect()
    }

    fn names(entries: &[&str]) -> Vec<String> {
        names_of(&library(entries).1)
    }

    fn failure(library: &Library) -> String {
        library.fixtures().err().expect("it has no fixtures").to_string()
    }

    #[test]
    fn a_file_is_named_by_its_stem_and_a_folder_by_its_name() {
        assert_eq!(
            names(&["b.mp4", "a.v1/x", "noext", "c.tar.gz"]),
            ["a.v1", "b", "c.tar", "noext"]
        );
    }

    #[test]
    fn files_that_share_a_stem_keep_their_whole_names() {
        assert_eq!(names(&["a.mp4", "a.srt", "b.mp4"]), ["a.mp4", "a.srt", "b"]);
    }

    #[test]
    fn hidden_entries_are_left_out() {
        assert_eq!(names(&[".state", "a.mp4", ".partial.mp4"]), ["a"]);
    }

    #[test]
    fn a_directory_that_is_missing_or_empty_is_named() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        for (directory, wanted) in [(missing.as_path(), "failed to read"), (root.path(), "wanted")]
        {
            let library = Library { directory: Some(directory.into()), ..Library::default() };
            let error = failure(&library);
            assert!(error.starts_with(wanted), "{error}");
            assert!(error.contains(&directory.display().to_string()), "{error}");
        }
    }

    #[test]
    fn a_spec_lists_entries_of_the_directory_and_synthetic_content() {
        let (root, mut library) = library(&["a.mp4", "b.mp4", "sub/c.mp4"]);
        let spec = root.path().join(".spec");
        fs::write(&spec, "# mine\n\nsub/c.mp4\nsynthetic big.bin=1KiB,seed=7\na.mp4\n").unwrap();
        library.spec = Some(spec.clone());
        assert_eq!(names_of(&library), ["c", "big", "a"]);
        fs::write(&spec, "a.mp4\nsynthetic big\n").unwrap();
        assert!(failure(&library).starts_with("line 2 of "), "{}", failure(&library));
        fs::write(&spec, "# nothing\n").unwrap();
        assert!(failure(&library).contains("wanted at least one line"));
    }

    #[test]
    fn a_path_that_leaves_the_directory_or_is_hidden_is_refused_by_name() {
        let (root, library) = library(&["a.mp4", ".hidden/b", "sub/.c"]);
        for wrong in ["../a.mp4", "/etc/passwd", "", ".", "a/../../b", ".hidden/b", "sub/.c"] {
            let error = library.open(&Source::Path(wrong.into())).err().unwrap();
            assert!(matches!(error, Error::Path(_)), "{wrong}: {error}");
        }
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("link")).unwrap();
        let error = library.open(&Source::Path("link".into())).err().unwrap();
        assert!(matches!(error, Error::Content(ScanError::LinkLeaves(..))), "{error}");
        let error = library.open(&Source::Path("nothing".into())).err().unwrap();
        assert_eq!(error.to_string(), "no such file or folder: nothing");
    }

    #[test]
    fn two_sources_of_one_name_are_refused() {
        let (_root, mut library) = library(&["a.mp4"]);
        library.synthetic = vec!["a.mp4=1KiB".parse().unwrap()];
        assert_eq!(failure(&library), "wanted names that differ, got a.mp4 twice");
    }

    #[test]
    fn synthetic_content_is_no_larger_than_its_limit() {
        let synthetic = vec![Synthetic { name: "a".into(), size: synthetic::LARGEST + 1, seed: 0 }];
        let library = Library { synthetic, ..Library::default() };
        assert!(failure(&library).contains("68719476736"), "{}", failure(&library));
    }
}
