//! Writes a Matroska file (RFC 9559), which may be WebM.
//!
//! The output of ffmpeg's muxer differs between versions. Of the crates, `webm` binds a C++ library
//! and takes neither H.264, AAC nor subtitles, and `mkv-element` writes elements but no file. This
//! muxer writes what players need: clusters that begin at a keyframe, and an index of them that the
//! header points to.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
};

use super::ebml::{element, float, master, string, uint, wide_header};

/// The properties of a file that precede its frames.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) doc_type: &'static str,
    pub(crate) seconds: u32,
    pub(crate) tracks: Vec<Track>,
}

/// A track. Its number is its position in the list, counted from 1.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) codec: &'static str,
    pub(crate) private: Vec<u8>,
    /// Duration of the decoded audio that a player drops at the start.
    pub(crate) delay_ns: u64,
    pub(crate) language: Option<String>,
    /// Whether players select the track by default.
    pub(crate) default: bool,
    pub(crate) kind: TrackKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TrackKind {
    Video { width: u32, height: u32, fps: u32 },
    Audio { rate: u32, channels: u32 },
    Subtitles,
}

/// A frame of a track.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Index of its track.
    pub(crate) track: usize,
    pub(crate) time_ms: i64,
    pub(crate) key: bool,
    /// Duration of a subtitle; other frames have none.
    pub(crate) duration_ms: Option<u64>,
    pub(crate) data: Vec<u8>,
}

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CUES: u32 = 0x1C53_BB6B;

/// A cluster ends at the first frame that is this much later than its first. A block stores the time
/// since the start of its cluster in 16 bits of milliseconds, and frames in decoding order go back in
/// time by a few frames: a few seconds at one frame a second.
const MAX_CLUSTER_MS: i64 = 5_000;

/// Writes a file. `frames` come in decoding order.
///
/// # Errors
/// `frames` fails, or the file cannot be written.
pub(crate) fn write(
    file: File,
    head: &Header,
    frames: impl Iterator<Item = io::Result<Frame>>,
) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    out.write_all(&ebml_header(head.doc_type))?;
    out.write_all(&wide_header(SEGMENT, 0))?;
    let origin = out.stream_position()?;
    let info = info(head.seconds);
    let tracks = master(TRACKS, &head.tracks.iter().enumerate().map(track).collect::<Vec<_>>());
    let info_at = seek_head([0; 3]).len() as u64;
    let tracks_at = info_at + info.len() as u64;
    out.write_all(&seek_head([0; 3]))?;
    out.write_all(&info)?;
    out.write_all(&tracks)?;

    let mut cues = Vec::new();
    let mut cluster: Vec<Frame> = Vec::new();
    let mut end = |out: &mut BufWriter<File>, cluster: &mut Vec<Frame>| {
        let position = out.stream_position()? - origin;
        if let Some(key) = cluster.iter().find(|frame| frame.track == 0 && frame.key) {
            cues.push(cue(key.time_ms, position));
        }
        out.write_all(&cluster_element(&std::mem::take(cluster)))
    };
    for frame in frames {
        let frame = frame?;
        let is_long =
            cluster.first().is_some_and(|first| frame.time_ms - first.time_ms > MAX_CLUSTER_MS);
        if !cluster.is_empty() && (is_long || frame.track == 0 && frame.key) {
            end(&mut out, &mut cluster)?;
        }
        cluster.push(frame);
    }
    end(&mut out, &mut cluster)?;
    let cues_at = out.stream_position()? - origin;
    out.write_all(&master(CUES, &cues))?;

    // The length and the positions are known now: overwrite the placeholders.
    let length = out.stream_position()? - origin;
    let mut file = out.into_inner()?;
    file.seek(SeekFrom::Start(origin - 12))?;
    file.write_all(&wide_header(SEGMENT, length))?;
    file.write_all(&seek_head([info_at, tracks_at, cues_at]))
}

fn ebml_header(doc_type: &str) -> Vec<u8> {
    let versions = [uint(0x4286, 1), uint(0x42F7, 1), uint(0x42F2, 4), uint(0x42F3, 8)];
    let document = [string(0x4282, doc_type), uint(0x4287, 4), uint(0x4285, 2)];
    master(0x1A45_DFA3, &[versions.concat(), document.concat()])
}

/// The positions of the other elements. Its length does not depend on them, so it can be overwritten.
fn seek_head(positions: [u64; 3]) -> Vec<u8> {
    let seeks = [INFO, TRACKS, CUES].into_iter().zip(positions).map(|(id, position)| {
        let id = element(0x53AB, &id.to_be_bytes());
        master(0x4DBB, &[id, element(0x53AC, &position.to_be_bytes())])
    });
    master(0x114D_9B74, &seeks.collect::<Vec<_>>())
}

fn info(seconds: u32) -> Vec<u8> {
    let scale = uint(0x2A_D7B1, 1_000_000);
    let duration = float(0x4489, f64::from(seconds) * 1000.0);
    master(INFO, &[scale, duration, string(0x4D80, "seedbed"), string(0x5741, "seedbed")])
}

fn track((index, track): (usize, &Track)) -> Vec<u8> {
    let number = index as u64 + 1;
    let (kind, settings) = match track.kind {
        TrackKind::Video { width, height, fps } => {
            let size = [uint(0xB0, width.into()), uint(0xBA, height.into())];
            // The nearest nanosecond.
            let frame_ns = (1_000_000_000 + u64::from(fps) / 2) / u64::from(fps);
            (1, vec![uint(0x23_E383, frame_ns), master(0xE0, &size)])
        }
        TrackKind::Audio { rate, channels } => {
            let form = [float(0xB5, rate.into()), uint(0x9F, channels.into())];
            (2, vec![master(0xE1, &form)])
        }
        TrackKind::Subtitles => (17, Vec::new()),
    };
    let mut children = vec![uint(0xD7, number), uint(0x73C5, number), uint(0x83, kind)];
    children.extend([uint(0x88, track.default.into()), uint(0x9C, 0)]);
    // Without the element, the language is English (section 5.1.4.1.19).
    children.push(string(0x22_B59C, track.language.as_deref().unwrap_or("und")));
    children.push(string(0x86, track.codec));
    if !track.private.is_empty() {
        children.push(element(0x63A2, &track.private));
    }
    if track.delay_ns > 0 {
        // Opus needs 80 ms to settle after a seek (RFC 7845 section 4.6).
        children.extend([uint(0x56AA, track.delay_ns), uint(0x56BB, 80_000_000)]);
    }
    children.extend(settings);
    master(0xAE, &children)
}

fn cluster_element(frames: &[Frame]) -> Vec<u8> {
    let start = frames.iter().map(|frame| frame.time_ms).min().unwrap_or(0);
    let mut children = vec![uint(0xE7, u64::try_from(start).unwrap_or(0))];
    children.extend(frames.iter().map(|frame| block(frame, start)));
    master(0x1F43_B675, &children)
}

fn block(frame: &Frame, start: i64) -> Vec<u8> {
    let number = u8::try_from(frame.track + 1).expect("there are few tracks");
    let time = i16::try_from(frame.time_ms - start).expect("a cluster is short");
    let [high, low] = time.to_be_bytes();
    let flags = if frame.key && frame.duration_ms.is_none() { 0x80 } else { 0 };
    let mut block = vec![0x80 | number, high, low, flags];
    block.extend_from_slice(&frame.data);
    match frame.duration_ms {
        None => element(0xA3, &block),
        Some(duration) => master(0xA0, &[element(0xA1, &block), uint(0x9B, duration)]),
    }
}

fn cue(time_ms: i64, position: u64) -> Vec<u8> {
    let place = master(0xB7, &[uint(0xF7, 1), uint(0xF1, position)]);
    master(0xBB, &[uint(0xB3, u64::try_from(time_ms).unwrap_or(0)), place])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(frames: Vec<Frame>) -> Vec<u8> {
        let head = Header {
            doc_type: "matroska",
            seconds: 60,
            tracks: vec![Track {
                codec: "V_VP9",
                private: Vec::new(),
                delay_ns: 0,
                language: None,
                default: true,
                kind: TrackKind::Video { width: 16, height: 16, fps: 1 },
            }],
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.reopen().unwrap(), &head, frames.into_iter().map(Ok)).unwrap();
        std::fs::read(file.path()).unwrap()
    }

    fn frame(time_ms: i64, key: bool) -> Frame {
        Frame { track: 0, time_ms, key, duration_ms: None, data: vec![7; 100] }
    }

    /// Number of times that the id of an element is in a file.
    fn count(file: &[u8], id: u32) -> usize {
        let id = id.to_be_bytes();
        file.windows(4).filter(|window| **window == id).count()
    }

    #[test]
    fn a_cluster_is_short_even_if_keyframes_are_half_a_minute_apart() {
        let seconds = |second: i64| frame(second * 1000, second == 0);
        let groups =
            (0..30).step_by(4).flat_map(|first| [first + 4, first + 2, first + 1, first + 3]);
        let file = written(std::iter::once(0).chain(groups).map(seconds).collect());
        assert!(count(&file, 0x1F43_B675) > 3);
    }

    #[test]
    fn the_header_points_to_the_index() {
        let file = written(vec![frame(0, true), frame(1000, false), frame(2000, true)]);
        assert_eq!(count(&file, 0x1F43_B675), 2);
        // The content of the segment begins after its id and size, twelve bytes.
        let segment = file.windows(4).position(|id| id == SEGMENT.to_be_bytes()).unwrap() + 12;
        let seek = file.windows(4).position(|id| id == CUES.to_be_bytes()).unwrap();
        let position = u64::from_be_bytes(*file[seek + 4 + 3..].first_chunk().unwrap());
        let index = &file[segment + usize::try_from(position).unwrap()..];
        assert_eq!(index[..4], CUES.to_be_bytes());
        let length = u64::from_be_bytes(*file[segment - 8..].first_chunk().unwrap());
        assert_eq!(length & !(1 << 56), (file.len() - segment) as u64);
    }
}
