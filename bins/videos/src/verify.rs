//! `verify`: compares the files with the lock file and the catalog.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use seedbed_service::{Shutdown, startup};

use crate::{
    Mismatch, ProcessError, Video,
    lock::{Hashes, Lock, Made, Sha256},
    making::layers_of,
    probe::{ProbeError, Report},
    state::Look,
};

/// Why the files were not compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be looked at.
    #[error("failed to look at {}", .0.display())]
    Look(PathBuf, #[source] std::io::Error),
    /// ffprobe cannot be run, or was ended.
    #[error(transparent)]
    Probe(ProbeError),
}

/// Compares the file of each video, prints a line for each, and returns how many are not right.
///
/// # Errors
/// The directory cannot be looked at, or ffprobe cannot be run.
pub fn run(
    videos: &[Video],
    out: &Path,
    lock: &Lock,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<usize, Error> {
    let mut failed = 0;
    for video in videos {
        let path = out.join(video.root());
        let look = Look::at(video, out).map_err(|error| Error::Look(path.clone(), error))?;
        let hashes = look.map(|_| Hashes::of(video, out));
        let complaint = match hashes {
            None => Some(format!("wanted {}, got no file", path.display())),
            // An empty file has no hashes either.
            Some(Err(error)) => Some(format!("{:#}", anyhow::Error::from(error))),
            Some(Ok(hashes)) => {
                let complaint = complaint(video, out, &hashes, lock, ffprobe, shutdown)?;
                if complaint.is_none() {
                    startup::line(format_args!(
                        "ok {} {} bytes sha256 {}",
                        video.name, hashes.length, hashes.sha256
                    ));
                }
                complaint
            }
        };
        if let Some(complaint) = complaint {
            startup::line(format_args!("failed {}: {complaint}", video.name));
            failed += 1;
        }
    }
    Ok(failed)
}

fn complaint(
    video: &Video,
    out: &Path,
    hashes: &Hashes,
    lock: &Lock,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<Option<String>, Error> {
    let mut complaints = Vec::new();
    let locked = lock.video.get(video.name.as_str());
    match locked {
        None => complaints.push("wanted an entry in the lock file, got none".to_owned()),
        Some(locked) => {
            let mut recorded = vec![
                Mismatch::of("sha256", locked.sha256, hashes.sha256),
                Mismatch::of("length", locked.length, hashes.length),
                Mismatch::of("infohash", locked.infohash, hashes.infohash),
                Mismatch::of("recipe", video.fingerprint(), &locked.recipe),
            ];
            for (variant, wanted) in &locked.hls {
                let got = hashes.hls.get(variant).map_or("none".to_owned(), ToString::to_string);
                recorded.push(Mismatch::of(format!("hls/{variant}"), wanted, got));
            }
            complaints.extend(recorded.iter().flatten().map(ToString::to_string));
        }
    }
    if let Some(size) = video.size {
        let wrong = Mismatch::of("size", size.get(), hashes.length);
        complaints.extend(wrong.map(|mismatch| mismatch.to_string()));
    }
    for media in video.media() {
        let path = out.join(media.path());
        match Report::of(ffprobe, &path, shutdown) {
            Ok(report) => {
                complaints.extend(report.mismatches(&media).iter().map(ToString::to_string));
                let layers = layers_of(&media, &path, &report);
                let layers = layers.map_err(|error| Error::Look(path.clone(), error))?;
                complaints.extend(drifted(locked, &layers));
            }
            Err(
                error @ (ProbeError::Unclean(_) | ProbeError::Process(ProcessError::Failed { .. })),
            ) => complaints.push(error.to_string()),
            Err(error) => return Err(Error::Probe(error)),
        }
    }
    Ok((!complaints.is_empty()).then(|| complaints.join("; ")))
}

/// Which layers of a media file are not those of the lock file.
fn drifted(locked: Option<&Made>, layers: &BTreeMap<String, Sha256>) -> Vec<String> {
    let Some(locked) = locked else { return Vec::new() };
    let compare = |(name, got): (&String, &Sha256)| {
        let wanted = locked.layers.get(name).map_or("none".to_owned(), ToString::to_string);
        Mismatch::of(format!("{name} layer"), wanted, got)
    };
    layers.iter().filter_map(compare).map(|mismatch| mismatch.to_string()).collect()
}
