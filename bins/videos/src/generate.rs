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
    ConfigError, MakeError, Video,
    encoder::{EncodeError, Ffmpeg, Identity},
    lock::{self, Hashes, Lock, Made},
    making::{self, Tools},
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

/// What a run that succeeded came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many videos were right already.
    pub unchanged: usize,
    /// How many there are.
    pub of: usize,
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

/// Makes what is missing or changed, and says on stdout what it makes.
///
/// # Errors
/// A video could not be made. Those that could be are there, and no other file has a video's name.
pub fn run(request: &Request, shutdown: &Shutdown) -> Result<Outcome, Error> {
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
    let of = request.videos.len();
    let outcome = Outcome { unchanged: of - wanted.len(), of };
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
    result.and(recorded).map(|()| outcome)
}

/// Holds the output directory for this run alone. The kernel lets go of it when the process ends,
/// however it ends.
pub(crate) fn hold(out: &Path, progress: &Progress, shutdown: &Shutdown) -> Result<File, Error> {
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
pub(crate) fn sweep(out: &Path) -> io::Result<()> {
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

/// What is to be done.
enum Job<'a> {
    Make(&'a Video),
    /// The file is right, the segments are not.
    Segment(&'a Video, Made),
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
    fn wanted(&self) -> Result<VecDeque<Job<'a>>, Error> {
        let mut wanted = VecDeque::new();
        for video in &self.request.videos {
            if self.shutdown.is_cancelled() {
                return Err(Error::Interrupted);
            }
            let out_error = |error| Error::Out(self.request.out.clone(), error);
            let look = Look::at(video, &self.request.out).map_err(out_error)?;
            let locked = self.lock.video.get(video.name.as_str());
            let strict = self.request.lock_mode == LockMode::Obey;
            let standing = guard(&self.state).standing(video, look, locked, strict);
            match standing {
                Standing::UpToDate(made) => guard(&self.there).push((video, made)),
                Standing::Touched(candidates) => {
                    let hashes = Hashes::of(video, &self.request.out)?;
                    let same = |made: &&Made| made.sha256 == hashes.sha256;
                    match candidates.iter().find(same) {
                        None => wanted.push_back(Job::Make(video)),
                        Some(made) if hashes.are_of(made) => {
                            self.record(video, made).map_err(out_error)?;
                            guard(&self.there).push((video, made.clone()));
                        }
                        Some(made) => wanted.push_back(Job::Segment(video, made.clone())),
                    }
                }
                Standing::Stale | Standing::Missing => wanted.push_back(Job::Make(video)),
            }
        }
        Ok(wanted)
    }

    /// Makes videos, several at a time. After a failure no other is begun.
    fn make_all(&self, wanted: VecDeque<Job<'a>>) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let ffmpeg = Ffmpeg::new(self.request.ffmpeg.clone(), shutdown.clone());
        let interrupted_or = |error| match self.shutdown.is_cancelled() {
            true => Error::Interrupted,
            false => error,
        };
        let encoder = ffmpeg.identify().map_err(|e| interrupted_or(Error::Encoder(e)))?;
        let tools = Tools { ffmpeg, ffprobe: self.request.ffprobe.clone(), shutdown };
        let workers = self.request.jobs.get().min(wanted.len());
        let queue = Mutex::new(wanted);
        let failure = Mutex::new(None);
        // A guard in the loop's head would be held while the video is made.
        let next = || guard(&queue).pop_front();
        let work = || {
            while let Some(job) = next() {
                let (Job::Make(video) | Job::Segment(video, _)) = job;
                if let Err(error) = self.make(&job, &tools, &encoder) {
                    guard(&queue).clear();
                    let error = interrupted_or(Error::Make(self.path(video), error));
                    guard(&failure).get_or_insert(error);
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
    fn make(&self, job: &Job<'a>, tools: &Tools, encoder: &Identity) -> Result<(), MakeError> {
        let begun = Instant::now();
        let (Job::Make(video) | Job::Segment(video, _)) = *job;
        let out = &self.request.out;
        let bar = self.progress.begin(video);
        let scratch = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out)?;
        let scratch = scratch.path();
        let (layers, source) = match job {
            Job::Make(_) => (tools.make(video, scratch, |frame| bar.frames(frame))?, scratch),
            Job::Segment(_, made) => (made.layers.clone(), out.as_path()),
        };
        if video.segment_seconds.is_some() {
            tools.segment(video, &source.join(video.root()), scratch)?;
        }
        let made = match job {
            Job::Make(_) => Hashes::of(video, scratch)?.made(video, encoder.of(video), layers),
            Job::Segment(_, made) => Made { hls: Hashes::hls_of(video, scratch)?, ..made.clone() },
        };
        if self.request.lock_mode == LockMode::Obey
            && let Some(difference) = self.difference(video, &made)
        {
            return Err(MakeError::Differs(difference));
        }
        // The segments come first: with them in place and not the file, the entry is made again.
        if video.segment_seconds.is_some() {
            let (hls, aside) = (video.hls_root(), scratch.join("old-segments"));
            making::put(&scratch.join(&hls), &out.join(&hls), &aside)?;
        }
        if matches!(job, Job::Make(_)) {
            making::put(&scratch.join(video.root()), &self.path(video), &scratch.join("old"))?;
        }
        File::open(out)?.sync_all()?;
        self.record(video, &made)?;
        drop(bar);
        self.progress.line(format_args!(
            "generated {} {} bytes sha256 {} in {:.1} s",
            video.name,
            made.length,
            made.sha256,
            begun.elapsed().as_secs_f64()
        ));
        guard(&self.there).push((video, made));
        Ok(())
    }

    /// Records that the file of a video is `made`.
    fn record(&self, video: &Video, made: &Made) -> io::Result<()> {
        let look = Look::at(video, &self.request.out)?.ok_or(io::ErrorKind::NotFound)?;
        let mut state = guard(&self.state);
        state.record(video, look, made.clone());
        state.write(&self.request.out)
    }

    fn path(&self, video: &Video) -> PathBuf {
        self.request.out.join(video.root())
    }

    /// How a video differs from what the lock file has of it.
    fn difference(&self, video: &Video, made: &Made) -> Option<String> {
        let locked = self.lock.video.get(video.name.as_str())?;
        if locked.sha256 == made.sha256 && locked.hls == made.hls {
            return None;
        }
        let lock = self.request.lock.display();
        Some(if locked.sha256 == made.sha256 {
            format!("its HLS segments are not those of {lock} from {}", locked.encoder)
        } else if locked.recipe == made.recipe {
            let drifted = lock::drifted(locked, made).join(", ");
            format!(
                "wanted sha256 {} as in {lock} from {}, got {} from {}; what differs: {drifted}",
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

fn guard<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
