//! Output that never holds a server up: lines for stdout and stderr go through a bounded queue.
//!
//! A thread for each stream writes the queue out, and is the only one that waits for a reader. When
//! the queue is full, [`Output::push`] drops the line and counts it; the thread reports the number
//! once the reader takes lines again. At the end of the process [`flush`] gives the readers a
//! limited time.

use std::{
    fmt,
    fs::File,
    io::{self, ErrorKind, Write},
    mem,
    os::fd::AsFd,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use prometheus_client::metrics::counter::Counter;

use crate::log;

/// Most bytes of lines that wait for a reader of one stream.
const QUEUE_BYTES: usize = 1 << 20;

/// How long the readers of stdout and stderr together may take for the last lines of a process.
pub(crate) const EXIT_FLUSH: Duration = Duration::from_millis(250);

/// How long the thread collects suppressed lines before it reports them.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a reader when the stream is in non-blocking mode.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The log lines that this process left out, because nobody read the stream or because too many
/// came from one peer.
pub(crate) static LOG_LINES_DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

static STDOUT: LazyLock<Output> = LazyLock::new(|| {
    let report = |dropped| {
        if dropped > 0 {
            tracing::warn!(
                target: log::REPORT_TARGET,
                dropped,
                "dropped lines on stdout, which nobody read"
            );
        }
    };
    Output::to_stream(&io::stdout(), QUEUE_BYTES, report)
});

static STDERR: LazyLock<Output> =
    LazyLock::new(|| Output::to_stream(&io::stderr(), QUEUE_BYTES, log::report_dropped));

/// The process's standard output.
pub(crate) fn stdout() -> &'static Output {
    &STDOUT
}

/// The process's standard error, which carries the log.
pub(crate) fn stderr() -> &'static Output {
    &STDERR
}

/// Waits until both streams have taken what was queued, for at most `limit`.
pub(crate) fn flush(limit: Duration) {
    let deadline = Instant::now() + limit;
    stdout().flush_until(Some(deadline));
    stderr().flush_until(Some(deadline));
}

/// A queue of lines for one stream. Clones share it.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    capacity: usize,
    writer: OnceLock<ThreadId>,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    dropped: u64,
    /// Whether the thread holds a batch that is not yet written.
    writing: bool,
    /// When the thread is to report even if no line is queued.
    report_at: Option<Instant>,
}

impl Output {
    fn to_stream(
        stream: &impl AsFd,
        capacity: usize,
        report: impl Fn(u64) + Send + 'static,
    ) -> Self {
        // A descriptor of its own: the lock and the buffer of the standard library's handles would
        // hold up the end of the process.
        match stream.as_fd().try_clone_to_owned() {
            Ok(descriptor) => Self::new(File::from(descriptor), capacity, report),
            Err(_) => Self::new(io::sink(), capacity, report),
        }
    }

    /// Starts a queue in front of `stream`. The thread calls `report` with the number of lines that
    /// were dropped since the last call; lines that `report` itself pushes are never dropped.
    fn new(
        stream: impl Write + Send + 'static,
        capacity: usize,
        report: impl Fn(u64) + Send + 'static,
    ) -> Self {
        let output = Self(Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            capacity,
            writer: OnceLock::new(),
        }));
        let shared = Arc::clone(&output.0);
        thread::spawn(move || shared.write_out(stream, report));
        output
    }

    /// Queues a line, which ends with a line feed. Returns whether there was room for it.
    pub(crate) fn push(&self, line: &[u8]) -> bool {
        let mut queue = self.0.lock();
        let is_full = queue.bytes.len() + line.len() > self.0.capacity;
        if is_full && self.0.writer.get() != Some(&thread::current().id()) {
            queue.dropped += 1;
            // A line that is longer than the queue is dropped while the thread has nothing to do.
            self.0.changed.notify_all();
            return false;
        }
        queue.bytes.extend_from_slice(line);
        self.0.changed.notify_all();
        true
    }

    /// Has the thread report in a second, even if no line is queued.
    pub(crate) fn request_report(&self) {
        let mut queue = self.0.lock();
        if queue.report_at.is_none() {
            queue.report_at = Some(Instant::now() + REPORT_INTERVAL);
            self.0.changed.notify_all();
        }
    }

    /// Waits until everything queued is written, or until `deadline`.
    pub(crate) fn flush_until(&self, deadline: Option<Instant>) {
        let is_pending =
            |queue: &mut Queue| !queue.bytes.is_empty() || queue.writing || queue.dropped > 0;
        let queue = self.0.lock();
        match deadline {
            None => drop(self.0.changed.wait_while(queue, is_pending)),
            Some(deadline) => {
                let limit = deadline.saturating_duration_since(Instant::now());
                drop(self.0.changed.wait_timeout_while(queue, limit, is_pending));
            }
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

/// `tracing_subscriber` writes each event with one call of `write_all`.
impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.push(line) {
            LOG_LINES_DROPPED.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self, mut stream: impl Write, report: impl Fn(u64)) {
        let _set_once = self.writer.set(thread::current().id());
        let mut batch = Vec::new();
        loop {
            let mut queue = self.wait_for_work();
            let report_is_due = queue.report_at.take_if(|at| *at <= Instant::now()).is_some();
            mem::swap(&mut queue.bytes, &mut batch);
            queue.writing = true;
            drop(queue);
            write_all(&mut stream, &batch);
            batch.clear();
            let dropped = mem::take(&mut self.lock().dropped);
            if dropped > 0 || report_is_due {
                report(dropped);
            }
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits until there is a line to write or something to report.
    fn wait_for_work(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.lock();
        loop {
            let limit = queue.report_at.map(|at| at.saturating_duration_since(Instant::now()));
            if !queue.bytes.is_empty() || queue.dropped > 0 || limit == Some(Duration::ZERO) {
                return queue;
            }
            queue = match limit {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(limit) => {
                    let waited = self.changed.wait_timeout(queue, limit);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Writes `bytes`, however long the reader takes. Without a reader they are lost: that is no reason
/// for a server to end.
fn write_all(stream: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever started the process may have set the descriptor to non-blocking mode.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_INTERVAL),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A stream whose reader takes each write only when told to.
    struct Reader {
        allowed: mpsc::Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            let _test_is_over = self.taken.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Bench {
        output: Output,
        allow: mpsc::Sender<()>,
        taken: mpsc::Receiver<String>,
        reported: mpsc::Receiver<u64>,
    }

    fn bench(capacity: usize) -> Bench {
        let (allow, allowed) = mpsc::channel();
        let (taken_send, taken) = mpsc::channel();
        let (report, reported) = mpsc::channel();
        let reader = Reader { allowed, taken: taken_send };
        let output = Output::new(reader, capacity, move |dropped| {
            let _test_is_over = report.send(dropped);
        });
        Bench { output, allow, taken, reported }
    }

    /// Has the thread wait for its reader with `first`, so that the queue behind it is empty.
    fn stall(bench: &Bench, first: &[u8]) {
        assert!(bench.output.push(first));
        while !bench.output.0.lock().bytes.is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_full_queue_drops_lines_and_reports_how_many_once_the_reader_is_back() {
        let bench = bench(20);
        stall(&bench, b"first\n");
        assert!(bench.output.push(b"second\n"));
        for _ in 0..3 {
            assert!(!bench.output.push(b"a line that does not fit\n"));
        }
        assert!(bench.output.push(b"third\n"));
        bench.allow.send(()).unwrap();
        assert_eq!(bench.taken.recv().unwrap(), "first\n");
        assert_eq!(bench.reported.recv().unwrap(), 3);
        bench.allow.send(()).unwrap();
        assert_eq!(bench.taken.recv().unwrap(), "second\nthird\n");
        bench.output.flush_until(None);
        assert!(bench.reported.try_recv().is_err(), "the count is reported once");
    }

    #[test]
    fn a_flush_waits_for_a_reader_that_reads_and_gives_up_on_one_that_does_not() {
        let bench = bench(QUEUE_BYTES);
        stall(&bench, b"first\n");
        bench.output.flush_until(Some(Instant::now() + Duration::from_millis(1)));
        assert!(bench.taken.try_recv().is_err());
        bench.allow.send(()).unwrap();
        bench.output.flush_until(None);
        assert_eq!(bench.taken.try_recv().unwrap(), "first\n");
    }

    #[test]
    fn a_requested_report_comes_without_a_line() {
        let bench = bench(QUEUE_BYTES);
        bench.output.request_report();
        assert_eq!(bench.reported.recv().unwrap(), 0);
    }

    #[test]
    fn lines_that_a_report_pushes_always_fit() {
        let (send, outputs) = mpsc::channel::<Output>();
        let (report, reported) = mpsc::channel();
        let output = Output::new(io::sink(), 0, move |_| {
            let output = outputs.recv().unwrap();
            report.send(output.push(b"dropped 1 line\n")).unwrap();
        });
        send.send(output.clone()).unwrap();
        assert!(!output.push(b"line\n"));
        assert!(reported.recv().unwrap());
    }

    #[test]
    fn a_reader_that_went_away_does_not_stop_the_queue() {
        let bench = bench(QUEUE_BYTES);
        let Bench { output, allow, .. } = bench;
        drop(allow);
        for _ in 0..2 {
            assert!(output.push(b"line\n"));
            output.flush_until(None);
        }
    }
}
