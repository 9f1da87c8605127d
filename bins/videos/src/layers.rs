//! The layers of a media file: what is in each stream, and the container around it.
//!
//! A stream's hash is that of its packets one after the other, as
//! `ffmpeg -i FILE -map 0:v -c copy -f data - | sha256sum` has it; the container's is that of all
//! bytes which are in no packet.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use sha2::{Digest as _, Sha256 as Hasher};

use crate::{
    lock::Sha256,
    mp4,
    probe::{Packet, Report},
};

/// How far a packet's data may be behind the place that ffprobe tells, which is that of its header
/// in Matroska.
const LONGEST_HEADER: u64 = 32;

/// The layers' hashes, by `video`, `audio` (`audio-1`, `audio-2` where there are more),
/// `subtitles` and `container`.
pub(crate) fn layers(path: &Path, report: &Report) -> io::Result<BTreeMap<String, Sha256>> {
    let mut file = File::open(path)?;
    let mut streams = vec![Hasher::new(); report.streams.len()];
    let mut places = Vec::new();
    for packet in &report.packets {
        let (start, data) = find(&mut file, packet)?;
        places.push((start, data.len() as u64));
        if let Some(stream) = streams.get_mut(packet.stream_index) {
            stream.update(data);
        }
    }
    let mut layers = report.stream_names().into_iter().zip(streams.into_iter().map(finish));
    let mut layers = layers.by_ref().collect::<BTreeMap<_, _>>();

    places.sort_unstable();
    let mut container = Hasher::new();
    let mut done = 0;
    for (start, length) in places.into_iter().chain([(file.metadata()?.len(), 0)]) {
        container.update(mp4::bytes(&mut file, done, start.saturating_sub(done))?);
        done = start + length;
    }
    layers.insert("container".to_owned(), finish(container));
    Ok(layers)
}

fn finish(hasher: Hasher) -> Sha256 {
    Sha256(hasher.finalize().into())
}

/// Where the data of a packet starts, and the data.
fn find(file: &mut File, packet: &Packet) -> io::Result<(u64, Vec<u8>)> {
    let missing = || {
        let message = format!("wanted a packet's data near byte {}, got none", packet.position());
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let size = packet.size();
    let wanted = packet.data_hash.strip_prefix("SHA256:").ok_or_else(missing)?;
    for start in packet.position()..=packet.position() + LONGEST_HEADER {
        let data = mp4::bytes(file, start, size).map_err(|_| missing())?;
        if hex::encode(Hasher::digest(&data)) == wanted {
            return Ok((start, data));
        }
    }
    Err(missing())
}
