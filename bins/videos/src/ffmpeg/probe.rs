//! Probes a finished file with ffprobe, and compares it with the catalog.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use seedbed_service::Shutdown;
use serde::Deserialize;

use super::{Mismatch, ProcessError, process, tone};
use crate::catalog::{AudioCodec, Container, MediaFile, PictureCodec};

/// Tolerance of times in MP4, in seconds: the time scale of the movie is milliseconds.
const TOLERANCE_MP4: f64 = 0.002;

/// Tolerance of times in Matroska, in seconds: audio ends with a whole frame (1024 samples of AAC).
const TOLERANCE_MATROSKA: f64 = 0.022;

/// A file that cannot be probed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    /// ffprobe cannot be run, failed or was killed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// ffprobe printed warnings about the file.
    #[error("ffprobe warns: {0}")]
    Warnings(String),
    /// The output of ffprobe has an unexpected form.
    #[error("failed to parse the output of ffprobe")]
    Output(#[from] serde_json::Error),
}

/// The output of ffprobe for a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    #[serde(default)]
    pub(crate) packets: Vec<Packet>,
    #[serde(default)]
    pub(crate) streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

/// A packet. ffprobe prints most numbers as text.
#[derive(Debug, Deserialize)]
pub(crate) struct Packet {
    pub(crate) stream_index: usize,
    #[serde(default)]
    pts_time: String,
    #[serde(default)]
    dts_time: String,
    #[serde(default)]
    duration_time: String,
    #[serde(default)]
    pos: String,
    #[serde(default)]
    size: String,
    flags: String,
    #[serde(default)]
    pub(crate) data_hash: String,
}

impl Packet {
    /// Presentation time in seconds.
    pub(crate) fn time(&self) -> f64 {
        self.pts_time.parse().unwrap_or(f64::NAN)
    }

    /// Decoding time in seconds.
    pub(crate) fn decode_time(&self) -> f64 {
        self.dts_time.parse().unwrap_or(f64::NAN)
    }

    /// Offset in the file.
    pub(crate) fn position(&self) -> u64 {
        self.pos.parse().unwrap_or(u64::MAX / 2)
    }

    pub(crate) fn size(&self) -> u64 {
        self.size.parse().unwrap_or(0)
    }

    pub(crate) fn is_key(&self) -> bool {
        self.flags.starts_with('K')
    }

    /// Whether players discard what it decodes to.
    fn is_discarded(&self) -> bool {
        self.flags.contains('D')
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    codec_type: String,
    codec_name: String,
    profile: String,
    pix_fmt: String,
    width: u32,
    height: u32,
    avg_frame_rate: String,
    start_time: String,
    duration: String,
    sample_rate: String,
    channels: u32,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    duration: String,
}

impl Report {
    /// Probes a file.
    ///
    /// # Errors
    /// ffprobe cannot be run, or cannot read the file.
    pub(crate) fn probe(
        ffprobe: &Path,
        file: &Path,
        shutdown: &Shutdown,
    ) -> Result<Self, ProbeError> {
        // A name of the catalog, without a directory, cannot be mistaken for a URL or a flag.
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let flags = "-v warning -of json -show_streams -show_format -show_data_hash sha256 \
                     -show_entries \
                     packet=stream_index,pts_time,dts_time,duration_time,pos,size,flags,data_hash";
        let arguments = flags.split(' ').map(OsStr::new).chain(file.file_name());
        let mut json = Vec::new();
        let warnings = process::run(ffprobe, directory, arguments, shutdown, |line| {
            json.extend_from_slice(line);
        })?;
        if !warnings.trim().is_empty() {
            return Err(ProbeError::Warnings(warnings.trim().replace('\n', "; ")));
        }
        Ok(serde_json::from_slice(&json)?)
    }

    /// Names each stream by its type, with a number if there are several of that type.
    pub(crate) fn stream_names(&self) -> Vec<String> {
        let kind = |stream: &Stream| match stream.codec_type.as_str() {
            "subtitle" => "subtitles".to_owned(),
            kind => kind.to_owned(),
        };
        let kinds = self.streams.iter().map(kind).collect::<Vec<_>>();
        let name = |(index, kind): (usize, &String)| {
            let same = |others: &[String]| others.iter().filter(|other| *other == kind).count();
            match same(&kinds) {
                1 => kind.clone(),
                _ => format!("{kind}-{}", same(&kinds[..=index])),
            }
        };
        kinds.iter().enumerate().map(name).collect()
    }

    /// Lists the differences from the catalog.
    pub(crate) fn mismatches(&self, media: &MediaFile<'_>) -> Vec<Mismatch> {
        let video = media.video;
        let wanted = video.picture.iter().map(|_| "video");
        let wanted = wanted.chain(video.audio.iter().map(|_| "audio"));
        let mkv = video.container == Container::Mkv;
        let wanted = wanted.chain(video.subtitles.iter().filter(|_| mkv).map(|_| "subtitle"));
        let wanted = wanted.collect::<Vec<_>>().join("+");
        let kinds = self.streams.iter().map(|s| s.codec_type.as_str()).collect::<Vec<_>>();
        let wrong = Mismatch::between("streams", wanted, kinds.join("+"));
        if wrong.is_some() {
            return wrong.into_iter().collect();
        }
        let names = self.stream_names();
        let mut found = vec![self.duration("duration", media, &self.format.duration)];
        for (index, (stream, name)) in self.streams.iter().zip(&names).enumerate() {
            match stream.codec_type.as_str() {
                "video" => found.extend(self.picture(media, stream)),
                "audio" => found.extend(audio(media, stream, index, name)),
                _ => continue,
            }
            found.push(self.duration(&format!("{name} duration"), media, &self.length(index)));
            found.push(start_at_zero(media, name, &stream.start_time));
        }
        found.into_iter().flatten().collect()
    }

    fn picture(&self, media: &MediaFile<'_>, stream: &Stream) -> Vec<Option<Mismatch>> {
        let Some(picture) = &media.video.picture else { return Vec::new() };
        let frames = self.packets.iter().filter(|packet| packet.stream_index == 0).count();
        let interval = picture.keyframe_interval().min(media.video.frames());
        let profile = match picture.codec {
            PictureCodec::H264 => "High",
            PictureCodec::Vp9 => "Profile 0",
        };
        let fps = picture.fps.get();
        vec![
            Mismatch::between("video codec", picture.codec.as_str(), &stream.codec_name),
            Mismatch::between("profile", profile, &stream.profile),
            Mismatch::between("pixel format", "yuv420p", &stream.pix_fmt),
            Mismatch::between("width", picture.width.get(), stream.width),
            Mismatch::between("height", picture.height.get(), stream.height),
            Mismatch::between("frame rate", format!("{fps}/1"), &stream.avg_frame_rate),
            Mismatch::between("frames", media.video.frames(), frames),
            Mismatch::between(
                "keyframe spacing",
                format!("{interval} frames"),
                keyframe_spacing(&self.packets),
            ),
        ]
    }

    /// The duration of a stream, from its packets where the container has no such field.
    fn length(&self, index: usize) -> String {
        let recorded = &self.streams[index].duration;
        if !recorded.is_empty() {
            return recorded.clone();
        }
        let packets = self
            .packets
            .iter()
            .filter(|packet| packet.stream_index == index && !packet.is_discarded());
        let end = |packet: &Packet| packet.time() + packet.duration_time.parse().unwrap_or(0.0);
        let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
        for packet in packets {
            (first, last) = (first.min(packet.time()), last.max(end(packet)));
        }
        format!("{:.6}", last - first)
    }

    fn duration(&self, property: &str, media: &MediaFile<'_>, got: &str) -> Option<Mismatch> {
        let wanted = f64::from(media.video.seconds.get());
        let close = got.parse::<f64>().is_ok_and(|got| (got - wanted).abs() < tolerance(media));
        if close {
            None
        } else {
            Mismatch::between(property, format!("{wanted} s"), format!("{got} s"))
        }
    }
}

fn audio(
    media: &MediaFile<'_>,
    stream: &Stream,
    index: usize,
    name: &str,
) -> Vec<Option<Mismatch>> {
    let pictures = usize::from(media.video.picture.is_some());
    let Some(audio) = index.checked_sub(pictures).and_then(|index| media.video.audio.get(index))
    else {
        return Vec::new();
    };
    let profile = match audio.codec() {
        AudioCodec::Aac => Mismatch::between(format!("{name} profile"), "LC", &stream.profile),
        AudioCodec::Opus => None,
    };
    let language = audio.language().and_then(|language| {
        let got = stream.tags.get("language").map_or("none", String::as_str);
        Mismatch::between(format!("{name} language"), language.as_str(), got)
    });
    vec![
        Mismatch::between(format!("{name} codec"), audio.codec().as_str(), &stream.codec_name),
        profile,
        Mismatch::between("sample rate", tone::RATE, &stream.sample_rate),
        Mismatch::between("channels", tone::CHANNELS, stream.channels),
        language,
    ]
}

/// Checks that a stream starts at 0. With equal durations, this makes streams synchronous.
fn start_at_zero(media: &MediaFile<'_>, name: &str, start: &str) -> Option<Mismatch> {
    let close = start.parse::<f64>().is_ok_and(|start| start.abs() < tolerance(media));
    if close {
        return None;
    }
    Mismatch::between(format!("{name} sync"), "a start at 0 s", format!("one at {start} s"))
}

fn tolerance(media: &MediaFile<'_>) -> f64 {
    if media.video.container.is_mp4() { TOLERANCE_MP4 } else { TOLERANCE_MATROSKA }
}

/// The number of frames from one keyframe to the next, or the keyframes if that number varies.
fn keyframe_spacing(packets: &[Packet]) -> String {
    let mut frames = packets.iter().filter(|packet| packet.stream_index == 0).collect::<Vec<_>>();
    frames.sort_by(|a, b| a.time().total_cmp(&b.time()));
    let keys = frames
        .iter()
        .enumerate()
        .filter(|(_, packet)| packet.is_key())
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
    use crate::{
        catalog::{Video, stock},
        ffmpeg::describe,
    };

    fn video() -> Video {
        stock().videos.swap_remove(0)
    }

    fn report() -> Value {
        let packets = (0..240).map(|frame| {
            let flags = if frame % 48 == 0 { "K_" } else { "__" };
            json!({
                "stream_index": 0,
                "pts_time": format!("{:.6}", f64::from(frame) / 24.0),
                "flags": flags,
            })
        });
        json!({
            "packets": packets.collect::<Vec<_>>(),
            "streams": [
                {"codec_type": "video", "codec_name": "h264", "profile": "High",
                 "pix_fmt": "yuv420p", "width": 1280, "height": 720,
                 "avg_frame_rate": "24/1", "start_time": "0.000000", "duration": "10.000000"},
                {"codec_type": "audio", "codec_name": "aac", "profile": "LC",
                 "sample_rate": "48000", "channels": 2, "start_time": "0.000000",
                 "duration": "10.000000"},
            ],
            "format": {"duration": "10.000000"},
        })
    }

    fn compare(report: Value) -> String {
        let report: Report = serde_json::from_value(report).unwrap();
        describe(&report.mismatches(&MediaFile { video: &video(), episode: 0 }))
    }

    #[test]
    fn a_file_as_the_catalog_describes_it_has_no_mismatch() {
        assert_eq!(compare(report()), "");
    }

    #[test]
    fn every_property_is_compared() {
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
            (
                "/streams/1/start_time",
                json!("0.100000"),
                "audio sync: wanted a start at 0 s, got one at 0.100000 s",
            ),
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
    fn a_short_file_is_reported_by_its_number_of_frames() {
        let mut report = report();
        report["packets"].as_array_mut().unwrap().truncate(239);
        assert_eq!(compare(report), "frames: wanted 240, got 239");
    }

    #[test]
    fn a_missing_stream_is_reported() {
        let mut report = report();
        report["streams"].as_array_mut().unwrap().pop();
        assert_eq!(compare(report), "streams: wanted video+audio, got video");
    }
}
