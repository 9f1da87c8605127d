//! ffmpeg, with everything that could vary pinned.
//!
//! Three processes make a video: picture, sound, and a copy into one file. The sound is encoded
//! without SIMD (`-cpuflags 0`), because the AAC encoder's floats depend on the CPU's features; the
//! picture does not, and takes twice as long without.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use seedbed_service::Shutdown;

use crate::{
    ProcessError,
    catalog::{PATCH_MARGIN, Video},
    process, tone,
};

/// What x264 is told. Its default threads depend on the cores, and the threads change the bytes.
const X264: &str = "threads=4:lookahead-threads=1:sliced-threads=0:cpu-independent=1:\
                    colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m";

/// Drops the SEI, in which x264 writes its build.
const NO_SEI: &str = "filter_units=remove_types=6";

/// The tools of the AAC encoder that decide by comparing floats are off.
const AAC: &str = "-c:a aac -aac_coder fast -aac_pns 0 -aac_tns 0 -aac_is 0 -aac_ms 0";

/// Keeps versions, times and names out of a file.
const BITEXACT: &str = "-fflags +bitexact -map_metadata -1 -map_chapters -1";

const TONE: &str = "tone.s16";
const PICTURE: &str = "picture.mp4";
const SOUND: &str = "sound.mp4";

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

    /// Asks it who it is (`ffmpeg 5.1.9, x264 core 164`), and tries the settings on one frame.
    ///
    /// # Errors
    /// It is not installed, has no libx264, or does not know a setting.
    pub fn identify(&self) -> Result<String, EncodeError> {
        let here = Path::new(".");
        let mut version = Vec::new();
        self.run(here, &["-version"], |line| version.push(text(line)))?;
        let ffmpeg = version
            .first()
            .and_then(|line| line.strip_prefix("ffmpeg version ")?.split(' ').next())
            .ok_or_else(|| EncodeError::Unusable(version.join("; ")))?
            .to_owned();

        let mut arguments = Arguments::default();
        arguments.words("-nostdin -v warning -f lavfi -i testsrc=duration=1:size=64x64:rate=1");
        arguments.words("-c:v libx264 -pix_fmt yuv420p -qp 28").pair("-x264-params", X264);
        arguments.words("-f h264 pipe:1");
        let mut stream = Vec::new();
        self.run(here, &arguments.0, |line| {
            stream.extend_from_slice(line);
            stream.push(b'\n');
        })?;
        let x264 = x264_build(&stream)
            .ok_or_else(|| EncodeError::Unusable(format!("ffmpeg {ffmpeg} without x264's SEI")))?;
        Ok(format!("ffmpeg {ffmpeg}, x264 {x264}"))
    }

    /// Makes `video` as `directory`/`output`. Other files are left beside it.
    ///
    /// `on_frame` is told how many frames are done.
    ///
    /// # Errors
    /// ffmpeg fails or is ended, or the disk is full.
    pub fn encode(
        &self,
        video: &Video,
        directory: &Path,
        output: &str,
        mut on_frame: impl FnMut(u64),
    ) -> Result<(), EncodeError> {
        self.run(directory, &picture(video), |line| {
            if let Some(frame) = frame_of(line) {
                on_frame(frame);
            }
        })?;
        write_tone(&directory.join(TONE), video).map_err(EncodeError::Tone)?;
        self.run(directory, &sound(video), |_| ())?;
        self.run(directory, &copy(video, output), |_| ())
    }

    fn run<S: AsRef<std::ffi::OsStr>>(
        &self,
        directory: &Path,
        arguments: &[S],
        on_line: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let mut command = process::command(&self.program, directory)
            .map_err(|error| ProcessError::Start(self.program.clone(), error))?;
        let warnings = process::run(command.args(arguments), &self.shutdown, on_line)?;
        // x264 and the muxers only warn of a name that they do not know, and go on without it.
        let ignored =
            ["Error parsing option", "nknown option", "Unrecognized option", "not been used"];
        match warnings.lines().find(|line| ignored.iter().any(|text| line.contains(text))) {
            Some(line) => Err(EncodeError::Refused(line.trim().to_owned())),
            None => Ok(()),
        }
    }
}

/// A command line in the making.
#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    /// Adds arguments that have no space in them.
    fn words(&mut self, words: &str) -> &mut Self {
        self.0.extend(words.split(' ').map(str::to_owned));
        self
    }

    fn pair(&mut self, flag: &str, value: impl Into<String>) -> &mut Self {
        self.0.extend([flag.to_owned(), value.into()]);
        self
    }
}

/// Encodes the picture alone.
fn picture(video: &Video) -> Vec<String> {
    let (fps, seconds) = (video.fps.get(), video.seconds.get());
    let interval = video.keyframe_interval();
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning -progress pipe:1 -nostats -stats_period 0.5");
    // testsrc, gray and seeded noise are sources that did not change since 2017.
    let (width, height) = (video.width.get(), video.height.get());
    arguments
        .words("-f lavfi")
        .pair("-i", format!("testsrc=duration={seconds}:size={width}x{height}:rate={fps}"));
    let (width, height) = (video.noise_width.get(), video.noise_height.get());
    arguments.words("-f lavfi").pair(
        "-i",
        format!(
            "color=c=gray:s={width}x{height}:r={fps}:d={seconds},format=yuv420p,\
             noise=c0s=60:c0f=t:all_seed=7"
        ),
    );
    arguments.pair(
        "-filter_complex",
        format!(
            "[0:v]scale=flags=bitexact+accurate_rnd,format=yuv420p[picture];\
             [picture][1:v]overlay=x=W-w-{PATCH_MARGIN}:y=H-h-{PATCH_MARGIN}\
             :format=yuv420:shortest=1,format=yuv420p[out]"
        ),
    );
    arguments.words("-map [out] -c:v libx264 -profile:v high");
    arguments.pair("-preset", video.preset.as_str());
    // A rate that is controlled is not the same on all versions of x264; a quantiser is.
    arguments.pair("-qp", video.qp.get().to_string());
    arguments.pair("-g", interval.to_string()).pair("-keyint_min", interval.to_string());
    arguments.words("-sc_threshold 0").pair("-x264-params", X264);
    arguments.words("-flags:v +bitexact").pair("-bsf:v", NO_SEI).words(BITEXACT);
    movie(&mut arguments, video);
    arguments.words(PICTURE);
    arguments.0
}

/// Encodes the sound alone.
fn sound(video: &Video) -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-cpuflags 0 -nostdin -y -v warning");
    arguments.words("-f s16le").pair("-ar", tone::RATE.to_string());
    arguments.pair("-ac", tone::CHANNELS.to_string()).pair("-i", TONE);
    arguments.words(AAC).pair("-b:a", format!("{}k", video.audio_kbps.get()));
    arguments.words("-flags:a +bitexact").words(BITEXACT);
    arguments.words("-write_btrt 0 -movie_timescale 1000").words(SOUND);
    arguments.0
}

/// Copies both into one file.
fn copy(video: &Video, output: &str) -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning").pair("-i", PICTURE).pair("-i", SOUND);
    arguments.words("-map 0:v -map 1:a -c copy").words(BITEXACT);
    movie(&mut arguments, video);
    arguments.words("-movflags +faststart").words(output);
    arguments.0
}

/// The settings of the MP4 muxer whose defaults changed between versions.
fn movie(arguments: &mut Arguments, video: &Video) {
    arguments.words("-write_btrt 0 -movie_timescale 1000");
    arguments.pair("-video_track_timescale", (video.fps.get() * 1000).to_string());
}

fn write_tone(path: &Path, video: &Video) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    tone::write(&mut file, video.tone_hz.get(), video.seconds.get())?;
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
