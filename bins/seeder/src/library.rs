//! The library: what a content directory has to seed, each entry one torrent.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use seedbed_metainfo::{Content as _, DiskContent, ScanError, is_hidden};

/// One file or folder, and the name under which it is found.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// The file's stem or the folder's name, unique in its library.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) content: DiskContent,
}

/// Why a directory is no library.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the content directory {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("wanted a content directory with at least one file, but {0} has none")]
    Nothing(PathBuf),
    #[error("failed to take in the content directory {0}")]
    Scan(PathBuf, #[source] ScanError),
}

/// Takes in every file and folder of `directory`, in the order of their names. Names that begin
/// with a dot are left out.
pub(crate) fn scan(directory: &Path) -> Result<Vec<Fixture>, Error> {
    let read = |error| Error::Read(directory.to_owned(), error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let entry = entry.map_err(read)?;
        if !is_hidden(&entry.file_name()) {
            paths.push(entry.path());
        }
    }
    if paths.is_empty() {
        return Err(Error::Nothing(directory.to_owned()));
    }
    paths.sort();
    let contents = paths
        .iter()
        .map(|path| DiskContent::scan(path, directory))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Scan(directory.to_owned(), error))?;
    Ok(named(contents))
}

/// A name is a file's stem; where two entries would share it, each keeps its whole name.
fn named(contents: Vec<DiskContent>) -> Vec<Fixture> {
    let mut sharing = BTreeMap::<_, usize>::new();
    for content in &contents {
        *sharing.entry(stem(content).to_owned()).or_default() += 1;
    }
    contents
        .into_iter()
        .map(|content| {
            let stem = stem(&content);
            let name = if sharing[stem] == 1 { stem } else { content.name() };
            Fixture { name: name.to_owned(), content }
        })
        .collect()
}

fn stem(content: &DiskContent) -> &str {
    let name = content.name();
    match name.rsplit_once('.') {
        Some((stem, _)) if content.is_single_file() && !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for entry in entries {
            let path = root.path().join(entry);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "bytes").unwrap();
        }
        scan(root.path()).unwrap().into_iter().map(|fixture| fixture.name).collect()
    }

    #[test]
    fn a_file_goes_by_its_stem_and_a_folder_by_its_name() {
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
            let error = scan(directory).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
            assert!(error.contains(&directory.display().to_string()), "{error}");
        }
    }
}
