//! Makes one entry of the catalog in a temporary directory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use seedbed_service::Shutdown;

use crate::{
    catalog::Video,
    containers::{MuxError, PadError, hls, pad, subtitles, write_matroska},
    ffmpeg::{EncodeError, Ffmpeg, ProbeError, Report, describe},
    lock::{Sha256, layers},
};

/// Name of a media file until it is finished.
const OUTPUT: &str = "output";

/// A video that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// ffmpeg failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The packets cannot be muxed.
    #[error(transparent)]
    Mux(#[from] MuxError),
    /// The file cannot be padded to its size.
    #[error(transparent)]
    Pad(#[from] PadError),
    /// ffprobe failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The file differs from the catalog.
    #[error("the encode differs from the catalog: {0}")]
    Mismatch(String),
    /// The file cannot be hashed.
    #[error(transparent)]
    Hash(#[from] seedbed_metainfo::Error),
    /// The file differs from the lock file, which is enforced.
    #[error("{0}")]
    Differs(String),
}

/// Makes videos with ffmpeg and ffprobe.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) ffprobe: PathBuf,
    pub(crate) shutdown: Shutdown,
}

impl Maker {
    /// Makes the file or folder of `video` in `directory`, checks it, and returns its layers.
    ///
    /// Calls `on_frame` with the number of frames that are encoded.
    pub(crate) fn make(
        &self,
        video: &Video,
        directory: &Path,
        on_frame: impl Fn(u64),
    ) -> Result<BTreeMap<String, Sha256>, MakeError> {
        let mut all = BTreeMap::new();
        for (index, media) in video.media().enumerate() {
            let before = index as u64 * u64::from(video.frames());
            self.ffmpeg.encode(&media, directory, |frame| on_frame(before + frame))?;
            let output = directory.join(OUTPUT);
            if video.container.is_mp4() {
                self.ffmpeg.remux(video, directory, OUTPUT)?;
            } else {
                write_matroska(&media, directory, OUTPUT, &self.ffprobe, &self.shutdown)?;
            }
            let mut file = File::options().read(true).write(true).open(&output)?;
            if let Some(size) = video.size {
                pad(&mut file, size.get())?;
            }
            file.sync_all()?;
            let path = directory.join(media.path());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(output, &path)?;
            for (name, language) in media.subtitle_files() {
                fs::write(directory.join(name), subtitles::srt(language, video.seconds.get()))?;
            }
            let report = Report::probe(&self.ffprobe, &path, &self.shutdown)?;
            let mismatches = report.mismatches(&media);
            if !mismatches.is_empty() {
                return Err(MakeError::Mismatch(describe(&mismatches)));
            }
            all.extend(layers(&media, &path, &report)?);
        }
        Ok(all)
    }

    /// Cuts the finished file `input` into segments, at [`Video::hls_root`] below `directory`.
    pub(crate) fn segment(
        &self,
        video: &Video,
        input: &Path,
        directory: &Path,
    ) -> Result<(), MakeError> {
        let root = directory.join(video.hls_root());
        fs::create_dir_all(root.join("fmp4"))?;
        fs::create_dir_all(directory.join("ts"))?;
        self.ffmpeg.segment(video, input, directory)?;
        hls::write_playlist(&directory.join("ts"), video)?;
        fs::rename(directory.join("ts"), root.join("ts"))?;
        hls::split_fragments(&directory.join("fragmented.mp4"), &root.join("fmp4"), video)?;
        Ok(())
    }
}

/// Moves the finished file or folder `from` to `to`. Replaces a file; moves a folder to `aside`.
pub(crate) fn replace(from: &Path, to: &Path, aside: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if to.is_dir() {
        fs::rename(to, aside)?;
    }
    fs::rename(from, to)
}
