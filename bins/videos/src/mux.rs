//! Puts encoded packets into a Matroska file.

use std::{fs::File, io, path::Path};

use seedbed_service::Shutdown;

use crate::{
    Audio, AudioCodec, Container, Language, Media, PictureCodec,
    matroska::{self, Frame, Head, Kind, Track},
    mp4,
    probe::{ProbeError, Report},
    recipe::{PICTURE, sound_file},
    subtitles, tone,
};

/// Why there is no Matroska file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MuxError {
    /// The packets are not known.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A file cannot be read or written.
    #[error("failed to put the packets into one file")]
    File(#[from] io::Error),
}

/// A frame whose data is still in its file, or at hand.
struct Source {
    file: Option<(usize, u64, u64)>,
    frame: Frame,
    decode_time: f64,
}

/// Makes the Matroska file `output` of the packets that are in `directory`.
pub(crate) fn matroska(
    media: &Media<'_>,
    directory: &Path,
    output: &str,
    ffprobe: &Path,
    shutdown: &Shutdown,
) -> Result<(), MuxError> {
    let video = media.video;
    let mut tracks = Vec::new();
    let mut files = Vec::new();
    let mut sources = Vec::new();
    let names = video.picture.iter().map(|_| PICTURE.to_owned());
    for name in names.chain((0..video.audio.len()).map(sound_file)) {
        let path = directory.join(name);
        let mut file = File::open(&path)?;
        let index = tracks.len();
        let track = match (&video.picture, index) {
            (Some(picture), 0) => Track {
                codec: match picture.codec {
                    PictureCodec::H264 => "V_MPEG4/ISO/AVC",
                    PictureCodec::Vp9 => "V_VP9",
                },
                private: match picture.codec {
                    PictureCodec::H264 => mp4::codec_settings(&mut file, *b"avcC")?,
                    PictureCodec::Vp9 => Vec::new(),
                },
                delay_ns: 0,
                language: None,
                default: true,
                kind: Kind::Video {
                    width: picture.width.get(),
                    height: picture.height.get(),
                    fps: picture.fps.get(),
                },
            },
            _ => {
                let number = index - usize::from(video.picture.is_some());
                audio_track(&video.audio[number], number == 0, &mut file)?
            }
        };
        let delay_ms = track.delay_ns as f64 / 1e6;
        for packet in Report::of(ffprobe, &path, shutdown)?.packets {
            let time_ms = milliseconds(packet.time() * 1000.0 + delay_ms);
            // What primes the decoder of AAC has no place before the beginning.
            if time_ms < 0 {
                continue;
            }
            let frame = Frame {
                track: index,
                time_ms,
                key: packet.is_key(),
                duration_ms: None,
                data: Vec::new(),
            };
            let file = Some((index, packet.position(), packet.size()));
            let decode_time = packet.decode_time() + delay_ms / 1000.0;
            sources.push(Source { file, frame, decode_time });
        }
        tracks.push(track);
        files.push(file);
    }
    if video.container == Container::Mkv {
        for language in &video.subtitles {
            sources.extend(cues(tracks.len(), language, video.seconds.get()));
            tracks.push(subtitle_track(language));
        }
    }
    sources.sort_by(|a, b| a.decode_time.total_cmp(&b.decode_time));

    let doc_type = if video.container == Container::Webm { "webm" } else { "matroska" };
    let head = Head { doc_type, seconds: video.seconds.get(), tracks };
    let frames = sources.into_iter().map(|Source { file, mut frame, .. }| {
        if let Some((index, start, length)) = file {
            frame.data = mp4::bytes(&mut files[index], start, length)?;
        }
        Ok(frame)
    });
    Ok(matroska::write(File::create(directory.join(output))?, &head, frames)?)
}

fn audio_track(audio: &Audio, default: bool, file: &mut File) -> io::Result<Track> {
    let (codec, private, delay_ns) = match audio.codec {
        // AudioSpecificConfig: LC, 48 kHz, stereo (ISO/IEC 14496-3 section 1.6.2.1).
        AudioCodec::Aac => ("A_AAC", vec![0x11, 0x90], 0),
        AudioCodec::Opus => {
            let (head, delay_ns) = opus_head(&mp4::codec_settings(file, *b"dOps")?)?;
            ("A_OPUS", head, delay_ns)
        }
    };
    let language = audio.language.as_ref().map(|language| language.as_str().to_owned());
    let kind = Kind::Audio { rate: tone::RATE, channels: tone::CHANNELS };
    Ok(Track { codec, private, delay_ns, language, default, kind })
}

/// The identification header (RFC 7845 section 5.1) and the delay, from their twin in MP4, which
/// is big-endian.
fn opus_head(settings: &[u8]) -> io::Result<(Vec<u8>, u64)> {
    let &[_version, channels, skip_high, skip_low, r0, r1, r2, r3, g0, g1, family, ..] = settings
    else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "wanted a whole dOps box"));
    };
    let mut head = b"OpusHead\x01".to_vec();
    head.extend([channels, skip_low, skip_high, r3, r2, r1, r0, g1, g0, family]);
    let skip = u64::from(u16::from_be_bytes([skip_high, skip_low]));
    Ok((head, skip * 1_000_000_000 / u64::from(tone::RATE)))
}

fn subtitle_track(language: &Language) -> Track {
    Track {
        codec: "S_TEXT/UTF8",
        private: Vec::new(),
        delay_ns: 0,
        language: Some(language.as_str().to_owned()),
        default: false,
        kind: Kind::Subtitles,
    }
}

fn cues(track: usize, language: &Language, seconds: u32) -> impl Iterator<Item = Source> {
    (0..seconds).map(move |second| Source {
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
