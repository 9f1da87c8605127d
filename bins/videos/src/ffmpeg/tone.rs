//! The samples of an audio track: a tone with a little noise.
//!
//! The output of ffmpeg's `sine` changed between versions, and some versions encode digital silence
//! differently. A platform's `sin` may differ in the last bit. This module computes the sine by
//! additions and multiplications alone, whose results IEEE 754 specifies.

use std::io::{self, Write};

/// Samples per second.
pub(crate) const RATE: u32 = 48_000;
/// Number of interleaved channels.
pub(crate) const CHANNELS: u32 = 2;

const AMPLITUDE: f64 = 4096.0;

/// Scales noise of 16 bits to -1024..1024.
const NOISE_SHIFT: u32 = 5;

/// Writes `seconds` of a tone of `hz` as interleaved signed 16-bit little-endian samples.
///
/// # Errors
/// Writing to `out` fails.
pub(crate) fn write(out: &mut impl Write, hz: u32, seconds: u32) -> io::Result<()> {
    let sine = sine_table();
    for index in 0..u64::from(RATE) * u64::from(seconds) {
        let phase = index * u64::from(hz) % u64::from(RATE);
        let tone = sine[usize::try_from(phase).expect("less than RATE")];
        for channel in 1..=u64::from(CHANNELS) {
            let sample = tone + (noise(index, channel) >> NOISE_SHIFT);
            out.write_all(&sample.to_le_bytes())?;
        }
    }
    Ok(())
}

/// One period: a sample for each of [`RATE`] phases.
fn sine_table() -> Vec<i16> {
    let quarter = RATE / 4;
    let sample = |phase: u32| match phase / quarter {
        0 => quarter_sine(phase),
        1 => quarter_sine(2 * quarter - phase),
        2 => -quarter_sine(phase - 2 * quarter),
        _ => -quarter_sine(4 * quarter - phase),
    };
    (0..RATE).map(sample).collect()
}

/// The sine of a phase in the first quarter, as the sum of a Taylor series.
#[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
fn quarter_sine(phase: u32) -> i16 {
    let x = std::f64::consts::TAU * f64::from(phase) / f64::from(RATE);
    let mut term = x;
    let mut sum = x;
    for n in 1..12 {
        let n = f64::from(2 * n);
        term = -term * x * x / (n * (n + 1.0));
        sum += term;
    }
    (sum * AMPLITUDE).round() as i16
}

/// Noise of 16 bits: the high bits of splitmix64, which has another stream for each channel.
#[expect(clippy::cast_possible_truncation, reason = "sixteen bits are left")]
fn noise(index: u64, channel: u64) -> i16 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut x = GOLDEN.wrapping_mul(channel).wrapping_add(index).wrapping_mul(GOLDEN);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    ((x >> 48) as i32 - 32_768) as i16
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn tone(hz: u32, seconds: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, hz, seconds).unwrap();
        bytes
    }

    #[test]
    fn the_samples_are_the_same_on_every_platform() {
        let hash = hex::encode(Sha256::digest(tone(440, 10)));
        assert_eq!(hash, "3cef8f715915c322d1266371ce23f1027f66af47942e2c50f12542be9bfb1afb");
    }

    #[test]
    fn the_sine_has_its_known_values() {
        let table = sine_table();
        let at = |twelfth: usize| table[twelfth * 4000];
        assert_eq!(
            [at(0), at(1), at(3), at(5), at(6), at(7), at(9)],
            [0, 2048, 4096, 2048, 0, -2048, -4096]
        );
    }

    #[test]
    fn the_channels_differ_by_noise_of_at_most_1024() {
        let bytes = tone(1000, 1);
        assert_eq!(bytes.len(), 48_000 * 4);
        let table = sine_table();
        let mut differ = false;
        for (index, frame) in bytes.chunks_exact(4).enumerate() {
            let left = i16::from_le_bytes([frame[0], frame[1]]);
            let right = i16::from_le_bytes([frame[2], frame[3]]);
            let pure = table[index * 1000 % 48_000];
            assert!((-1024..1024).contains(&(left - pure)));
            assert!((-1024..1024).contains(&(right - pure)));
            differ |= left != right;
        }
        assert!(differ);
    }
}
