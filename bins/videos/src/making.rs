//! Makes one entry of the catalog in a directory of its own.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use seedbed_service::Shutdown;

use crate::{
    Media, Mismatch, MuxError, Video,
    encoder::{EncodeError, Ffmpeg},
    hls,
    layers::layers,
    lock::Sha256,
    mismatch, mux,
    padding::{PadError, pad},
    probe::{ProbeError, Report},
    subtitles,
};

/// Where a media file is finished before it gets its path.
const OUTPUT: &str = "output";

/// Why a video cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// ffmpeg failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The packets cannot be put together.
    #[error(transparent)]
    Mux(#[from] MuxError),
    /// The encode does not fit the size.
    #[error(transparent)]
    Pad(#[from] PadError),
    /// ffprobe failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// What came out is not what was asked for.
    #[error("the encode is not what the catalog asks for: {0}")]
    Wrong(String),
    /// What came out cannot be hashed.
    #[error(transparent)]
    Hash(#[from] seedbed_metainfo::Error),
    /// What came out is not what the lock file has.
    #[error("{0}")]
    Differs(String),
}

/// The programs at work.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) ffprobe: PathBuf,
    pub(crate) shutdown: Shutdown,
}

impl Tools {
    /// Makes the file or folder of `video` in `directory`, looks at it, and gives its layers.
    ///
    /// `on_frame` is told how many frames are done.
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
                self.ffmpeg.copy(video, directory, OUTPUT)?;
            } else {
                mux::matroska(&media, directory, OUTPUT, &self.ffprobe, &self.shutdown)?;
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
            let (mismatches, layers) = self.look(&media, &path)?;
            if !mismatches.is_empty() {
                return Err(MakeError::Wrong(mismatch::describe(&mismatches)));
            }
            all.extend(layers);
        }
        Ok(all)
    }

    /// How a media file differs from what the catalog asks for, and its layers.
    fn look(
        &self,
        media: &Media<'_>,
        path: &Path,
    ) -> Result<(Vec<Mismatch>, BTreeMap<String, Sha256>), MakeError> {
        let report = Report::of(&self.ffprobe, path, &self.shutdown)?;
        Ok((report.mismatches(media), layers_of(media, path, &report)?))
    }

    /// Makes the segments of the finished file `input` in `directory`, below the video's
    /// [`Video::hls_root`].
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

/// The layers of a media file, with its name before them where it is one of several.
pub(crate) fn layers_of(
    media: &Media<'_>,
    path: &Path,
    report: &Report,
) -> io::Result<BTreeMap<String, Sha256>> {
    let layers = layers(path, report)?.into_iter();
    let named = |(layer, hash): (String, Sha256)| match media.episode {
        0 => (layer, hash),
        episode => (format!("e{episode:02} {layer}"), hash),
    };
    Ok(layers.map(named).collect())
}

/// Puts the finished file or folder `from` in the place `to`. What was there before is gone, a
/// folder after it was moved into `aside`.
pub(crate) fn put(from: &Path, to: &Path, aside: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if to.is_dir() {
        fs::rename(to, aside)?;
    }
    fs::rename(from, to)
}
