//! What the output directory holds, so that a run with nothing to do reads no video.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Video,
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

/// The files of a video as they were when their hashes were last taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stamp {
    look: Look,
    made: Made,
}

/// What the files of a video show without being read: each path's length and modification time in
/// nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Look(BTreeMap<String, (u64, i64)>);

impl Look {
    /// Looks at the files of a video in the directory `out`, its segments among them; none where
    /// the file or folder itself is not there.
    ///
    /// # Errors
    /// They cannot be looked at.
    pub fn at(video: &Video, out: &Path) -> io::Result<Option<Self>> {
        let mut look = Self::default();
        let root = video.root();
        look.add(out, root.clone())?;
        if look.0.is_empty() {
            return Ok(None);
        }
        if video.segment_seconds.is_some() {
            look.add(out, video.hls_root())?;
        }
        Ok(Some(look))
    }

    /// Adds the file, or all files of the folder, at `path` below `out`.
    fn add(&mut self, out: &Path, path: String) -> io::Result<()> {
        let metadata = match fs::metadata(out.join(&path)) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            for entry in fs::read_dir(out.join(&path))? {
                let name = entry?.file_name();
                self.add(out, format!("{path}/{}", name.to_string_lossy()))?;
            }
        } else {
            let modified_ns = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
            self.0.insert(path, (metadata.len(), modified_ns));
        }
        Ok(())
    }

    /// Length of what is seeded.
    fn length(&self) -> u64 {
        let files = self.0.iter().filter(|(path, _)| !path.starts_with('.'));
        files.map(|(_, (length, _))| length).sum()
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
        let stamp = Stamp { look, made };
        self.video.insert(video.name.to_string(), stamp);
    }

    /// Forgets a video.
    pub(crate) fn forget(&mut self, video: &Video) {
        self.video.remove(video.name.as_str());
    }

    /// How files that look so stand to `video`.
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
                && made.length == look.length()
                && (!strict || locked.is_some_and(|locked| locked.sha256 == made.sha256))
        };
        let stamp = self.video.get(video.name.as_str()).filter(|stamp| possible(&stamp.made));
        if let Some(stamp) = stamp
            && stamp.look == look
        {
            return Standing::UpToDate(stamp.made.clone());
        }
        let candidates = stamp.map(|stamp| &stamp.made).into_iter().chain(locked);
        let candidates = candidates.filter(|made| possible(made)).cloned().collect::<Vec<_>>();
        if candidates.is_empty() { Standing::Stale } else { Standing::Touched(candidates) }
    }
}

/// The file of the state of an output directory.
pub(crate) fn path(out: &Path) -> PathBuf {
    out.join(format!("{PREFIX}toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::Catalog, lock::Hashes};

    fn look(length: u64, modified_ns: i64) -> Look {
        Look(BTreeMap::from([(video().root(), (length, modified_ns))]))
    }

    fn video() -> Video {
        let text = include_str!("../../../videos/catalog.toml");
        let mut video = Catalog::parse(text).unwrap().videos.swap_remove(0);
        video.segment_seconds = None;
        video
    }

    fn made(content: &str) -> Made {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(video().root()), content).unwrap();
        let hashes = Hashes::of(&video(), directory.path()).unwrap();
        hashes.made(&video(), "an encoder".into(), BTreeMap::new())
    }

    fn state() -> State {
        let mut state = State::default();
        state.record(&video(), look(4, 100), made("this"));
        state
    }

    #[test]
    fn a_file_that_looks_as_recorded_is_up_to_date() {
        let standing = state().standing(&video(), Some(look(4, 100)), None, false);
        assert_eq!(standing, Standing::UpToDate(made("this")));
    }

    #[test]
    fn a_file_of_another_time_is_hashed() {
        let look = look(4, 101);
        let standing = state().standing(&video(), Some(look), None, false);
        assert_eq!(standing, Standing::Touched(vec![made("this")]));
    }

    #[test]
    fn a_file_of_another_length_is_made_again() {
        let look = look(5, 100);
        assert_eq!(state().standing(&video(), Some(look), None, false), Standing::Stale);
    }

    #[test]
    fn a_file_of_another_entry_is_made_again() {
        let mut changed = video();
        changed.seconds = 29.try_into().unwrap();
        assert_eq!(state().standing(&changed, Some(look(4, 100)), None, false), Standing::Stale);
    }

    #[test]
    fn a_file_that_is_not_there_is_missing() {
        assert_eq!(state().standing(&video(), None, None, false), Standing::Missing);
    }

    #[test]
    fn a_file_from_elsewhere_may_be_the_one_of_the_lock() {
        let standing =
            State::default().standing(&video(), Some(look(4, 100)), Some(&made("lock")), false);
        assert_eq!(standing, Standing::Touched(vec![made("lock")]));
        assert_eq!(
            State::default().standing(&video(), Some(look(4, 100)), None, false),
            Standing::Stale
        );
    }

    #[test]
    fn strictly_only_the_hash_of_the_lock_will_do() {
        let of = |locked: &str| {
            state().standing(&video(), Some(look(4, 100)), Some(&made(locked)), true)
        };
        assert_eq!(of("this"), Standing::UpToDate(made("this")));
        assert_eq!(of("that"), Standing::Touched(vec![made("that")]));
        assert_eq!(of("other"), Standing::Stale);
    }

    #[test]
    fn every_file_of_a_folder_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let mut video = video();
        video.episodes = Some(2.try_into().unwrap());
        assert_eq!(Look::at(&video, directory.path()).unwrap(), None);
        let folder = directory.path().join(video.root());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "12").unwrap();
        let before = Look::at(&video, directory.path()).unwrap().unwrap();
        fs::write(folder.join("b"), "345").unwrap();
        let after = Look::at(&video, directory.path()).unwrap().unwrap();
        assert_ne!(before, after);
        assert_eq!((before.length(), after.length()), (2, 5));
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
