//! `verify`: compares the files with the lock file and the catalog.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use seedbed_service::{Shutdown, startup};

use crate::{
    catalog::Video,
    ffmpeg::{Mismatch, ProbeError, ProcessError, Report},
    lock::{Hashes, Lock, Record, Sha256, Snapshot, layers},
};

/// A comparison that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read.
    #[error("failed to read {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// ffprobe cannot be run, or was killed.
    #[error(transparent)]
    Probe(ProbeError),
}

/// Compares the files of each video, prints a line for each video, and returns how many failed.
///
/// # Errors
/// A file cannot be read, or ffprobe cannot be run.
pub(crate) fn run(
    videos: &[Video],
    out: &Path,
    lock: &Lock,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<usize, Error> {
    let mut failed = 0;
    for video in videos {
        let path = out.join(video.root());
        let snapshot =
            Snapshot::take(video, out).map_err(|error| Error::Read(path.clone(), error))?;
        let differences = match snapshot.map(|_| Hashes::of(video, out)) {
            None => vec![format!("wanted {}, got no file", path.display())],
            // Also for an empty file, which has no infohash.
            Some(Err(error)) => vec![format!("{:#}", anyhow::Error::from(error))],
            Some(Ok(hashes)) => {
                let differences = differences(video, out, &hashes, lock, ffprobe, shutdown)?;
                if differences.is_empty() {
                    let Hashes { length, sha256, .. } = hashes;
                    startup::line(format_args!("ok {} {length} bytes sha256 {sha256}", video.name));
                }
                differences
            }
        };
        if !differences.is_empty() {
            startup::line(format_args!("failed {}: {}", video.name, differences.join("; ")));
            failed += 1;
        }
    }
    Ok(failed)
}

fn differences(
    video: &Video,
    out: &Path,
    hashes: &Hashes,
    lock: &Lock,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<Vec<String>, Error> {
    let mut differences = Vec::new();
    let locked = lock.video.get(video.name.as_str());
    match locked {
        None => differences.push("wanted a record in the lock file, got none".to_owned()),
        Some(locked) => {
            let mut recorded = vec![
                Mismatch::between("sha256", locked.sha256, hashes.sha256),
                Mismatch::between("length", locked.length, hashes.length),
                Mismatch::between("infohash", locked.infohash, hashes.infohash),
                Mismatch::between("recipe", video.fingerprint(), &locked.recipe),
            ];
            for (variant, wanted) in &locked.hls {
                let got = hashes.hls.get(variant).map_or("none".to_owned(), ToString::to_string);
                recorded.push(Mismatch::between(format!("hls/{variant}"), wanted, got));
            }
            differences.extend(recorded.iter().flatten().map(ToString::to_string));
        }
    }
    if let Some(size) = video.size {
        let mismatch = Mismatch::between("size", size.get(), hashes.length);
        differences.extend(mismatch.map(|mismatch| mismatch.to_string()));
    }
    for media in video.media() {
        let path = out.join(media.path());
        match Report::probe(ffprobe, &path, shutdown) {
            Ok(report) => {
                differences.extend(report.mismatches(&media).iter().map(ToString::to_string));
                let layers = layers(&media, &path, &report);
                let layers = layers.map_err(|error| Error::Read(path.clone(), error))?;
                differences.extend(layer_mismatches(locked, &layers));
            }
            Err(
                error
                @ (ProbeError::Warnings(_) | ProbeError::Process(ProcessError::Failed { .. })),
            ) => differences.push(error.to_string()),
            Err(error) => return Err(Error::Probe(error)),
        }
    }
    Ok(differences)
}

/// Lists the layers of a media file that differ from the lock file.
fn layer_mismatches(locked: Option<&Record>, layers: &BTreeMap<String, Sha256>) -> Vec<String> {
    let Some(locked) = locked else { return Vec::new() };
    let compare = |(name, got): (&String, &Sha256)| {
        let wanted = locked.layers.get(name).map_or("none".to_owned(), ToString::to_string);
        Mismatch::between(format!("{name} layer"), wanted, got)
    };
    layers.iter().filter_map(compare).map(|mismatch| mismatch.to_string()).collect()
}
