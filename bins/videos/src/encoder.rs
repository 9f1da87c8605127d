//! ffmpeg at work: who it is, and the steps by which it makes a media file.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use seedbed_service::Shutdown;

use crate::{
    Audio, Media, PictureCodec, ProcessError, Video, process,
    recipe::{self, TONE},
    tone,
};

/// Why a video was not encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// ffmpeg could not be run, failed or was ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// ffmpeg ignored a setting on which the bytes depend.
    #[error("ffmpeg does not take a setting of the recipe: {0}")]
    Refused(String),
    /// ffmpeg is none that can be used.
    #[error("wanted ffmpeg with libx264, got {0}")]
    Unusable(String),
    /// The sound could not be written.
    #[error("failed to write the tone")]
    Tone(#[source] io::Error),
}

/// The ffmpeg to run.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    program: PathBuf,
    shutdown: Shutdown,
}

impl Ffmpeg {
    /// The program at a path, or of a name in PATH. `shutdown` ends it.
    #[must_use]
    pub const fn new(program: PathBuf, shutdown: Shutdown) -> Self {
        Self { program, shutdown }
    }

    /// Asks it who it is, and tries the settings on one frame.
    ///
    /// # Errors
    /// It is not installed, has no libx264, or does not know a setting.
    pub fn identify(&self) -> Result<Identity, EncodeError> {
        let here = Path::new(".");
        let mut version = Vec::new();
        self.run(here, &["-version"], |line| version.push(text(line)))?;
        let ffmpeg = version
            .first()
            .and_then(|line| line.strip_prefix("ffmpeg version ")?.split(' ').next())
            .ok_or_else(|| EncodeError::Unusable(version.join("; ")))?
            .to_owned();

        let mut stream = Vec::new();
        self.run(here, &recipe::trial(), |line| {
            stream.extend_from_slice(line);
            stream.push(b'\n');
        })?;
        let x264 = x264_build(&stream)
            .ok_or_else(|| EncodeError::Unusable(format!("ffmpeg {ffmpeg} without x264's SEI")))?;
        Ok(Identity { ffmpeg, x264 })
    }

    /// Makes the packets of `media` in `directory`: the picture in one file, each audio track in
    /// one. Other files are left beside them.
    ///
    /// `on_frame` is told how many frames are done.
    ///
    /// # Errors
    /// ffmpeg fails or is ended, or the disk is full.
    pub fn encode(
        &self,
        media: &Media<'_>,
        directory: &Path,
        mut on_frame: impl FnMut(u64),
    ) -> Result<(), EncodeError> {
        if let Some(picture) = &media.video.picture {
            self.run(directory, &recipe::picture(media, picture), |line| {
                if let Some(frame) = frame_of(line) {
                    on_frame(frame);
                }
            })?;
        }
        for (index, audio) in media.video.audio.iter().enumerate() {
            // The packets of Opus are there already.
            let Audio::Aac { tone_hz, kbps, .. } = audio else { continue };
            let (hz, seconds) = (media.tone_hz(*tone_hz), media.video.seconds.get());
            write_tone(&directory.join(TONE), hz, seconds).map_err(EncodeError::Tone)?;
            self.run(directory, &recipe::sound(kbps.get(), index), |_| ())?;
        }
        Ok(())
    }

    /// Copies the packets in `directory` into the MP4 file `output`.
    ///
    /// # Errors
    /// As for [`Ffmpeg::encode`].
    pub fn copy(&self, video: &Video, directory: &Path, output: &str) -> Result<(), EncodeError> {
        self.run(directory, &recipe::copy(video, output), |_| ())
    }

    /// Cuts the MP4 file `input` into the transport stream segments `directory`/`ts/seg-00000.ts`
    /// and on, and copies it to `directory`/`fragmented.mp4` with a fragment for each keyframe.
    ///
    /// # Errors
    /// As for [`Ffmpeg::encode`].
    pub fn segment(
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
        // x264 and the muxers only warn of a name that they do not know, and go on without it.
        let ignored =
            ["Error parsing option", "nknown option", "Unrecognized option", "not been used"];
        match warnings.lines().find(|line| ignored.iter().any(|text| line.contains(text))) {
            Some(line) => Err(EncodeError::Refused(line.trim().to_owned())),
            None => Ok(()),
        }
    }
}

/// Who encodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    ffmpeg: String,
    x264: String,
}

impl Identity {
    /// As much as is to be known of it for a video: `ffmpeg 5.1.9, x264 core 164`.
    #[must_use]
    pub fn of(&self, video: &Video) -> String {
        let Self { ffmpeg, x264 } = self;
        match &video.picture {
            Some(picture) if picture.codec == PictureCodec::H264 => {
                format!("ffmpeg {ffmpeg}, x264 {x264}")
            }
            _ => format!("ffmpeg {ffmpeg}"),
        }
    }
}

fn write_tone(path: &Path, hz: u32, seconds: u32) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    tone::write(&mut file, hz, seconds)?;
    file.flush()
}

/// The frame of a line of `-progress`.
fn frame_of(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.strip_prefix("frame=")?.trim().parse().ok()
}

/// What x264 says of itself in the SEI of a stream: `core 164 r3095 baee400`.
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
        assert_eq!(frame_of(b"frame=240"), Some(240));
        assert_eq!(frame_of(b"out_time=N/A"), None);
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
