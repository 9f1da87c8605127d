//! The fixed packets of an Opus track.
//!
//! libopus computes with floats, and its output depends on the CPU. These packets were encoded once,
//! from a stereo tone of 440 Hz, by `assets/encode_tone.py`. 100 ms hold 44 whole periods of the
//! tone, and once the encoder has settled, its output repeats every five packets. The last five can
//! therefore be repeated for any duration without a seam.

use crate::ffmpeg::tone;

/// Duration of a packet.
pub(crate) const PACKET_MS: u32 = 20;

/// Bytes of a packet: 64 kbit/s, constant.
const PACKET_BYTES: usize = 160;

/// Number of packets before the output repeats.
const START: usize = 29;

/// Number of packets that repeat.
const LOOP: usize = 5;

/// All packets, one after the other.
const PACKETS: &[u8; (START + LOOP) * PACKET_BYTES] = include_bytes!("../../assets/opus-440hz.bin");

/// Number of samples that a player drops at the start: the delay of the encoder, 2.5 ms.
const PRE_SKIP: u16 = 120;

/// [`PRE_SKIP`] in nanoseconds.
pub(crate) const DELAY_NS: u64 = PRE_SKIP as u64 * 1_000_000_000 / tone::RATE as u64;

/// The packets of a track of `seconds`.
pub(crate) fn packets(seconds: u32) -> impl Iterator<Item = &'static [u8]> {
    let (start, repeated) = PACKETS.split_at(START * PACKET_BYTES);
    let repeated = repeated.chunks_exact(PACKET_BYTES).cycle();
    let count = seconds * 1000 / PACKET_MS;
    start.chunks_exact(PACKET_BYTES).chain(repeated).take(count as usize)
}

/// The identification header (RFC 7845 section 5.1).
pub(crate) fn head() -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(u8::try_from(tone::CHANNELS).expect("stereo"));
    head.extend(PRE_SKIP.to_le_bytes());
    head.extend(tone::RATE.to_le_bytes());
    // No gain, and mapping family 0.
    head.extend([0, 0, 0]);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_track_repeats_the_last_five_packets() {
        let packets = packets(3).collect::<Vec<_>>();
        assert_eq!(packets.len(), 150);
        assert_eq!(packets[START..145], packets[START + LOOP..]);
        assert_ne!(packets[START], packets[START + 1]);
    }

    #[test]
    fn every_packet_is_one_stereo_frame_of_20_ms() {
        // RFC 6716 section 3.1: configuration 31 (CELT, fullband, 20 ms), stereo, one frame.
        assert!(packets(1).all(|packet| packet[0] == 31 << 3 | 1 << 2));
    }

    #[test]
    fn the_head_is_that_of_rfc_7845() {
        assert_eq!(head(), *b"OpusHead\x01\x02\x78\0\x80\xbb\0\0\0\0\0");
    }
}
