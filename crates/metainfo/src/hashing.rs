//! Hashing content on all cores in one pass: SHA-1 of each piece, SHA-256 of each file.
//!
//! The content's bytes are read once, run by run, and each run is hashed by one thread. Pieces and
//! files are hashed side by side, but the SHA-256 of a file that spans runs cannot be: a run hands
//! its state to the next one.

use std::{
    collections::HashMap,
    io,
    ops::Range,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::{Content, ContentFile, Progress, content::total_length};

/// Approximate length of a run in bytes: long enough to make the hand-over cheap, short enough to
/// stay in the processor's cache between the two hashes.
const RUN: u32 = 1 << 20;

/// The hashes of one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// SHA-1 of each piece.
    pub(crate) pieces: Vec<[u8; 20]>,
    /// SHA-256 of each file.
    pub(crate) files: Vec<[u8; 32]>,
}

/// Why hashing failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file with this index could not be read.
    Read(usize, io::Error),
    /// [`Progress::interrupt`] was called.
    Interrupted,
}

/// Hashes all of `content`.
pub(crate) fn hash(
    content: &dyn Content,
    piece_length: u32,
    progress: &Progress,
) -> Result<Hashes, Failure> {
    let length = total_length(content);
    let piece_count = usize::try_from(length.div_ceil(u64::from(piece_length)))
        .expect("the hashes of all pieces fit into memory");
    let pass = Pass {
        content,
        starts: starts(content),
        length,
        piece_length: piece_length as usize,
        pieces_of_run: (RUN / piece_length).max(1) as usize,
        progress,
        next: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        carried: Mutex::default(),
        handed_over: Condvar::new(),
        hashes: Mutex::new(Hashes {
            pieces: vec![[0; 20]; piece_count],
            files: vec![Sha256::digest([]).into(); content.files().len()],
        }),
    };
    let runs = piece_count.div_ceil(pass.pieces_of_run);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(runs);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| pass.work())).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("hashing does not panic"))
    })?;
    Ok(pass.hashes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Where each file begins in the stream of all bytes.
fn starts(content: &dyn Content) -> Vec<u64> {
    let mut end = 0;
    let start = |file: &ContentFile| {
        let start = end;
        end += file.length;
        start
    };
    content.files().iter().map(start).collect()
}

/// What the threads share.
struct Pass<'a> {
    content: &'a dyn Content,
    starts: Vec<u64>,
    length: u64,
    piece_length: usize,
    pieces_of_run: usize,
    progress: &'a Progress,
    /// The next run to take.
    next: AtomicUsize,
    failed: AtomicBool,
    /// By run: the state of the file that began in an earlier one.
    carried: Mutex<HashMap<usize, Sha256>>,
    handed_over: Condvar,
    hashes: Mutex<Hashes>,
}

/// The part of a file that lies in a run.
struct Part {
    file: usize,
    /// Where it begins in the file.
    offset: u64,
    /// Where it lies in the run.
    bytes: Range<usize>,
}

impl Pass<'_> {
    /// Hashes run after run until none is left, or another thread has failed.
    fn work(&self) -> Result<(), Failure> {
        let mut buffer = Vec::new();
        loop {
            let run = self.next.fetch_add(1, Ordering::Relaxed);
            let first = run * self.pieces_of_run;
            let start = first as u64 * self.piece_length as u64;
            if start >= self.length || self.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            if let Err(failure) = self.hash_run(run, first, start, &mut buffer) {
                // Under the lock: a thread between looking and waiting would miss it.
                let _carried = lock(&self.carried);
                self.failed.store(true, Ordering::Relaxed);
                self.handed_over.notify_all();
                return Err(failure);
            }
        }
    }

    fn hash_run(
        &self,
        run: usize,
        first_piece: usize,
        start: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if self.progress.is_interrupted() {
            return Err(Failure::Interrupted);
        }
        let longest = self.pieces_of_run * self.piece_length;
        // No more than `longest`, which is a usize.
        let length = (self.length - start).min(longest as u64) as usize;
        buffer.resize(length, 0);
        let parts = self.parts(start, length);
        for Part { file, offset, bytes } in &parts {
            self.content
                .read_exact_at(*file, *offset, &mut buffer[bytes.clone()])
                .map_err(|error| Failure::Read(*file, error))?;
        }
        let pieces: Vec<[u8; 20]> =
            buffer.chunks(self.piece_length).map(|piece| Sha1::digest(piece).into()).collect();
        lock(&self.hashes).pieces[first_piece..][..pieces.len()].copy_from_slice(&pieces);
        // The first part may have to wait for its state, the others not.
        for Part { file, offset, bytes } in parts.into_iter().rev() {
            let state = if offset == 0 { Some(Sha256::new()) } else { self.take_over(run) };
            let Some(mut state) = state else { return Ok(()) };
            let end = offset + bytes.len() as u64;
            state.update(&buffer[bytes]);
            if end == self.content.files()[file].length {
                lock(&self.hashes).files[file] = state.finalize().into();
            } else {
                lock(&self.carried).insert(run + 1, state);
                self.handed_over.notify_all();
            }
        }
        self.progress.add(length as u64);
        Ok(())
    }

    /// The parts of files, none of them empty, that lie in `length` bytes from `start` on.
    fn parts(&self, start: u64, length: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut filled = 0;
        // The last one that begins no later than here; empty ones begin there too.
        let mut file = self.starts.partition_point(|&other| other <= start) - 1;
        while filled < length {
            let offset = start + filled as u64 - self.starts[file];
            let left = self.content.files()[file].length - offset;
            let here = left.min((length - filled) as u64) as usize;
            if here > 0 {
                parts.push(Part { file, offset, bytes: filled..filled + here });
            }
            filled += here;
            file += 1;
        }
        parts
    }

    /// Waits for the state of the file with which `run` begins; none if another thread has failed.
    fn take_over(&self, run: usize) -> Option<Sha256> {
        let mut carried = lock(&self.carried);
        loop {
            if let Some(state) = carried.remove(&run) {
                return Some(state);
            }
            if self.failed.load(Ordering::Relaxed) {
                return None;
            }
            carried = self.handed_over.wait(carried).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    #[test]
    fn every_file_and_piece_has_its_hash_wherever_runs_end() {
        const RUN: usize = super::RUN as usize;
        for lengths in [
            vec![0, 1, RUN - 1, 0, RUN, 3 * RUN + 5, 0, 7, 2 * RUN, 0],
            vec![RUN; 3],
            vec![2 * RUN + 1],
            vec![300; 10_000],
        ] {
            let content = Memory::folder(&lengths);
            let progress = Progress::default();
            let hashes = hash(&content, 16384, &progress).unwrap();
            let stream = content.bytes.concat();
            let pieces: Vec<[u8; 20]> =
                stream.chunks(16384).map(|piece| Sha1::digest(piece).into()).collect();
            let files: Vec<[u8; 32]> =
                content.bytes.iter().map(|bytes| Sha256::digest(bytes).into()).collect();
            assert!(hashes == Hashes { pieces, files }, "{} files", lengths.len());
            assert_eq!(progress.hashed(), stream.len() as u64);
        }
    }

    #[test]
    fn pieces_longer_than_a_run_are_hashed_whole() {
        let content = Memory::file(vec![7; (32 << 20) + 1]);
        let hashes = hash(&content, 16 << 20, &Progress::default()).unwrap();
        assert_eq!(hashes.pieces.len(), 3);
        let last: [u8; 20] = Sha1::digest(&content.bytes[0][32 << 20..]).into();
        assert_eq!(hashes.pieces[2], last);
    }

    #[test]
    fn an_interrupted_hashing_ends_with_that() {
        let progress = Progress::default();
        progress.interrupt();
        let outcome = hash(&Memory::folder(&[10]), 16384, &progress);
        assert!(matches!(outcome, Err(Failure::Interrupted)));
    }

    /// Interrupts the hashing when the file with index 1 is read.
    struct Interrupting<'a>(Memory, &'a Progress);

    impl Content for Interrupting<'_> {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn is_single_file(&self) -> bool {
            self.0.is_single_file()
        }

        fn files(&self) -> &[ContentFile] {
            self.0.files()
        }

        fn read_exact_at(&self, file: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            if file == 1 {
                self.1.interrupt();
            }
            self.0.read_exact_at(file, offset, buffer)
        }
    }

    #[test]
    fn hashing_under_way_does_not_go_on_to_its_end_when_it_is_interrupted() {
        let progress = Progress::default();
        let content = Interrupting(Memory::folder(&[1 << 20, 1, 30 << 20]), &progress);
        let outcome = hash(&content, 16384, &progress);
        assert!(matches!(outcome, Err(Failure::Interrupted)));
        assert!(progress.hashed() < 20 << 20, "{} bytes hashed", progress.hashed());
    }

    #[test]
    fn a_file_that_cannot_be_read_in_the_middle_ends_every_thread() {
        let mut content = Memory::folder(&[5 << 20, 5 << 20]);
        content.bytes[0].truncate(2 << 20);
        let outcome = hash(&content, 16384, &Progress::default());
        assert!(matches!(outcome, Err(Failure::Read(0, _))));
    }
}
