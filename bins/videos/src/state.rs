//! What the output directory holds, so that a run with nothing to do reads no video.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::Video,
    lock::{Made, write_atomically},
};

/// What the names of all that is ours in an output directory start with, but for the videos.
pub(crate) const PREFIX: &str = ".seedbed-videos.";

/// The state of an output directory, by name of the video.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    #[serde(default)]
    video: BTreeMap<String, Stamp>,
}

/// A file as it was when its hash was last taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stamp {
    modified_ns: i64,
    made: Made,
}

/// What a file shows without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    length: u64,
    modified_ns: i64,
}

impl Look {
    /// Looks at a file; none where there is none.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self {
                length: metadata.len(),
                modified_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How a file stands to its catalog entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is untouched since its hash was taken.
    UpToDate(Made),
    /// It is what is wanted if its hash is one of these.
    Touched(Vec<Made>),
    /// It has to be made, since the catalog or the recipe changed, or the file cannot be right.
    Stale,
    /// There is none.
    Missing,
}

impl State {
    /// Reads the state of an output directory. One that is not there or broken is empty: it only
    /// saves work.
    #[must_use]
    pub fn read(out: &Path) -> Self {
        let text = fs::read_to_string(path(out)).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    /// Whether a file is the state of an output directory.
    pub(crate) fn is_file(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "toml")
    }

    /// Writes the state of an output directory.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: &Path) -> io::Result<()> {
        write_atomically(&path(out), &toml::to_string(self).map_err(io::Error::other)?)
    }

    /// Records that the file which looks so is `made`.
    pub fn record(&mut self, video: &Video, look: Look, made: Made) {
        let stamp = Stamp { modified_ns: look.modified_ns, made };
        self.video.insert(video.name.to_string(), stamp);
    }

    /// How a file that looks so stands to `video`.
    ///
    /// `locked` is the lock's entry. With `strict`, nothing but its hash will do.
    #[must_use]
    pub fn standing(
        &self,
        video: &Video,
        look: Option<Look>,
        locked: Option<&Made>,
        strict: bool,
    ) -> Standing {
        let Some(look) = look else { return Standing::Missing };
        let recipe = video.fingerprint();
        let possible = |made: &Made| {
            made.recipe == recipe
                && made.length == look.length
                && (!strict || locked.is_some_and(|locked| locked.sha256 == made.sha256))
        };
        let stamp = self.video.get(video.name.as_str()).filter(|stamp| possible(&stamp.made));
        if let Some(stamp) = stamp
            && stamp.modified_ns == look.modified_ns
        {
            return Standing::UpToDate(stamp.made.clone());
        }
        let candidates = stamp.map(|stamp| &stamp.made).into_iter().chain(locked);
        let candidates = candidates.filter(|made| possible(made)).cloned().collect::<Vec<_>>();
        if candidates.is_empty() { Standing::Stale } else { Standing::Touched(candidates) }
    }
}

fn path(out: &Path) -> PathBuf {
    out.join(format!("{PREFIX}toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::Catalog, lock::Hashes};

    const LOOK: Look = Look { length: 4, modified_ns: 100 };

    fn video() -> Video {
        let text = include_str!("../../../videos/catalog.toml");
        Catalog::parse(text).unwrap().videos.swap_remove(0)
    }

    fn made(content: &str) -> Made {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mp4");
        fs::write(&path, content).unwrap();
        Hashes::of_file(&path).unwrap().made(&video(), "an encoder".into())
    }

    fn state() -> State {
        let mut state = State::default();
        state.record(&video(), LOOK, made("this"));
        state
    }

    #[test]
    fn a_file_that_looks_as_recorded_is_up_to_date() {
        let standing = state().standing(&video(), Some(LOOK), None, false);
        assert_eq!(standing, Standing::UpToDate(made("this")));
    }

    #[test]
    fn a_file_of_another_time_is_hashed() {
        let look = Look { modified_ns: 101, ..LOOK };
        let standing = state().standing(&video(), Some(look), None, false);
        assert_eq!(standing, Standing::Touched(vec![made("this")]));
    }

    #[test]
    fn a_file_of_another_length_is_made_again() {
        let look = Look { length: 5, ..LOOK };
        assert_eq!(state().standing(&video(), Some(look), None, false), Standing::Stale);
    }

    #[test]
    fn a_file_of_another_entry_is_made_again() {
        let mut changed = video();
        changed.qp = 29.try_into().unwrap();
        assert_eq!(state().standing(&changed, Some(LOOK), None, false), Standing::Stale);
    }

    #[test]
    fn a_file_that_is_not_there_is_missing() {
        assert_eq!(state().standing(&video(), None, None, false), Standing::Missing);
    }

    #[test]
    fn a_file_from_elsewhere_may_be_the_one_of_the_lock() {
        let standing = State::default().standing(&video(), Some(LOOK), Some(&made("lock")), false);
        assert_eq!(standing, Standing::Touched(vec![made("lock")]));
        assert_eq!(State::default().standing(&video(), Some(LOOK), None, false), Standing::Stale);
    }

    #[test]
    fn strictly_only_the_hash_of_the_lock_will_do() {
        let of = |locked: &str| state().standing(&video(), Some(LOOK), Some(&made(locked)), true);
        assert_eq!(of("this"), Standing::UpToDate(made("this")));
        assert_eq!(of("that"), Standing::Touched(vec![made("that")]));
        assert_eq!(of("other"), Standing::Stale);
    }

    #[test]
    fn a_broken_state_is_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        state().write(directory.path()).unwrap();
        assert_eq!(State::read(directory.path()).video.len(), 1);
        fs::write(path(directory.path()), "video = 7").unwrap();
        assert!(State::read(directory.path()).video.is_empty());
    }
}
