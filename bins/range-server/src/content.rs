//! The content of a response, and where its bytes come from.

use std::{collections::VecDeque, io, os::unix::fs::FileExt as _, sync::Arc, time::SystemTime};

use bytes::Bytes;
use seedbed_synthetic::Keystream;
use tokio::task::spawn_blocking;

use crate::{
    blocks::{BLOCK, Blocks},
    multipart::Segment,
    range::ByteRange,
    root::OpenFile,
    validators::Fingerprint,
};

/// How much synthetic content is made at a time, in bytes.
const SYNTHETIC: u64 = 64 << 10;

/// The content of a response.
#[derive(Debug)]
pub(crate) enum Content {
    /// None, where the status allows none (204, 304): there is no Content-Length either.
    Absent,
    /// Bytes that are there.
    Bytes(Bytes),
    /// Segments of something larger.
    Segments(Source, VecDeque<Segment>),
}

/// What ranges are taken from.
#[derive(Debug)]
pub(crate) enum Source {
    File { file: Arc<OpenFile>, blocks: Arc<Blocks> },
    Synthetic(Keystream),
}

impl Content {
    /// How many bytes it is, if it is to have a Content-Length.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Segments(_, segments) => Some(segments.iter().map(Segment::len).sum()),
        }
    }
}

impl Source {
    /// The beginning of `range`, at least a byte, if it can be had without waiting.
    pub(crate) fn at_hand(&self, range: ByteRange) -> Option<Bytes> {
        let mut bytes = match self {
            Self::File { file, blocks } => blocks.get(file.version, range.first())?,
            Self::Synthetic(_) => return None,
        };
        bytes.truncate(usize::try_from(range.len()).unwrap_or(usize::MAX));
        Some(bytes)
    }

    /// The beginning of `range`, at least a byte.
    ///
    /// # Errors
    /// The file cannot be read or is no longer what it was when it was opened.
    pub(crate) async fn load(&self, range: ByteRange) -> io::Result<Bytes> {
        match self {
            Self::File { file, blocks } => {
                let _permit = blocks.reads.acquire().await.map_err(io::Error::other)?;
                let (file, blocks) = (Arc::clone(file), Arc::clone(blocks));
                spawn_blocking(move || read(&file, &blocks, range)).await?
            }
            Self::Synthetic(keystream) => {
                let (now, _) = range.split_at(SYNTHETIC);
                let mut buffer = vec![0; size(now.len())];
                keystream.fill(now.first(), &mut buffer);
                Ok(buffer.into())
            }
        }
    }

    /// Whether what comes next still belongs to what was sent before.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => check(file),
            Self::Synthetic(_) => Ok(()),
        }
    }
}

/// Reads a whole block if it is worth keeping, otherwise what was asked for and not more than a
/// block. This blocks.
fn read(file: &OpenFile, blocks: &Blocks, range: ByteRange) -> io::Result<Bytes> {
    let keep = file.version.is_settled(SystemTime::now());
    let (first, end) = if keep {
        let first = range.first() / BLOCK * BLOCK;
        (first, (first + BLOCK).min(file.version.fingerprint.length()))
    } else {
        let (now, _) = range.split_at(BLOCK);
        (now.first(), now.last() + 1)
    };
    let mut buffer = vec![0; size(end - first)];
    file.file.read_exact_at(&mut buffer, first)?;
    // Asked after the read: what was written before it shows, what comes later was not read.
    check(file)?;
    let block = Bytes::from(buffer);
    if keep {
        blocks.put(file.version, first, block.clone());
    }
    let last = range.last().min(end - 1);
    Ok(block.slice(size(range.first() - first)..=size(last - first)))
}

fn check(file: &OpenFile) -> io::Result<()> {
    let now = Fingerprint::of(&file.file.metadata()?);
    if file.version.fingerprint.same_bytes(&now) {
        Ok(())
    } else {
        Err(io::Error::other(format!("{:?} changed while it was sent", file.path.as_path())))
    }
}

fn size(length: u64) -> usize {
    usize::try_from(length).expect("a block fits into memory")
}
