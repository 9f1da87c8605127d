//! Hashing content on all cores: SHA-1 of each piece, SHA-256 of each file.

use std::{
    io,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::{
    Content,
    content::{read_stream, total_length},
};

/// About how many bytes of pieces one job hashes.
const JOB: u64 = 4 << 20;

/// How many bytes of a file are read at once for its SHA-256.
const CHUNK: u64 = 256 << 10;

/// The hashes of one content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// SHA-1 of each piece.
    pub(crate) pieces: Vec<[u8; 20]>,
    /// SHA-256 of each file.
    pub(crate) files: Vec<[u8; 32]>,
}

enum Job {
    File(usize),
    Pieces(Range<usize>),
}

/// Hashes all of `content`; an error comes with the index of the file that could not be read.
pub(crate) fn hash(content: &dyn Content, piece_length: u32) -> Result<Hashes, (usize, io::Error)> {
    let length = total_length(content);
    let piece_count = usize::try_from(length.div_ceil(u64::from(piece_length)))
        .expect("the hashes of all pieces fit into memory");
    let jobs = jobs(content, piece_count, piece_length);
    let hashes = Mutex::new(Hashes {
        pieces: vec![[0; 20]; piece_count],
        files: vec![[0; 32]; content.files().len()],
    });
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<(), (usize, io::Error)> {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
            && !failed.load(Ordering::Relaxed)
        {
            match job {
                Job::File(index) => {
                    let hash = hash_file(content, *index).map_err(|error| (*index, error))?;
                    lock(&hashes).files[*index] = hash;
                }
                Job::Pieces(range) => {
                    let run = hash_pieces(content, range.clone(), piece_length, length)?;
                    lock(&hashes).pieces[range.clone()].copy_from_slice(&run);
                }
            }
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work().inspect_err(|_| failed.store(true, Ordering::Relaxed))))
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("hashing does not panic"))
    })?;
    Ok(hashes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The longest jobs first, so that no core is left with one at the end: a file's SHA-256 cannot be
/// split.
fn jobs(content: &dyn Content, piece_count: usize, piece_length: u32) -> Vec<Job> {
    let mut files: Vec<_> = (0..content.files().len()).collect();
    files.sort_by_key(|&index| std::cmp::Reverse(content.files()[index].length));
    let step = usize::try_from((JOB / u64::from(piece_length)).max(1)).unwrap_or(1);
    let pieces = (0..piece_count)
        .step_by(step)
        .map(|start| Job::Pieces(start..piece_count.min(start + step)));
    files.into_iter().map(Job::File).chain(pieces).collect()
}

fn hash_file(content: &dyn Content, index: usize) -> io::Result<[u8; 32]> {
    let length = content.files()[index].length;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; chunk(length)];
    let mut offset = 0;
    while offset < length {
        let part = chunk(length - offset);
        content.read_exact_at(index, offset, &mut buffer[..part])?;
        hash.update(&buffer[..part]);
        offset += part as u64;
    }
    Ok(hash.finalize().into())
}

fn chunk(left: u64) -> usize {
    usize::try_from(left.min(CHUNK)).unwrap_or(usize::MAX)
}

fn hash_pieces(
    content: &dyn Content,
    pieces: Range<usize>,
    piece_length: u32,
    length: u64,
) -> Result<Vec<[u8; 20]>, (usize, io::Error)> {
    let mut buffer = vec![0; piece_length as usize];
    pieces
        .map(|piece| {
            let offset = piece as u64 * u64::from(piece_length);
            // Less than a piece length, which fits.
            let here = (length - offset).min(u64::from(piece_length)) as usize;
            read_stream(content, offset, &mut buffer[..here])?;
            Ok(Sha1::digest(&buffer[..here]).into())
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
