//! Random numbers that are a function of a seed and a counter.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, 2014), written out here because a rule's
//! draws must stay the same from one version of seedbed to the next, whatever a crate does.

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The sequence of the `count`-th match of a rule with this seed.
    #[must_use]
    pub const fn new(seed: u64, count: u64) -> Self {
        Self { state: mix(mix(seed.wrapping_add(GAMMA)).wrapping_add(count.wrapping_mul(GAMMA))) }
    }

    /// The next number, of all numbers.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// The next number from 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Fills a buffer.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_the_same_from_version_to_version() {
        let mut draws = Draws::new(7, 0);
        assert_eq!(
            [draws.next_u64(), draws.next_u64()],
            [0xf33d_c6bd_55ff_a86b, 0xe133_2a7d_b412_c5a9]
        );
    }

    #[test]
    fn draws_of_neighbouring_seeds_and_counts_differ() {
        let first = |seed, count| Draws::new(seed, count).next_u64();
        assert_ne!(first(0, 0), first(0, 1));
        assert_ne!(first(0, 0), first(1, 0));
        assert_ne!(first(0, 1), first(1, 0));
    }
}
