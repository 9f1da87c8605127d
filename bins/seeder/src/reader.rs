//! Reads content for the engine's one thread, so that a read that hangs costs the other torrents no
//! more than a moment.
//!
//! Bytes that the kernel has in memory are read at once, on the calling thread. All others are read
//! by a worker thread, for which the caller waits up to [`READ_TIMEOUT`]. A worker whose read takes
//! longer is left alone with it, and the next read gets another worker. The caller takes the
//! torrent out of service, so each torrent leaves at most one worker behind.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use seedbed_metainfo::Content;

/// How long a read of content may take.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it may take while another hangs: many torrents often lie on the one mount that does.
const READ_TIMEOUT_WHILE_ONE_HANGS: Duration = Duration::from_millis(100);

/// Most reads that may hang at a time. Beyond it, only what is in memory is read.
const MOST_HUNG: usize = 64;

/// Why content could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Failed(#[from] io::Error),
    #[error("a read of its content took longer than {0:?}: its file system hangs or is too slow")]
    TimedOut(Duration),
    #[error("its content cannot be read while {MOST_HUNG} other reads hang")]
    TooManyHang,
}

/// Reads content, with a time limit.
#[derive(Default)]
pub(crate) struct Reader {
    worker: Mutex<Option<Worker>>,
    /// Each worker thread has a clone.
    alive: Arc<()>,
}

/// A thread that reads for one caller at a time. It ends when this is dropped and its read is done.
struct Worker {
    jobs: Sender<Job>,
    results: Receiver<(Vec<u8>, io::Result<()>)>,
}

struct Job {
    content: Arc<dyn Content>,
    file: usize,
    offset: u64,
    buffer: Vec<u8>,
}

impl Reader {
    /// Fills `buffer` from a file of `content`.
    pub(crate) fn read(
        &self,
        content: &Arc<dyn Content>,
        file: usize,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), ReadError> {
        if content.read_cached_at(file, offset, buffer)? {
            return Ok(());
        }
        let mut place = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let hung = self.workers() - usize::from(place.is_some());
        let worker = match place.take() {
            Some(worker) => worker,
            None if hung >= MOST_HUNG => return Err(ReadError::TooManyHang),
            None => self.start_worker()?,
        };
        let job = Job { content: Arc::clone(content), file, offset, buffer: vec![0; buffer.len()] };
        let limit = if hung == 0 { READ_TIMEOUT } else { READ_TIMEOUT_WHILE_ONE_HANGS };
        let ended = || io::Error::other("the thread that reads content has ended");
        worker.jobs.send(job).map_err(|_| ended())?;
        match worker.results.recv_timeout(limit) {
            Ok((bytes, result)) => {
                *place = Some(worker);
                result?;
                buffer.copy_from_slice(&bytes);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(ReadError::TimedOut(limit)),
            Err(RecvTimeoutError::Disconnected) => Err(ended().into()),
        }
    }

    fn start_worker(&self) -> io::Result<Worker> {
        let (jobs, jobs_of_worker) = channel::<Job>();
        let (results_of_worker, results) = channel();
        let alive = Arc::clone(&self.alive);
        let work = move || {
            let _alive = alive;
            while let Ok(Job { content, file, offset, mut buffer }) = jobs_of_worker.recv() {
                let result = content.read_exact_at(file, offset, &mut buffer);
                if results_of_worker.send((buffer, result)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("content".to_owned()).spawn(work)?;
        Ok(Worker { jobs, results })
    }

    /// How many worker threads there are: the one that is ready, and those that hang.
    fn workers(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Condvar;

    use seedbed_metainfo::ContentFile;

    use super::*;

    /// Content whose reads hang, while its gate is closed.
    pub(crate) struct Gated {
        files: [ContentFile; 1],
        gate: Arc<Gate>,
    }

    #[derive(Default)]
    pub(crate) struct Gate {
        closed: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        pub(crate) fn set_closed(&self, closed: bool) {
            *self.closed.lock().unwrap() = closed;
            self.opened.notify_all();
        }
    }

    /// Zeros behind a gate, which is open.
    pub(crate) fn gated(name: &str, length: u64) -> (Arc<Gated>, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let files = [ContentFile::new(vec![name.to_owned()], length)];
        (Arc::new(Gated { files, gate: Arc::clone(&gate) }), gate)
    }

    impl Content for Gated {
        fn name(&self) -> &str {
            &self.files[0].path[0]
        }

        fn is_single_file(&self) -> bool {
            true
        }

        fn files(&self) -> &[ContentFile] {
            &self.files
        }

        fn read_exact_at(&self, _: usize, _: u64, buffer: &mut [u8]) -> io::Result<()> {
            let closed = self.gate.closed.lock().unwrap();
            let _open = self.gate.opened.wait_while(closed, |closed| *closed).unwrap();
            buffer.fill(0);
            Ok(())
        }
    }

    fn content() -> (Arc<dyn Content>, Arc<Gate>) {
        let (content, gate) = gated("a", 4);
        (content, gate)
    }

    #[test]
    fn a_read_that_hangs_leaves_others_their_turn() {
        let reader = Reader::default();
        let (open, _) = content();
        let (hung, gate) = content();
        gate.set_closed(true);
        let mut buffer = [1; 4];
        let error = reader.read(&hung, 0, 0, &mut buffer).unwrap_err();
        assert!(matches!(error, ReadError::TimedOut(READ_TIMEOUT)), "{error}");
        reader.read(&open, 0, 0, &mut buffer).unwrap();
        assert_eq!(buffer, [0; 4]);
        // A second one is given up sooner.
        let error = reader.read(&hung, 0, 0, &mut buffer).unwrap_err();
        assert!(matches!(error, ReadError::TimedOut(READ_TIMEOUT_WHILE_ONE_HANGS)), "{error}");
        gate.set_closed(false);
        while reader.workers() > 0 {
            thread::yield_now();
        }
        reader.read(&hung, 0, 0, &mut buffer).unwrap();
        assert_eq!(reader.workers(), 1);
    }

    #[test]
    fn no_more_reads_hang_at_a_time_than_stated() {
        let reader = Reader::default();
        let (hung, gate) = content();
        gate.set_closed(true);
        for _ in 0..MOST_HUNG {
            reader.read(&hung, 0, 0, &mut [0; 4]).unwrap_err();
        }
        let error = reader.read(&hung, 0, 0, &mut [0; 4]).unwrap_err();
        assert!(matches!(error, ReadError::TooManyHang), "{error}");
        assert_eq!(reader.workers(), MOST_HUNG);
        gate.set_closed(false);
    }
}
