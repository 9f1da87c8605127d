//! `generate`: makes the videos that are missing or out of date.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use seedbed_service::Shutdown;

use super::{
    make::{self, MakeError, Maker},
    output_directory::{self, OpenError},
    progress::Progress,
};
use crate::{
    catalog::{ConfigError, Video},
    ffmpeg::{EncodeError, EncoderVersions, Ffmpeg},
    lock::{Hashes, Lock, LockMode, PREFIX, Record, Snapshot, State, Status, changed_layers},
};

/// What to generate, and where.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The entries of the catalog.
    pub(crate) videos: Vec<Video>,
    /// Whether `videos` is the whole catalog.
    pub(crate) whole_catalog: bool,
    /// The output directory.
    pub(crate) out: PathBuf,
    /// The lock file.
    pub(crate) lock: PathBuf,
    /// What to do with the lock file.
    pub(crate) lock_mode: LockMode,
    /// How many videos to make at a time.
    pub(crate) jobs: NonZeroUsize,
    /// ffmpeg: a path, or a name in PATH.
    pub(crate) ffmpeg: PathBuf,
    /// ffprobe: a path, or a name in PATH.
    pub(crate) ffprobe: PathBuf,
}

/// The result of a run that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How many videos were up to date already.
    pub(crate) unchanged: usize,
    /// How many videos were requested.
    pub(crate) total: usize,
}

/// A run that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The output directory cannot be read or written.
    #[error("failed to use the output directory {}", .0.display())]
    Out(PathBuf, #[source] io::Error),
    /// The lock file cannot be read.
    #[error("failed to read the lock file {}", .0.display())]
    ReadLock(PathBuf, #[source] ConfigError),
    /// The lock file cannot be written.
    #[error("failed to write the lock file {}", .0.display())]
    WriteLock(PathBuf, #[source] io::Error),
    /// The lock file is enforced and has no record of the current entry.
    #[error("the lock file {} has no record of {video} as it is in the catalog now", lock.display())]
    NotLocked {
        /// The video.
        video: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// An existing file cannot be read.
    #[error(transparent)]
    Hash(#[from] seedbed_metainfo::Error),
    /// ffmpeg cannot be used.
    #[error(transparent)]
    Encoder(EncodeError),
    /// A video cannot be made.
    #[error("failed to generate {}", .0.display())]
    Make(PathBuf, #[source] MakeError),
    /// Shutdown was requested.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An error of [`output_directory::open`].
    pub(crate) fn open(out: &std::path::Path) -> impl Fn(OpenError) -> Self {
        |error| match error {
            OpenError::Io(error) => Self::Out(out.to_owned(), error),
            OpenError::Interrupted => Self::Interrupted,
        }
    }
}

/// Makes the videos that are missing or out of date, and prints a line for each on stdout.
///
/// # Errors
/// A video cannot be made. The others may be finished; no unfinished file has the name of a video.
pub(crate) fn run(request: &Request, shutdown: &Shutdown) -> Result<Outcome, Error> {
    let out_error = |error| Error::Out(request.out.clone(), error);
    let progress = Progress::default();
    fs::create_dir_all(&request.out).map_err(out_error)?;
    let _locked_for_this_run = output_directory::open(&request.out, &progress, shutdown)
        .map_err(Error::open(&request.out))?;
    let read_lock =
        || Lock::read(&request.lock).map_err(|e| Error::ReadLock(request.lock.clone(), e));
    let lock = read_lock()?;
    if request.lock_mode == LockMode::Enforce {
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
        finished: Mutex::new(Vec::new()),
    };
    let jobs = run.jobs()?;
    let total = request.videos.len();
    let outcome = Outcome { unchanged: total - jobs.len(), total };
    let result = if jobs.is_empty() { Ok(()) } else { run.make_all(jobs) };

    // Record the finished videos even if another one failed.
    let finished = std::mem::take(run.finished.get_mut().unwrap_or_else(PoisonError::into_inner));
    let recorded = read_lock().and_then(|mut new_lock| {
        run.update(&mut new_lock, finished);
        if new_lock == lock {
            return Ok(());
        }
        new_lock.write(&request.lock).map_err(|e| Error::WriteLock(request.lock.clone(), e))
    });
    result.and(recorded).map(|()| outcome)
}

/// Work on a video.
enum Job<'a> {
    /// Makes the file or folder, and the segments.
    Make(&'a Video),
    /// Makes the segments of a file that is right.
    Segment(&'a Video, Record),
}

struct Run<'a> {
    request: &'a Request,
    lock: &'a Lock,
    progress: Progress,
    shutdown: &'a Shutdown,
    state: Mutex<State>,
    /// The videos that are right, whether this run made them or not.
    finished: Mutex<Vec<(&'a Video, Record)>>,
}

impl<'a> Run<'a> {
    /// Lists the work to do. Records videos that are right although their files were modified.
    fn jobs(&self) -> Result<VecDeque<Job<'a>>, Error> {
        let mut jobs = VecDeque::new();
        for video in &self.request.videos {
            if self.shutdown.is_cancelled() {
                return Err(Error::Interrupted);
            }
            let out_error = |error| Error::Out(self.request.out.clone(), error);
            let snapshot = Snapshot::take(video, &self.request.out).map_err(out_error)?;
            let locked = self.lock.video.get(video.name.as_str());
            let strict = self.request.lock_mode == LockMode::Enforce;
            let status = lock(&self.state).status(video, snapshot, locked, strict);
            match status {
                Status::UpToDate(record) => lock(&self.finished).push((video, record)),
                Status::Modified(candidates) => {
                    let hashes = Hashes::of(video, &self.request.out)?;
                    let same = |record: &&Record| record.sha256 == hashes.sha256;
                    match candidates.iter().find(same) {
                        None => jobs.push_back(Job::Make(video)),
                        Some(record) if hashes.match_record(record) => {
                            self.record(video, record).map_err(out_error)?;
                            lock(&self.finished).push((video, record.clone()));
                        }
                        Some(record) => jobs.push_back(Job::Segment(video, record.clone())),
                    }
                }
                Status::Stale | Status::Missing => jobs.push_back(Job::Make(video)),
            }
        }
        Ok(jobs)
    }

    /// Makes videos, several at a time. After a failure, starts no other.
    fn make_all(&self, jobs: VecDeque<Job<'a>>) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let ffmpeg = Ffmpeg::new(self.request.ffmpeg.clone(), shutdown.clone());
        let interrupted_or = |error| match self.shutdown.is_cancelled() {
            true => Error::Interrupted,
            false => error,
        };
        let encoder = ffmpeg.identify().map_err(|e| interrupted_or(Error::Encoder(e)))?;
        let maker = Maker { ffmpeg, ffprobe: self.request.ffprobe.clone(), shutdown };
        let workers = self.request.jobs.get().min(jobs.len());
        let queue = Mutex::new(jobs);
        let failure = Mutex::new(None);
        // As an expression of the loop, the lock would be held while the video is made.
        let next = || lock(&queue).pop_front();
        let work = || {
            while let Some(job) = next() {
                let (Job::Make(video) | Job::Segment(video, _)) = job;
                if let Err(error) = self.make(&job, &maker, &encoder) {
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

    /// Makes a video in a temporary directory, and moves it to its place once it is right.
    fn make(
        &self,
        job: &Job<'a>,
        maker: &Maker,
        encoder: &EncoderVersions,
    ) -> Result<(), MakeError> {
        let started = Instant::now();
        let (Job::Make(video) | Job::Segment(video, _)) = *job;
        let out = &self.request.out;
        let bar = self.progress.start(video);
        let scratch = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out)?;
        let scratch = scratch.path();
        let (layers, source) = match job {
            Job::Make(_) => (maker.make(video, scratch, |frame| bar.frames(frame))?, scratch),
            Job::Segment(_, record) => (record.layers.clone(), out.as_path()),
        };
        if video.segment_seconds.is_some() {
            maker.segment(video, &source.join(video.root()), scratch)?;
        }
        let record = match job {
            Job::Make(_) => {
                Hashes::of(video, scratch)?.into_record(video, encoder.describe_for(video), layers)
            }
            Job::Segment(_, old) => Record { hls: Hashes::hls_of(video, scratch)?, ..old.clone() },
        };
        if self.request.lock_mode == LockMode::Enforce
            && let Some(difference) = self.difference(video, &record)
        {
            return Err(MakeError::Differs(difference));
        }
        // The segments go first: if the run is killed before the file follows, the entry is made again.
        if video.segment_seconds.is_some() {
            let (hls, aside) = (video.hls_root(), scratch.join("old-segments"));
            make::replace(&scratch.join(&hls), &out.join(&hls), &aside)?;
        }
        if matches!(job, Job::Make(_)) {
            make::replace(&scratch.join(video.root()), &self.path(video), &scratch.join("old"))?;
        }
        File::open(out)?.sync_all()?;
        self.record(video, &record)?;
        drop(bar);
        self.progress.line(format_args!(
            "generated {} {} bytes sha256 {} in {:.1} s",
            video.name,
            record.length,
            record.sha256,
            started.elapsed().as_secs_f64()
        ));
        lock(&self.finished).push((video, record));
        Ok(())
    }

    /// Records in the state what the files of a video are.
    fn record(&self, video: &Video, record: &Record) -> io::Result<()> {
        let snapshot = Snapshot::take(video, &self.request.out)?.ok_or(io::ErrorKind::NotFound)?;
        let mut state = lock(&self.state);
        state.record(video, snapshot, record.clone());
        state.write(&self.request.out)
    }

    fn path(&self, video: &Video) -> PathBuf {
        self.request.out.join(video.root())
    }

    /// Describes how a video differs from its record in the lock file.
    fn difference(&self, video: &Video, record: &Record) -> Option<String> {
        let locked = self.lock.video.get(video.name.as_str())?;
        if locked.sha256 == record.sha256 && locked.hls == record.hls {
            return None;
        }
        let lock = self.request.lock.display();
        Some(if locked.sha256 == record.sha256 {
            format!("its HLS segments differ from those in {lock}, made by {}", locked.encoder)
        } else if locked.recipe == record.recipe {
            let layers = changed_layers(locked, record).join(", ");
            format!(
                "wanted sha256 {} as in {lock}, made by {}, got {} made by {}; layers that differ: \
                 {layers}",
                locked.sha256, locked.encoder, record.sha256, record.encoder
            )
        } else {
            format!(
                "the catalog or the recipe changed since {lock} recorded sha256 {}; it is now {}",
                locked.sha256, record.sha256
            )
        })
    }

    /// Updates the lock file as its mode says, and prints the differences that remain.
    fn update(&self, new_lock: &mut Lock, finished: Vec<(&Video, Record)>) {
        match self.request.lock_mode {
            LockMode::Enforce => {}
            LockMode::Overwrite => {
                if self.request.whole_catalog {
                    let videos = &self.request.videos;
                    new_lock
                        .video
                        .retain(|name, _| videos.iter().any(|v| v.name.as_str() == *name));
                }
                new_lock
                    .video
                    .extend(finished.into_iter().map(|(v, record)| (v.name.to_string(), record)));
            }
            LockMode::AddMissing => {
                for (video, record) in finished {
                    if let Some(difference) = self.difference(video, &record) {
                        self.progress.line(format_args!(
                            "differs {}: {difference}; the file stays, and --update-lock records it",
                            video.name
                        ));
                    }
                    new_lock.video.entry(video.name.to_string()).or_insert(record);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
