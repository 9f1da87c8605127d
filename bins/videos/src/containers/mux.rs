//! Collects encoded packets, fixed packets and subtitles, and writes them as a Matroska file.

use std::{fs::File, io, path::Path};

use seedbed_service::Shutdown;

use super::{
    matroska::{self, Frame, Header, Track, TrackKind},
    mp4, opus, subtitles,
};
use crate::{
    catalog::{Audio, Container, Language, MediaFile, Picture, PictureCodec},
    ffmpeg::{
        Packet, ProbeError, Report,
        recipe::{PICTURE_FILE, audio_file},
        tone,
    },
};

/// A Matroska file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MuxError {
    /// The packets of a stream cannot be listed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A file cannot be read or written.
    #[error("failed to mux the packets")]
    File(#[from] io::Error),
}

/// A frame to write. Its data is in a file until then, or in the frame.
struct QueuedFrame {
    file: Option<(usize, u64, u64)>,
    frame: Frame,
    decode_time: f64,
}

/// Writes the Matroska file `output` from the streams that are encoded in `directory`.
pub(crate) fn write_matroska(
    media: &MediaFile<'_>,
    directory: &Path,
    output: &str,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<(), MuxError> {
    let video = media.video;
    let mut tracks = Vec::new();
    let mut files = Vec::new();
    let mut queue = Vec::new();
    if let Some(picture) = &video.picture {
        let path = directory.join(PICTURE_FILE);
        tracks.push(picture_track(picture, &path)?);
        let packets = Report::probe(ffprobe, &path, shutdown)?.packets;
        queue.extend(packets.iter().filter_map(|packet| encoded(packet, 0, files.len())));
        files.push(File::open(path)?);
    }
    for (index, audio) in video.audio.iter().enumerate() {
        let number = tracks.len();
        tracks.push(audio_track(audio, index == 0));
        match audio {
            Audio::Aac { .. } => {
                let path = directory.join(audio_file(index));
                let packets = Report::probe(ffprobe, &path, shutdown)?.packets;
                let encoded = |packet| encoded(packet, number, files.len());
                queue.extend(packets.iter().filter_map(encoded));
                files.push(File::open(path)?);
            }
            Audio::Opus { .. } => queue.extend(opus_packets(number, video.seconds.get())),
        }
    }
    if video.container == Container::Mkv {
        for language in &video.subtitles {
            queue.extend(cues(tracks.len(), language, video.seconds.get()));
            tracks.push(subtitle_track(language));
        }
    }
    queue.sort_by(|a, b| a.decode_time.total_cmp(&b.decode_time));

    let doc_type = if video.container == Container::Webm { "webm" } else { "matroska" };
    let head = Header { doc_type, seconds: video.seconds.get(), tracks };
    let frames = queue.into_iter().map(|QueuedFrame { file, mut frame, .. }| {
        if let Some((index, start, length)) = file {
            frame.data = mp4::bytes(&mut files[index], start, length)?;
        }
        Ok(frame)
    });
    Ok(matroska::write(File::create(directory.join(output))?, &head, frames)?)
}

/// Queues a packet of the file with index `file`. Returns `None` for one before time 0, which only
/// primes the decoder of AAC.
fn encoded(packet: &Packet, track: usize, file: usize) -> Option<QueuedFrame> {
    let time_ms = milliseconds(packet.time() * 1000.0);
    let data = Vec::new();
    let frame = Frame { track, time_ms, key: packet.is_key(), duration_ms: None, data };
    let file = Some((file, packet.position(), packet.size()));
    (time_ms >= 0).then(|| QueuedFrame { file, frame, decode_time: packet.decode_time() })
}

/// Queues the packets of Opus. Their times include the delay, which a player subtracts.
fn opus_packets(track: usize, seconds: u32) -> impl Iterator<Item = QueuedFrame> {
    (0..).step_by(opus::PACKET_MS as usize).zip(opus::packets(seconds)).map(
        move |(time_ms, packet)| {
            let (data, duration_ms) = (packet.to_vec(), None);
            QueuedFrame {
                file: None,
                frame: Frame { track, time_ms, key: true, duration_ms, data },
                decode_time: time_ms as f64 / 1000.0,
            }
        },
    )
}

fn picture_track(picture: &Picture, path: &Path) -> io::Result<Track> {
    let (codec, private) = match picture.codec {
        PictureCodec::H264 => {
            let settings = mp4::codec_settings(&mut File::open(path)?, *b"avcC")?;
            ("V_MPEG4/ISO/AVC", settings)
        }
        PictureCodec::Vp9 => ("V_VP9", Vec::new()),
    };
    let (width, height, fps) = (picture.width.get(), picture.height.get(), picture.fps.get());
    let kind = TrackKind::Video { width, height, fps };
    Ok(Track { codec, private, delay_ns: 0, language: None, default: true, kind })
}

fn audio_track(audio: &Audio, default: bool) -> Track {
    let (codec, private, delay_ns) = match audio {
        // AudioSpecificConfig: LC, 48 kHz, stereo (ISO/IEC 14496-3 section 1.6.2.1).
        Audio::Aac { .. } => ("A_AAC", vec![0x11, 0x90], 0),
        Audio::Opus { .. } => ("A_OPUS", opus::head(), opus::DELAY_NS),
    };
    let language = audio.language().map(|language| language.as_str().to_owned());
    let kind = TrackKind::Audio { rate: tone::RATE, channels: tone::CHANNELS };
    Track { codec, private, delay_ns, language, default, kind }
}

fn subtitle_track(language: &Language) -> Track {
    Track {
        codec: "S_TEXT/UTF8",
        private: Vec::new(),
        delay_ns: 0,
        language: Some(language.as_str().to_owned()),
        default: false,
        kind: TrackKind::Subtitles,
    }
}

fn cues(track: usize, language: &Language, seconds: u32) -> impl Iterator<Item = QueuedFrame> {
    (0..seconds).map(move |second| QueuedFrame {
        file: None,
        frame: Frame {
            track,
            time_ms: i64::from(second) * 1000,
            key: true,
            duration_ms: Some(1000),
            data: subtitles::text(language, second).into_bytes(),
        },
        decode_time: second.into(),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a video is at most an hour")]
fn milliseconds(time: f64) -> i64 {
    time.round() as i64
}
