//! The layers of a media file: each stream, and the container around them.
//!
//! The hash of a stream is that of its packets, concatenated, as
//! `ffmpeg -i FILE -map 0:v -c copy -f data - | sha256sum` prints it. The hash of the container is
//! that of all bytes outside of packets.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use sha2::{Digest as _, Sha256 as Hasher};

use super::Sha256;
use crate::{
    catalog::MediaFile,
    containers::mp4,
    ffmpeg::{Packet, Report},
};

/// Limit on the distance of a packet's data from the position that ffprobe reports, which in Matroska
/// is that of a header before it.
const MAX_HEADER: u64 = 32;

/// Hashes the layers of a media file. They are named `video`, `audio`, `subtitles` and `container`,
/// with a number if there are several of a type (`audio-1`), and with the episode in a folder
/// (`e01 audio`).
pub(crate) fn layers(
    media: &MediaFile<'_>,
    path: &Path,
    report: &Report,
) -> io::Result<BTreeMap<String, Sha256>> {
    let named = |(layer, hash): (String, Sha256)| match media.episode {
        0 => (layer, hash),
        episode => (format!("e{episode:02} {layer}"), hash),
    };
    Ok(hash_layers(path, report)?.into_iter().map(named).collect())
}

fn hash_layers(path: &Path, report: &Report) -> io::Result<BTreeMap<String, Sha256>> {
    let mut file = File::open(path)?;
    let mut streams = vec![Hasher::new(); report.streams.len()];
    let mut positions = Vec::new();
    for packet in &report.packets {
        let (start, data) = find(&mut file, packet)?;
        positions.push((start, data.len() as u64));
        if let Some(stream) = streams.get_mut(packet.stream_index) {
            stream.update(data);
        }
    }
    let mut layers = report.stream_names().into_iter().zip(streams.into_iter().map(finish));
    let mut layers = layers.by_ref().collect::<BTreeMap<_, _>>();

    positions.sort_unstable();
    let mut container = Hasher::new();
    let mut done = 0;
    for (start, length) in positions.into_iter().chain([(file.metadata()?.len(), 0)]) {
        container.update(mp4::bytes(&mut file, done, start.saturating_sub(done))?);
        done = start + length;
    }
    layers.insert("container".to_owned(), finish(container));
    Ok(layers)
}

fn finish(hasher: Hasher) -> Sha256 {
    Sha256(hasher.finalize().into())
}

/// Finds the position of a packet's data, and the data.
fn find(file: &mut File, packet: &Packet) -> io::Result<(u64, Vec<u8>)> {
    let missing = || {
        let message = format!("wanted a packet's data near byte {}, got none", packet.position());
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let size = packet.size();
    let wanted = packet.data_hash.strip_prefix("SHA256:").ok_or_else(missing)?;
    for start in packet.position()..=packet.position() + MAX_HEADER {
        let data = mp4::bytes(file, start, size).map_err(|_| missing())?;
        if hex::encode(Hasher::digest(&data)) == wanted {
            return Ok((start, data));
        }
    }
    Err(missing())
}
