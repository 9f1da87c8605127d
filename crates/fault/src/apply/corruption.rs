//! Changed bytes at places that are a function of a seed.

use crate::matcher::Draws;

/// The places of content at which bytes are changed.
///
/// The places do not depend on how the content is cut into buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Offsets in ascending order, each with a mask that is not zero.
    places: Vec<(u64, u8)>,
}

/// More places than this in one message or body are of no use, and cost memory.
const MAX_PLACES: u64 = 65_536;

impl Corruption {
    /// `count` places in content of `length` bytes, or all if there are fewer bytes.
    #[must_use]
    pub fn new(count: u32, length: u64, draws: &mut Draws) -> Self {
        let count = u64::from(count).min(length).min(MAX_PLACES);
        let mut places = std::collections::BTreeMap::new();
        // Floyd's sampling: distinct places without trying again.
        for last in length - count..length {
            let place = draws.below(last + 1);
            let place = if places.contains_key(&place) { last } else { place };
            let [mask, ..] = draws.next_u64().to_le_bytes();
            places.insert(place, mask.max(1));
        }
        Self { places: places.into_iter().collect() }
    }

    /// The offsets at which a byte is changed.
    pub fn offsets(&self) -> impl Iterator<Item = u64> {
        self.places.iter().map(|&(offset, _)| offset)
    }

    /// Changes the bytes of a buffer whose first byte lies at `start` of the content, and tells how
    /// many.
    pub fn apply(&self, start: u64, buffer: &mut [u8]) -> usize {
        let first = self.places.partition_point(|&(offset, _)| offset < start);
        let mut changed = 0;
        for &(offset, mask) in &self.places[first..] {
            let Some(byte) = usize::try_from(offset - start).ok().and_then(|at| buffer.get_mut(at))
            else {
                break;
            };
            *byte ^= mask;
            changed += 1;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_changed_bytes_do_not_depend_on_the_buffers(
            seed: u64,
            count in 0_u32..50,
            cuts in prop::collection::vec(1_usize..64, 1..20),
        ) {
            let length: usize = cuts.iter().sum();
            let corruption = Corruption::new(count, length as u64, &mut Draws::new(seed, 0));
            let mut whole = vec![0; length];
            let changed = corruption.apply(0, &mut whole);
            prop_assert_eq!(changed, length.min(count as usize));
            prop_assert_eq!(whole.iter().filter(|&&byte| byte != 0).count(), changed);
            let (mut pieced, mut start) = (vec![0; length], 0);
            for cut in cuts {
                corruption.apply(start as u64, &mut pieced[start..start + cut]);
                start += cut;
            }
            prop_assert_eq!(whole, pieced);
        }
    }
}
