//! A cache of hashes of content, in a directory.
//!
//! An entry begins with everything that its hashes depend on, and matches only content that has
//! exactly that: the layout, and of each file the device, the inode, the length, and the times at
//! which its bytes and its inode changed. No program can set the latter back. Times move in ticks of
//! the clock, so content that changed just before it was hashed is not stored: a later change could
//! leave the same time.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::{
    Content, Identity, PieceLength, Progress,
    content::total_length,
    hashing::{Failure, Hashes},
    identity::FileIdentity,
};

/// The first bytes of an entry. They change with the format and with the meaning of the hashes.
const MAGIC: &[u8] = b"seedbed hashes 1\n";

/// How long files must have been left alone before their hashes are stored.
const SETTLED: Duration = Duration::from_secs(2);

/// A directory of hashes.
#[derive(Clone, Debug)]
pub struct HashCache(PathBuf);

impl HashCache {
    /// Opens the cache in `directory`, which is created if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let cache = Self(directory.to_owned());
        let probe = cache.temporary();
        fs::File::create_new(&probe)?;
        fs::remove_file(&probe)?;
        Ok(cache)
    }

    /// Returns the hashes of `content` from the cache, or else from `hash`. The latter are stored
    /// unless a file changed meanwhile. Errors of the cache itself are ignored.
    pub(crate) fn hashes(
        &self,
        content: &dyn Content,
        piece_length: PieceLength,
        progress: &Progress,
        hash: impl FnOnce() -> Result<Hashes, Failure>,
    ) -> Result<Hashes, Failure> {
        self.hashes_at(SystemTime::now(), content, piece_length, progress, hash)
    }

    fn hashes_at(
        &self,
        now: SystemTime,
        content: &dyn Content,
        piece_length: PieceLength,
        progress: &Progress,
        hash: impl FnOnce() -> Result<Hashes, Failure>,
    ) -> Result<Hashes, Failure> {
        let Ok(Some(identity)) = content.identity() else { return hash() };
        let entry = Entry::new(content, piece_length, &identity);
        let path = self.0.join(&entry.name);
        if let Ok(bytes) = fs::read(&path)
            && let Some(hashes) = entry.parse(&bytes)
        {
            progress.add(total_length(content));
            return Ok(hashes);
        }
        let hashes = hash()?;
        let same = matches!(content.identity(), Ok(Some(after)) if after == identity);
        if same && identity.is_settled(now, SETTLED) {
            // Without an entry, the next call hashes again.
            let _not_remembered = self.write(&path, &entry.to_bytes(&hashes));
        }
        Ok(hashes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary();
        let written = fs::File::create_new(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, path));
        written.inspect_err(|_| {
            let _not_there = fs::remove_file(&temporary);
        })
    }

    /// A path that no other process or thread writes to.
    fn temporary(&self) -> PathBuf {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        self.0.join(format!(".{}-{count}.tmp", std::process::id()))
    }
}

/// The key of an entry.
struct Entry {
    /// File name: the same for the same place, so that new hashes replace the old ones.
    name: String,
    /// Everything that the hashes depend on.
    key: Vec<u8>,
    pieces: usize,
    files: usize,
}

impl Entry {
    fn new(content: &dyn Content, piece_length: PieceLength, identity: &Identity) -> Self {
        let piece_length = u64::from(piece_length.bytes());
        let files = content.files();
        let has_pads = files.iter().any(|file| file.is_pad);
        let name = Sha256::new()
            .chain_update(identity.root.as_os_str().as_bytes())
            .chain_update([0, u8::from(has_pads)])
            .chain_update(piece_length.to_be_bytes())
            .finalize();
        let mut key = Key(MAGIC.to_vec());
        key.number(piece_length);
        key.number(files.len() as u64);
        for file in files {
            key.number(file.length);
            key.number(file.is_pad.into());
            key.number(file.path.len() as u64);
            file.path.iter().for_each(|component| key.bytes(component.as_bytes()));
        }
        key.number(identity.files.len() as u64);
        for FileIdentity { device, inode, length, modified, changed } in &identity.files {
            [*device, *inode, *length].into_iter().for_each(|number| key.number(number));
            modified.iter().chain(changed).for_each(|number| key.number(number.cast_unsigned()));
        }
        let pieces = total_length(content).div_ceil(piece_length);
        Self {
            name: hex::encode(name),
            key: key.0,
            pieces: usize::try_from(pieces).expect("the hashes of all pieces fit into memory"),
            files: files.len(),
        }
    }

    /// The key, the hashes, and the SHA-256 of both.
    fn to_bytes(&self, hashes: &Hashes) -> Vec<u8> {
        let mut bytes =
            [&self.key, hashes.pieces.as_flattened(), hashes.files.as_flattened()].concat();
        bytes.extend(Sha256::digest(&bytes));
        bytes
    }

    /// Returns `None` if the entry is for other content, or broken.
    fn parse(&self, bytes: &[u8]) -> Option<Hashes> {
        let (rest, sum) = bytes.split_last_chunk::<32>()?;
        let hashes = rest.strip_prefix(&*self.key)?;
        let (pieces, files) = hashes.split_at_checked(self.pieces * 20)?;
        let ((pieces, []), (files, [])) = (pieces.as_chunks(), files.as_chunks()) else {
            return None;
        };
        let whole = files.len() == self.files && Sha256::digest(rest)[..] == *sum;
        whole.then(|| Hashes { pieces: pieces.to_vec(), files: files.to_vec() })
    }
}

/// A key under construction. Lengths precede strings, so that different inputs give different keys.
struct Key(Vec<u8>);

impl Key {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests;
