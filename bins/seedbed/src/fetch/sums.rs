//! The SHA-256 of each downloaded file.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use librqbit::ManagedTorrent;
use sha2::{Digest as _, Sha256};

/// Bytes to read at a time.
const CHUNK: usize = 256 << 10;

/// The paths of a torrent's files below the download directory, in the order of their bytes.
pub(super) fn files(torrent: &ManagedTorrent) -> anyhow::Result<Vec<PathBuf>> {
    torrent.with_metadata(|metadata| {
        let real = metadata.file_infos.iter().filter(|file| !file.attrs.padding);
        let paths = real.map(|file| file.relative_filename.clone());
        match metadata.info.name() {
            // A folder's name is the directory that its files are in.
            Some(name) if metadata.info.info().files.is_some() => {
                let folder = PathBuf::from(name.into_owned());
                paths.map(|path| folder.join(path)).collect()
            }
            _ => paths.collect(),
        }
    })
}

/// One line `sha256  path` for each file.
pub(super) fn of(directory: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let line = |file: &PathBuf| {
        let path = directory.join(file);
        let sum = sum(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(format!("{}  {}", hex::encode(sum), file.display()))
    };
    files.iter().map(line).collect()
}

fn sum(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}
