//! `generate`: makes what is missing or changed, and nothing else.

use std::{
    collections::VecDeque,
    fs::{self, File, TryLockError},
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use seedbed_service::Shutdown;

use crate::{
    ConfigError,
    catalog::Video,
    encoder::{EncodeError, Ffmpeg},
    lock::{Hashes, Lock, Made},
    padding::{PadError, pad},
    probe::{self, ProbeError},
    progress::Progress,
    state::{Look, PREFIX, Standing, State},
};

/// How often a run that waits for another one looks again.
const POLL: Duration = Duration::from_millis(50);

/// What to make, from what, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// The videos.
    pub videos: Vec<Video>,
    /// Whether these are all of the catalog.
    pub whole_catalog: bool,
    /// The directory they go to.
    pub out: PathBuf,
    /// The lock file.
    pub lock: PathBuf,
    /// What the lock file is for.
    pub lock_mode: LockMode,
    /// How many are encoded at a time.
    pub jobs: NonZeroUsize,
    /// ffmpeg, a path or a name in PATH.
    pub ffmpeg: PathBuf,
    /// ffprobe, likewise.
    pub ffprobe: PathBuf,
}

/// What the lock file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Gets the entries that it lacks; one that differs is told.
    Fill,
    /// Is obeyed: a video that differs is an error.
    Obey,
    /// Is overwritten.
    Update,
}

/// Why not all videos are there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The output directory cannot be used.
    #[error("failed to use the output directory {}", .0.display())]
    Out(PathBuf, #[source] io::Error),
    /// The lock file cannot be used.
    #[error("failed to read the lock file {}", .0.display())]
    ReadLock(PathBuf, #[source] ConfigError),
    /// The lock file cannot be written.
    #[error("failed to write the lock file {}", .0.display())]
    WriteLock(PathBuf, #[source] io::Error),
    /// The lock file is to be obeyed and says nothing, or something outdated.
    #[error("{video} is not in the lock file {} as the catalog has it now", lock.display())]
    NotLocked {
        /// The video.
        video: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// A file that is there cannot be read.
    #[error(transparent)]
    Hash(#[from] seedbed_metainfo::Error),
    /// The encoder cannot be used.
    #[error(transparent)]
    Encoder(EncodeError),
    /// A video cannot be made.
    #[error("failed to generate {}", .0.display())]
    Make(PathBuf, #[source] MakeError),
    /// Shutdown was asked for.
    #[error("interrupted")]
    Interrupted,
}

/// Why a video cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// ffmpeg failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The encode does not fit the size.
    #[error(transparent)]
    Pad(#[from] PadError),
    /// ffprobe failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// What came out is not what was asked for.
    #[error("the encode is not what the catalog asks for: {0}")]
    Wrong(String),
    /// What came out cannot be hashed.
    #[error(transparent)]
    Hash(#[from] seedbed_metainfo::Error),
    /// What came out is not what the lock file has.
    #[error("{0}")]
    Differs(String),
}

/// Makes what is missing or changed, and says so on stdout.
///
/// # Errors
/// A video could not be made. Those that could be are there, and no other file has a video's name.
pub fn run(request: &Request, shutdown: &Shutdown) -> Result<(), Error> {
    let out_error = |error| Error::Out(request.out.clone(), error);
    let progress = Progress::default();
    fs::create_dir_all(&request.out).map_err(out_error)?;
    let _held_to_the_end = hold(&request.out, &progress, shutdown)?;
    sweep(&request.out).map_err(out_error)?;
    let read_lock =
        || Lock::read(&request.lock).map_err(|e| Error::ReadLock(request.lock.clone(), e));
    let lock = read_lock()?;
    if request.lock_mode == LockMode::Obey {
        for video in &request.videos {
            let locked = lock.video.get(video.name.as_str());
            if locked.is_none_or(|locked| locked.recipe != video.fingerprint()) {
                let (video, lock) = (video.name.to_string(), request.lock.clone());
                return Err(Error::NotLocked { video, lock });
            }
        }
    }

    let mut run = Run {
        request,
        lock: &lock,
        progress,
        shutdown,
        state: Mutex::new(State::read(&request.out)),
        there: Mutex::new(Vec::new()),
    };
    let wanted = run.wanted()?;
    let result = if wanted.is_empty() { Ok(()) } else { run.make_all(wanted) };

    // What is there is recorded even if another video failed.
    let there = std::mem::take(run.there.get_mut().unwrap_or_else(PoisonError::into_inner));
    let recorded = read_lock().and_then(|mut new_lock| {
        run.update(&mut new_lock, there);
        if new_lock == lock {
            return Ok(());
        }
        new_lock.write(&request.lock).map_err(|e| Error::WriteLock(request.lock.clone(), e))
    });
    result.and(recorded)
}

/// Holds the output directory for this run alone. The kernel lets go of it when the process ends,
/// however it ends.
fn hold(out: &Path, progress: &Progress, shutdown: &Shutdown) -> Result<File, Error> {
    let out_error = |error| Error::Out(out.to_owned(), error);
    let directory = File::open(out).map_err(out_error)?;
    let mut told = false;
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(directory),
            Err(TryLockError::Error(error)) => return Err(out_error(error)),
            Err(TryLockError::WouldBlock) if shutdown.is_cancelled() => {
                return Err(Error::Interrupted);
            }
            Err(TryLockError::WouldBlock) => {
                if !told {
                    progress.line(format_args!("waiting for another run in {}", out.display()));
                    told = true;
                }
                thread::sleep(POLL);
            }
        }
    }
}

/// Removes what runs that were killed left behind. Nobody else is at work: the directory is held.
fn sweep(out: &Path) -> io::Result<()> {
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if !State::is_file(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

struct Run<'a> {
    request: &'a Request,
    lock: &'a Lock,
    progress: Progress,
    shutdown: &'a Shutdown,
    state: Mutex<State>,
    /// The videos that are there, untouched or made.
    there: Mutex<Vec<(&'a Video, Made)>>,
}

impl<'a> Run<'a> {
    /// The videos that have to be made. Of the others, those that were touched are recorded anew.
    fn wanted(&self) -> Result<VecDeque<&'a Video>, Error> {
        let mut wanted = VecDeque::new();
        for video in &self.request.videos {
            if self.shutdown.is_cancelled() {
                return Err(Error::Interrupted);
            }
            let path = self.path(video);
            let out_error = |error| Error::Out(self.request.out.clone(), error);
            let look = Look::at(&path).map_err(out_error)?;
            let locked = self.lock.video.get(video.name.as_str());
            let strict = self.request.lock_mode == LockMode::Obey;
            let standing = lock(&self.state).standing(video, look, locked, strict);
            let made = match standing {
                Standing::UpToDate(made) => Some(made),
                Standing::Touched(candidates) => {
                    let hashes = Hashes::of_file(&path)?;
                    let made = candidates.into_iter().find(|made| made.sha256 == hashes.sha256);
                    if let Some(made) = &made {
                        self.record(video, made).map_err(out_error)?;
                    }
                    made
                }
                Standing::Stale | Standing::Missing => None,
            };
            match made {
                Some(made) => {
                    self.progress.line(format_args!(
                        "unchanged {} {} bytes sha256 {}",
                        video.name, made.length, made.sha256
                    ));
                    lock(&self.there).push((video, made));
                }
                None => wanted.push_back(video),
            }
        }
        Ok(wanted)
    }

    /// Makes videos, several at a time. After a failure no other is begun.
    fn make_all(&self, wanted: VecDeque<&'a Video>) -> Result<(), Error> {
        let ffmpeg = Ffmpeg::new(self.request.ffmpeg.clone(), self.shutdown.clone());
        let interrupted_or = |error| match self.shutdown.is_cancelled() {
            true => Error::Interrupted,
            false => error,
        };
        let encoder = ffmpeg.identify().map_err(|e| interrupted_or(Error::Encoder(e)))?;
        let workers = self.request.jobs.get().min(wanted.len());
        let queue = Mutex::new(wanted);
        let failure = Mutex::new(None);
        // A guard in the loop's head would be held while the video is made.
        let next = || lock(&queue).pop_front();
        let work = || {
            while let Some(video) = next() {
                if let Err(error) = self.make(video, &ffmpeg, &encoder) {
                    lock(&queue).clear();
                    let error = interrupted_or(Error::Make(self.path(video), error));
                    lock(&failure).get_or_insert(error);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(work);
            }
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Makes a video in a directory of its own, and gives it its name when it is right.
    fn make(&self, video: &'a Video, ffmpeg: &Ffmpeg, encoder: &str) -> Result<(), MakeError> {
        let begun = Instant::now();
        let bar = self.progress.begin(video);
        let scratch = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.request.out)?;
        let file_name = video.file_name();
        ffmpeg.encode(video, scratch.path(), &file_name, |frame| bar.frames(frame))?;
        let path = scratch.path().join(&file_name);
        let mut file = File::options().read(true).write(true).open(&path)?;
        if let Some(size) = video.size {
            pad(&mut file, size.get())?;
        }
        file.sync_all()?;
        let mismatches = probe::compare(&self.request.ffprobe, &path, video, self.shutdown)?;
        if !mismatches.is_empty() {
            return Err(MakeError::Wrong(probe::describe(&mismatches)));
        }
        let made = Hashes::of_file(&path)?.made(video, encoder.to_owned());
        if self.request.lock_mode == LockMode::Obey
            && let Some(difference) = self.difference(video, &made)
        {
            return Err(MakeError::Differs(difference));
        }
        fs::rename(&path, self.path(video))?;
        File::open(&self.request.out)?.sync_all()?;
        self.record(video, &made)?;
        drop(bar);
        self.progress.line(format_args!(
            "generated {} {} bytes sha256 {} in {:.1} s",
            video.name,
            made.length,
            made.sha256,
            begun.elapsed().as_secs_f64()
        ));
        lock(&self.there).push((video, made));
        Ok(())
    }

    /// Records that the file of a video is `made`.
    fn record(&self, video: &Video, made: &Made) -> io::Result<()> {
        let look = Look::at(&self.path(video))?.ok_or(io::ErrorKind::NotFound)?;
        let mut state = lock(&self.state);
        state.record(video, look, made.clone());
        state.write(&self.request.out)
    }

    fn path(&self, video: &Video) -> PathBuf {
        self.request.out.join(video.file_name())
    }

    /// How a video differs from what the lock file has of it.
    fn difference(&self, video: &Video, made: &Made) -> Option<String> {
        let locked = self.lock.video.get(video.name.as_str())?;
        if locked.sha256 == made.sha256 {
            return None;
        }
        let lock = self.request.lock.display();
        Some(if locked.recipe == made.recipe {
            format!(
                "wanted sha256 {} as in {lock} from {}, got {} from {}",
                locked.sha256, locked.encoder, made.sha256, made.encoder
            )
        } else {
            format!(
                "the catalog or the recipe changed since {lock} recorded sha256 {}; it is now {}",
                locked.sha256, made.sha256
            )
        })
    }

    /// Brings the lock file up to what is there, as far as the mode allows, and tells the rest.
    fn update(&self, new_lock: &mut Lock, there: Vec<(&Video, Made)>) {
        match self.request.lock_mode {
            LockMode::Obey => {}
            LockMode::Update => {
                if self.request.whole_catalog {
                    let videos = &self.request.videos;
                    new_lock
                        .video
                        .retain(|name, _| videos.iter().any(|v| v.name.as_str() == *name));
                }
                new_lock
                    .video
                    .extend(there.into_iter().map(|(v, made)| (v.name.to_string(), made)));
            }
            LockMode::Fill => {
                for (video, made) in there {
                    if let Some(difference) = self.difference(video, &made) {
                        self.progress.line(format_args!(
                            "differs {}: {difference}; the file is kept, --update-lock records it",
                            video.name
                        ));
                    }
                    new_lock.video.entry(video.name.to_string()).or_insert(made);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
