//! The pieces that a partial seeder has: a function of the seed and the torrent. All seeders together
//! have each piece, and none of several has them all.

use std::{str::FromStr, sync::Arc};

use seedbed_metainfo::Infohash;
use seedbed_wire::{Holding, Layout, PieceSet};
use sha2::{Digest as _, Sha256};

/// A number above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction(f64);

/// A text that is no fraction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a fraction above 0 and below 1, such as 0.5, got {0}")]
pub struct InvalidFraction(String);

impl FromStr for Fraction {
    type Err = InvalidFraction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(Self(fraction)),
            _ => Err(InvalidFraction(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Fraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One seeder's share of each torrent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) seed: u64,
    pub(crate) index: usize,
    pub(crate) seeders: usize,
    pub(crate) fraction: Fraction,
}

impl Share {
    /// The pieces of a torrent that the seeder has, and how many bytes it lacks.
    pub(crate) fn of(self, infohash: Infohash, layout: Layout, pieces: usize) -> (Holding, u64) {
        let held = self.pieces(infohash, u32::try_from(pieces).unwrap_or(u32::MAX));
        let left = (0..).zip(&held).filter(|(_, held)| !**held);
        let left = left.map(|(piece, _)| u64::from(layout.piece(piece))).sum();
        let held = (0..).zip(held).filter(|(_, held)| *held).map(|(piece, _)| piece);
        (Holding::Pieces(Arc::new(held.collect::<PieceSet>())), left)
    }

    /// Tells for each piece whether the seeder has it.
    ///
    /// Each piece is assigned to one seeder in turn, and every other seeder has it with a probability
    /// that brings its share to the fraction. A fraction below an equal part counts as that part.
    fn pieces(self, infohash: Infohash, pieces: u32) -> Vec<bool> {
        let mut hash = Sha256::new();
        hash.update(b"seedbed:share:");
        hash.update(self.seed.to_be_bytes());
        hash.update(infohash.as_bytes());
        let torrent: [u8; 32] = hash.finalize().into();
        let first_keeper = number(&torrent) as usize;

        let part = 1.0 / self.seeders as f64;
        let chance = (self.fraction.0 - part) / (1.0 - part);
        let keeps = |piece: u32| (first_keeper + piece as usize) % self.seeders == self.index;
        let draws = |piece: u32| {
            let mut hash = Sha256::new_with_prefix(torrent);
            hash.update((self.index as u64).to_be_bytes());
            hash.update(piece.to_be_bytes());
            f64::from(number(&hash.finalize())) < chance * f64::from(u32::MAX)
        };
        let mut held: Vec<_> = (0..pieces).map(|piece| keeps(piece) || draws(piece)).collect();
        if held.iter().all(|held| *held)
            && let Some(spare) = (0..pieces).find(|piece| !keeps(*piece))
        {
            held[spare as usize] = false;
        }
        held
    }
}

fn number(digest: &[u8]) -> u32 {
    digest.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(seed: u64, seeders: usize, fraction: f64, pieces: u32) -> Vec<Vec<bool>> {
        let share = |index| Share { seed, index, seeders, fraction: Fraction(fraction) };
        let infohash = Infohash::new([7; 20]);
        (0..seeders).map(|index| share(index).pieces(infohash, pieces)).collect()
    }

    #[test]
    fn all_together_have_every_piece_and_none_has_all() {
        for seeders in 2..5 {
            for fraction in [0.01, 0.5, 0.99] {
                for pieces in [2, 3, 100] {
                    let shares = shares(1, seeders, fraction, pieces);
                    assert!((0..pieces as usize).all(|piece| shares.iter().any(|s| s[piece])));
                    assert!(shares.iter().all(|share| !share.iter().all(|held| *held)));
                }
            }
        }
        let one = shares(1, 3, 0.5, 1);
        assert!(one.iter().any(|share| share[0]), "somebody has the only piece");
    }

    #[test]
    fn a_share_is_about_as_large_as_the_fraction_or_an_equal_part() {
        for (seeders, fraction, wanted) in
            [(2, 0.5, 0.5), (2, 0.9, 0.9), (4, 0.6, 0.6), (4, 0.1, 0.25)]
        {
            for share in shares(1, seeders, fraction, 10_000) {
                let held = share.iter().filter(|held| **held).count() as f64 / 10_000.0;
                assert!((held - wanted).abs() < 0.03, "{held} of {seeders} at {fraction}");
            }
        }
    }

    #[test]
    fn another_seed_gives_other_shares_and_the_same_seed_the_same() {
        assert_eq!(shares(1, 3, 0.5, 100), shares(1, 3, 0.5, 100));
        assert_ne!(shares(1, 3, 0.5, 100), shares(2, 3, 0.5, 100));
    }

    #[test]
    fn a_fraction_is_above_0_and_below_1() {
        for wrong in ["0", "1", "-0.5", "1.5", "NaN", "half", ""] {
            assert!(wrong.parse::<Fraction>().is_err(), "{wrong}");
        }
        assert_eq!("0.25".parse::<Fraction>().unwrap(), Fraction(0.25));
    }
}
