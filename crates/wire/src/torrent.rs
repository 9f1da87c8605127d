//! A torrent as the wire knows it: where its pieces lie, and which of them peers may have.

use std::sync::Arc;

use seedbed_metainfo::{Metainfo, PieceLength};

/// Length of a block (BEP 3). The last block of a piece may be shorter.
pub(crate) const BLOCK: u32 = 16 << 10;

/// A torrent as it is served.
#[derive(Clone, Debug)]
pub struct Torrent {
    /// Where its pieces lie.
    pub layout: Layout,
    /// Which of them peers may have.
    pub holding: Holding,
    /// Whether it is private (BEP 27): then peers get no metadata (BEP 9).
    pub private: bool,
}

/// How content is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Length of each piece but the last.
    pub piece_length: PieceLength,
    /// Length of all content.
    pub length: u64,
}

/// Which pieces peers may have.
#[derive(Clone, Debug)]
pub enum Holding {
    /// Every piece that the engine has.
    All,
    /// These pieces: the engine's bitfield is masked, and requests for others are dropped.
    Pieces(Arc<PieceSet>),
}

impl Torrent {
    /// All of a torrent.
    #[must_use]
    pub const fn whole(layout: Layout) -> Self {
        Self { layout, holding: Holding::All, private: false }
    }
}

impl Layout {
    /// How many pieces there are.
    #[must_use]
    pub fn pieces(self) -> u64 {
        self.length.div_ceil(self.piece_length.bytes().into())
    }

    /// The length of a piece: the last may be shorter, and there is nothing after it.
    #[must_use]
    pub fn piece(self, piece: u32) -> u32 {
        let whole = self.piece_length.bytes();
        let before = u64::from(piece) * u64::from(whole);
        u32::try_from(self.length.saturating_sub(before)).unwrap_or(u32::MAX).min(whole)
    }
}

impl From<&Metainfo> for Layout {
    fn from(metainfo: &Metainfo) -> Self {
        Self { piece_length: metainfo.piece_length(), length: metainfo.length() }
    }
}

impl Holding {
    /// Whether peers may have `piece`.
    #[must_use]
    pub fn contains(&self, piece: u32) -> bool {
        match self {
            Self::All => true,
            Self::Pieces(pieces) => pieces.contains(piece),
        }
    }
}

/// Some of the pieces of a torrent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PieceSet {
    /// As a Bitfield message has them: the first piece is the highest bit of the first byte.
    bits: Vec<u8>,
}

impl PieceSet {
    /// Whether `piece` is one of them.
    #[must_use]
    pub fn contains(&self, piece: u32) -> bool {
        self.byte(piece as usize / 8) & bit(piece) != 0
    }

    /// A byte of the Bitfield message's body.
    pub(crate) fn byte(&self, index: usize) -> u8 {
        self.bits.get(index).copied().unwrap_or(0)
    }
}

impl FromIterator<u32> for PieceSet {
    fn from_iter<T: IntoIterator<Item = u32>>(pieces: T) -> Self {
        let mut bits = Vec::new();
        for piece in pieces {
            let index = piece as usize / 8;
            if index >= bits.len() {
                bits.resize(index + 1, 0);
            }
            bits[index] |= bit(piece);
        }
        Self { bits }
    }
}

const fn bit(piece: u32) -> u8 {
    0x80 >> (piece % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bep_3_the_first_piece_is_the_highest_bit_of_a_bitfield() {
        let pieces: PieceSet = [0, 9, 15, 9].into_iter().collect();
        assert_eq!(pieces.bits, [0b1000_0000, 0b0100_0001]);
        assert_eq!((0..99).filter(|&piece| pieces.contains(piece)).collect::<Vec<_>>(), [0, 9, 15]);
        assert!(!pieces.contains(u32::MAX));
    }

    #[test]
    fn the_last_piece_is_what_is_left() {
        let piece_length = PieceLength::new(32 << 10).unwrap();
        let layout = |length| Layout { piece_length, length };
        let pieces = |layout: Layout| [0, 1, 2, u32::MAX].map(|piece| layout.piece(piece));
        assert_eq!(pieces(layout((32 << 10) + 1)), [32 << 10, 1, 0, 0]);
        assert_eq!(pieces(layout(64 << 10)), [32 << 10, 32 << 10, 0, 0]);
        assert_eq!(pieces(layout(u64::MAX)), [32 << 10; 4]);
        assert_eq!(pieces(layout(0)), [0; 4]);
    }
}
