//! What a finished video is, as ffprobe sees it, against what the catalog asks for.

use std::{fmt, path::Path};

use seedbed_service::Shutdown;
use serde::Deserialize;

use crate::{ProcessError, catalog::Video, process, tone};

/// How far a duration may be off, in seconds: the movie's time scale has milliseconds.
const TOLERANCE: f64 = 0.002;

/// Why nothing is known of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// ffprobe could not be run, failed or was ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// ffprobe complained about the file.
    #[error("ffprobe complains: {0}")]
    Unclean(String),
    /// ffprobe printed something else than was asked for.
    #[error("failed to read what ffprobe printed")]
    Output(#[from] serde_json::Error),
}

/// A property of a file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    what: &'static str,
    wanted: String,
    got: String,
}

impl Mismatch {
    /// A mismatch, if the two differ.
    pub fn of(
        what: &'static str,
        wanted: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Option<Self> {
        let (wanted, got) = (wanted.to_string(), got.to_string());
        (wanted != got).then_some(Self { what, wanted, got })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.what, self.wanted, self.got)
    }
}

/// Says all mismatches in one line.
#[must_use]
pub fn describe(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[derive(Debug, Deserialize)]
struct Report {
    #[serde(default)]
    packets: Vec<Packet>,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Deserialize)]
struct Packet {
    stream_index: usize,
    pts: Option<i64>,
    flags: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    profile: String,
    pix_fmt: String,
    width: u32,
    height: u32,
    avg_frame_rate: String,
    duration: String,
    sample_rate: String,
    channels: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    duration: String,
}

/// Looks at a file, and lists what is not as `video` asks for.
///
/// # Errors
/// ffprobe cannot be run, or cannot read the file.
pub fn compare(
    ffprobe: &Path,
    file: &Path,
    video: &Video,
    shutdown: &Shutdown,
) -> Result<Vec<Mismatch>, ProbeError> {
    // In the file's own directory, a name of the catalog cannot be taken for a URL or a flag.
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut command = process::command(ffprobe, directory.unwrap_or(Path::new(".")))
        .map_err(|error| ProcessError::Start(ffprobe.to_owned(), error))?;
    command.args(["-v", "warning", "-of", "json", "-show_streams", "-show_format"]);
    command.args(["-show_entries", "packet=stream_index,pts,flags"]);
    command.arg(file.file_name().unwrap_or_default());
    let mut json = Vec::new();
    let warnings = process::run(&mut command, shutdown, |line| json.extend_from_slice(line))?;
    if !warnings.trim().is_empty() {
        return Err(ProbeError::Unclean(warnings.trim().replace('\n', "; ")));
    }
    Ok(mismatches(&serde_json::from_slice(&json)?, video))
}

fn mismatches(report: &Report, video: &Video) -> Vec<Mismatch> {
    let kinds = report.streams.iter().map(|s| s.codec_type.as_str()).collect::<Vec<_>>().join("+");
    let [picture, sound] = &report.streams[..] else {
        return Mismatch::of("streams", "video+audio", kinds).into_iter().collect();
    };
    let keyframes = keyframe_spacing(&report.packets);
    let frames = report.packets.iter().filter(|packet| packet.stream_index == 0).count();
    let wanted_keyframes = video.keyframe_interval().min(video.frames());
    [
        Mismatch::of("streams", "video+audio", kinds),
        Mismatch::of("video codec", "h264", &picture.codec_name),
        Mismatch::of("profile", "High", &picture.profile),
        Mismatch::of("pixel format", "yuv420p", &picture.pix_fmt),
        Mismatch::of("width", video.width.get(), picture.width),
        Mismatch::of("height", video.height.get(), picture.height),
        Mismatch::of("frame rate", format!("{}/1", video.fps.get()), &picture.avg_frame_rate),
        Mismatch::of("frames", video.frames(), frames),
        Mismatch::of("keyframe spacing", format!("{wanted_keyframes} frames"), keyframes),
        Mismatch::of("audio codec", "aac", &sound.codec_name),
        Mismatch::of("audio profile", "LC", &sound.profile),
        Mismatch::of("sample rate", tone::RATE, &sound.sample_rate),
        Mismatch::of("channels", tone::CHANNELS, sound.channels),
        duration("duration", video, &report.format.duration),
        duration("video duration", video, &picture.duration),
        duration("audio duration", video, &sound.duration),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn duration(what: &'static str, video: &Video, got: &str) -> Option<Mismatch> {
    let wanted = f64::from(video.seconds.get());
    let close = got.parse::<f64>().is_ok_and(|got| (got - wanted).abs() < TOLERANCE);
    if close { None } else { Mismatch::of(what, format!("{wanted} s"), format!("{got} s")) }
}

/// The distance of the keyframes in the order of presentation, if it is the same throughout.
fn keyframe_spacing(packets: &[Packet]) -> String {
    let mut frames = packets.iter().filter(|packet| packet.stream_index == 0).collect::<Vec<_>>();
    frames.sort_by_key(|packet| packet.pts);
    let keys = frames
        .iter()
        .enumerate()
        .filter(|(_, packet)| packet.flags.starts_with('K'))
        .map(|(index, _)| index)
        .collect::<Vec<_>>();
    let spacing = keys.get(1).copied().unwrap_or(frames.len());
    let regular = spacing > 0 && keys.iter().copied().eq((0..frames.len()).step_by(spacing));
    if regular { format!("{spacing} frames") } else { format!("keyframes at {keys:?}") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::Catalog;

    fn video() -> Video {
        let text = include_str!("../../../videos/catalog.toml");
        Catalog::parse(text).unwrap().videos.swap_remove(0)
    }

    fn report() -> Value {
        let packets = (0..240).map(|frame| {
            let flags = if frame % 48 == 0 { "K_" } else { "__" };
            json!({"stream_index": 0, "pts": frame * 1000, "flags": flags})
        });
        json!({
            "packets": packets.collect::<Vec<_>>(),
            "streams": [
                {"codec_type": "video", "codec_name": "h264", "profile": "High",
                 "pix_fmt": "yuv420p", "width": 1280, "height": 720,
                 "avg_frame_rate": "24/1", "duration": "10.000000"},
                {"codec_type": "audio", "codec_name": "aac", "profile": "LC",
                 "sample_rate": "48000", "channels": 2, "duration": "10.000000"},
            ],
            "format": {"duration": "10.000000"},
        })
    }

    fn compare(report: Value) -> String {
        describe(&mismatches(&serde_json::from_value(report).unwrap(), &video()))
    }

    #[test]
    fn what_the_catalog_asks_for_is_no_mismatch() {
        assert_eq!(compare(report()), "");
    }

    #[test]
    fn every_property_is_looked_at() {
        for (pointer, value, message) in [
            ("/streams/0/codec_name", json!("hevc"), "video codec: wanted h264, got hevc"),
            ("/streams/0/profile", json!("Main"), "profile: wanted High, got Main"),
            ("/streams/0/pix_fmt", json!("yuv444p"), "pixel format: wanted yuv420p, got yuv444p"),
            ("/streams/0/width", json!(640), "width: wanted 1280, got 640"),
            ("/streams/0/height", json!(480), "height: wanted 720, got 480"),
            ("/streams/0/avg_frame_rate", json!("25/1"), "frame rate: wanted 24/1, got 25/1"),
            (
                "/streams/0/duration",
                json!("9.958333"),
                "video duration: wanted 10 s, got 9.958333 s",
            ),
            ("/streams/1/codec_name", json!("mp3"), "audio codec: wanted aac, got mp3"),
            ("/streams/1/profile", json!("HE-AAC"), "audio profile: wanted LC, got HE-AAC"),
            ("/streams/1/sample_rate", json!("44100"), "sample rate: wanted 48000, got 44100"),
            ("/streams/1/channels", json!(1), "channels: wanted 2, got 1"),
            ("/streams/1/duration", json!("N/A"), "audio duration: wanted 10 s, got N/A s"),
            ("/format/duration", json!("10.5"), "duration: wanted 10 s, got 10.5 s"),
            (
                "/packets/96/flags",
                json!("__"),
                "keyframe spacing: wanted 48 frames, got keyframes at [0, 48, 144, 192]",
            ),
        ] {
            let mut report = report();
            *report.pointer_mut(pointer).unwrap() = value;
            assert_eq!(compare(report), message);
        }
    }

    #[test]
    fn a_short_file_is_told_by_its_frames() {
        let mut report = report();
        report["packets"].as_array_mut().unwrap().truncate(239);
        assert_eq!(compare(report), "frames: wanted 240, got 239");
    }

    #[test]
    fn a_missing_stream_is_named() {
        let mut report = report();
        report["streams"].as_array_mut().unwrap().pop();
        assert_eq!(compare(report), "streams: wanted video+audio, got video");
    }
}
