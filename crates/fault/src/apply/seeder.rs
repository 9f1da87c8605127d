//! Choking in turns, and false bitfields.

use std::time::Duration;

use crate::{
    faults::seeder::{Bitfield, Choke},
    units::Span,
};

impl Choke {
    /// Whether the peer is choked so long after the fault began, and how long this lasts; `None`
    /// for ever.
    #[must_use]
    pub fn turn(&self, elapsed: Duration) -> (bool, Option<Duration>) {
        let Some(Span(choked)) = self.choked else { return (true, None) };
        let Span(unchoked) = self.unchoked;
        let period = (choked + unchoked).as_micros();
        if period == 0 {
            return (true, None);
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than a period")]
        let within = Duration::from_micros((elapsed.as_micros() % period) as u64);
        if within < choked {
            (true, Some(choked - within))
        } else {
            (false, Some(choked + unchoked - within))
        }
    }
}

impl Bitfield {
    /// Claims and hides pieces in the payload of a Bitfield message of a torrent of `pieces`
    /// pieces; the first piece is the highest bit.
    pub fn apply(&self, bitfield: &mut [u8], pieces: u32) {
        let mut set = |piece: u32, value: bool| {
            let Some(byte) = bitfield.get_mut(piece as usize / 8) else { return };
            let bit = 0x80 >> (piece % 8);
            if value { *byte |= bit } else { *byte &= !bit }
        };
        for piece in self.claim.iter().flat_map(|claimed| claimed.below(pieces)) {
            set(piece, true);
        }
        for piece in self.hide.iter().flat_map(|hidden| hidden.below(pieces)) {
            set(piece, false);
        }
    }

    /// Whether the peer is told that the seeder lacks the piece.
    #[must_use]
    pub fn hides(&self, piece: u32) -> bool {
        self.hide.as_ref().is_some_and(|hidden| hidden.contains(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pieces;

    #[test]
    fn choking_goes_in_turns_and_without_a_length_for_ever() {
        let turns = Choke { choked: Some(Span::secs(5)), unchoked: Span::secs(2) };
        let at = |millis| turns.turn(Duration::from_millis(millis));
        assert_eq!(at(0), (true, Some(Duration::from_secs(5))));
        assert_eq!(at(5500), (false, Some(Duration::from_millis(1500))));
        assert_eq!(at(7000), (true, Some(Duration::from_secs(5))));
        let for_ever = Choke { choked: None, unchoked: Span::secs(2) };
        assert_eq!(for_ever.turn(Duration::from_secs(100)), (true, None));
    }

    #[test]
    fn a_bitfield_claims_and_hides_pieces_and_keeps_its_spare_bits_zero() {
        let pieces = |json: &str| serde_json::from_str::<Pieces>(json).unwrap();
        let fault = Bitfield { claim: Some(Pieces::all()), hide: Some(pieces(r#"[0,"8-"]"#)) };
        let mut bitfield = [0b1100_0000, 0];
        fault.apply(&mut bitfield, 10);
        assert_eq!(bitfield, [0b0111_1111, 0]);
        let claim = Bitfield { claim: Some(Pieces::all()), hide: None };
        claim.apply(&mut bitfield, 10);
        assert_eq!(bitfield, [0xff, 0b1100_0000]);
        assert!(fault.hides(9) && !fault.hides(1));
    }
}
