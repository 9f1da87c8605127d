//! Runs ffmpeg: identifies it, encodes streams, and copies them into files.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use seedbed_service::Shutdown;

use super::{
    ProcessError, process,
    recipe::{self, PCM_FILE},
    tone,
};
use crate::catalog::{Audio, MediaFile, PictureCodec, Video};

/// An encode that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// ffmpeg cannot be run, failed or was killed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// ffmpeg ignored an option on which the bytes depend.
    #[error("ffmpeg ignored an option of the recipe: {0}")]
    IgnoredOption(String),
    /// This ffmpeg cannot be used.
    #[error("wanted ffmpeg with libx264, got {0}")]
    Unusable(String),
    /// The samples of an audio track cannot be written.
    #[error("failed to write the samples of an audio track")]
    Samples(#[source] io::Error),
}

/// An ffmpeg program.
#[derive(Clone, Debug)]
pub(crate) struct Ffmpeg {
    program: PathBuf,
    shutdown: Shutdown,
}

impl Ffmpeg {
    /// Takes a path, or a name to look up in PATH. `shutdown` kills what runs.
    #[must_use]
    pub(crate) const fn new(program: PathBuf, shutdown: Shutdown) -> Self {
        Self { program, shutdown }
    }

    /// Returns its version and that of x264, after an encode of one frame with the recipe's settings.
    ///
    /// # Errors
    /// It is not installed, has no libx264, or ignores a setting.
    pub(crate) fn identify(&self) -> Result<EncoderVersions, EncodeError> {
        let here = Path::new(".");
        let mut version = Vec::new();
        self.run(here, &["-version"], |line| version.push(text(line)))?;
        let ffmpeg = version
            .first()
            .and_then(|line| line.strip_prefix("ffmpeg version ")?.split(' ').next())
            .ok_or_else(|| EncodeError::Unusable(version.join("; ")))?
            .to_owned();

        let mut stream = Vec::new();
        self.run(here, &recipe::settings_check(), |line| {
            stream.extend_from_slice(line);
            stream.push(b'\n');
        })?;
        let x264 = x264_build(&stream)
            .ok_or_else(|| EncodeError::Unusable(format!("ffmpeg {ffmpeg} without x264's SEI")))?;
        Ok(EncoderVersions { ffmpeg, x264 })
    }

    /// Encodes the picture and each audio track of `media` into a file of its own in `directory`.
    ///
    /// Calls `on_frame` with the number of frames that are encoded.
    ///
    /// # Errors
    /// ffmpeg fails or is killed, or the disk is full.
    pub(crate) fn encode(
        &self,
        media: &MediaFile<'_>,
        directory: &Path,
        mut on_frame: impl FnMut(u64),
    ) -> Result<(), EncodeError> {
        if let Some(picture) = &media.video.picture {
            self.run(directory, &recipe::picture(media, picture), |line| {
                if let Some(frame) = frame_number(line) {
                    on_frame(frame);
                }
            })?;
        }
        for (index, audio) in media.video.audio.iter().enumerate() {
            // The packets of Opus are fixed.
            let Audio::Aac { tone_hz, kbps, .. } = audio else { continue };
            let (hz, seconds) = (media.tone_hz(*tone_hz), media.video.seconds.get());
            write_samples(&directory.join(PCM_FILE), hz, seconds).map_err(EncodeError::Samples)?;
            self.run(directory, &recipe::audio(kbps.get(), index), |_| ())?;
        }
        Ok(())
    }

    /// Copies the encoded streams in `directory` into the MP4 file `output`.
    ///
    /// # Errors
    /// As for [`Ffmpeg::encode`].
    pub(crate) fn remux(
        &self,
        video: &Video,
        directory: &Path,
        output: &str,
    ) -> Result<(), EncodeError> {
        self.run(directory, &recipe::remux(video, output), |_| ())
    }

    /// Cuts the MP4 file `input` into transport stream segments, `directory`/`ts/seg-00000.ts` and so
    /// on, and copies it to `directory`/`fragmented.mp4` with a fragment for each keyframe.
    ///
    /// # Errors
    /// As for [`Ffmpeg::encode`].
    pub(crate) fn segment(
        &self,
        video: &Video,
        input: &Path,
        directory: &Path,
    ) -> Result<(), EncodeError> {
        let input = std::path::absolute(input)
            .map_err(|error| ProcessError::Start(self.program.clone(), error))?
            .display()
            .to_string();
        self.run(directory, &recipe::transport_stream(video, &input), |_| ())?;
        self.run(directory, &recipe::fragmented(video, &input), |_| ())
    }

    fn run<S: AsRef<std::ffi::OsStr>>(
        &self,
        directory: &Path,
        arguments: &[S],
        on_line: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let warnings = process::run(&self.program, directory, arguments, &self.shutdown, on_line)?;
        // x264 and the muxers warn about an option that they do not know, and continue without it.
        let ignored =
            ["Error parsing option", "nknown option", "Unrecognized option", "not been used"];
        match warnings.lines().find(|line| ignored.iter().any(|text| line.contains(text))) {
            Some(line) => Err(EncodeError::IgnoredOption(line.trim().to_owned())),
            None => Ok(()),
        }
    }
}

/// The versions of the encoders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncoderVersions {
    ffmpeg: String,
    x264: String,
}

impl EncoderVersions {
    /// Names the encoders of a video: `ffmpeg 5.1.9, x264 core 164`.
    #[must_use]
    pub(crate) fn describe_for(&self, video: &Video) -> String {
        let Self { ffmpeg, x264 } = self;
        match &video.picture {
            Some(picture) if picture.codec == PictureCodec::H264 => {
                format!("ffmpeg {ffmpeg}, x264 {x264}")
            }
            _ => format!("ffmpeg {ffmpeg}"),
        }
    }
}

fn write_samples(path: &Path, hz: u32, seconds: u32) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    tone::write(&mut file, hz, seconds)?;
    file.flush()
}

/// The number of frames in a line of `-progress`.
fn frame_number(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.strip_prefix("frame=")?.trim().parse().ok()
}

/// The build of x264 in the SEI of a stream: `core 164 r3095 baee400`.
fn x264_build(stream: &[u8]) -> Option<String> {
    let stream = text(stream);
    let (_, rest) = stream.split_once("x264 - ")?;
    let (build, _) = rest.split_once(" - H.264")?;
    Some(build.trim().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_of_x264_is_found_in_its_sei() {
        let stream = b"\0\0\x01\x06\xff\xfex264 - core 164 r3095 baee400 - H.264/MPEG-4 AVC codec";
        assert_eq!(x264_build(stream).as_deref(), Some("core 164 r3095 baee400"));
        let plain = b"x264 - core 165 - H.264/MPEG-4 AVC codec";
        assert_eq!(x264_build(plain).as_deref(), Some("core 165"));
        assert_eq!(x264_build(b"\0\0\x01\x65"), None);
    }

    #[test]
    fn frames_are_read_from_the_progress() {
        assert_eq!(frame_number(b"frame=240"), Some(240));
        assert_eq!(frame_number(b"out_time=N/A"), None);
    }

    #[test]
    fn a_setting_that_ffmpeg_ignores_is_an_error() {
        let program = PathBuf::from("sh");
        let ffmpeg = Ffmpeg::new(program, Shutdown::new());
        let script = "echo \"[libx264 @ 0x5] Error parsing option 'bogus = 1'.\" >&2";
        let error = ffmpeg.run(Path::new("/"), &["-c", script], |_| ()).unwrap_err();
        assert!(error.to_string().ends_with("Error parsing option 'bogus = 1'."), "{error}");
    }
}
