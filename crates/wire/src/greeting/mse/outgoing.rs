//! The initiator ("A"): a peer that we dialled.

use seedbed_metainfo::Infohash;

use super::{
    Cipher, Decrypter, Established, Method, Methods, MseError, VERIFICATION, cipher, counted_pad,
    find,
    key::{self, PrivateKey},
    pad,
};
use crate::Encryption;

/// VC, crypto_select and len(PadD).
const ANSWER: usize = 8 + 4 + 2;

/// The initiator's side of a negotiation.
pub(crate) struct Outgoing {
    allowed: Encryption,
    infohash: Infohash,
    /// IA: the first bytes of the stream, which go out before it is agreed on.
    first: Vec<u8>,
    rng: fastrand::Rng,
    buffer: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// Nothing was said yet.
    Start,
    /// Yb is to come.
    Key(PrivateKey),
    /// PadB and the encrypted VC are to come.
    Sync(Box<(Cipher, Cipher)>, [u8; VERIFICATION.len()]),
    /// crypto_select and PadD are to come.
    Answer(Box<(Decrypter, Cipher)>),
}

impl Outgoing {
    pub(crate) const fn new(
        allowed: Encryption,
        infohash: Infohash,
        first: Vec<u8>,
        rng: fastrand::Rng,
    ) -> Self {
        Self { allowed, infohash, first, rng, buffer: Vec::new(), stage: Stage::Start }
    }

    /// Takes the next bytes, none at first, appends what is to be sent, and gives the stream once
    /// there is one.
    ///
    /// # Errors
    /// The other side speaks something else, or chose what is not allowed.
    pub(crate) fn advance(
        &mut self,
        bytes: &[u8],
        send: &mut Vec<u8>,
    ) -> Result<Option<Established>, MseError> {
        self.buffer.extend_from_slice(bytes);
        if let Stage::Start = self.stage {
            let ours = PrivateKey::random(&mut self.rng);
            send.extend(ours.public());
            send.extend(pad(&mut self.rng));
            self.stage = Stage::Key(ours);
        }
        if let Stage::Key(ours) = &self.stage {
            let Some(theirs) = self.buffer.first_chunk() else { return Ok(None) };
            let shared = ours.shared(theirs);
            self.buffer.drain(..key::LENGTH);
            send.extend(cipher::hash(&[b"req1", &shared]));
            send.extend(cipher::proof(&shared, self.infohash));
            let mut ours = Cipher::initiators(&shared, self.infohash);
            send.extend(ours.applied(self.offer()));
            // RC4 makes the same of the same bytes at the same place.
            let theirs = Cipher::responders(&shared, self.infohash);
            let mut mark = VERIFICATION;
            Cipher::responders(&shared, self.infohash).apply(&mut mark);
            self.stage = Stage::Sync(Box::new((theirs, ours)), mark);
        }
        if let Stage::Sync(_, mark) = &self.stage {
            let Some(end) = find(&self.buffer, mark, "the encrypted zeros (VC)")? else {
                return Ok(None);
            };
            self.buffer.drain(..end - mark.len());
            let Stage::Sync(ciphers, _) = std::mem::replace(&mut self.stage, Stage::Start) else {
                return Ok(None);
            };
            let (theirs, ours) = *ciphers;
            self.stage = Stage::Answer(Box::new((Decrypter::new(theirs), ours)));
        }
        if let Stage::Answer(ciphers) = &mut self.stage {
            ciphers.0.push(&self.buffer);
            self.buffer.clear();
            let Some((selected, end)) = answer(&mut ciphers.0)? else { return Ok(None) };
            let method = self.check(selected)?;
            let Stage::Answer(ciphers) = std::mem::replace(&mut self.stage, Stage::Start) else {
                return Ok(None);
            };
            return Ok(Some(Established::new(method, ciphers.0, ciphers.1, end)));
        }
        Ok(None)
    }

    /// VC, crypto_provide, PadC and IA.
    fn offer(&mut self) -> Vec<u8> {
        let length = u16::try_from(self.first.len()).unwrap_or(0);
        let first = &self.first[..length.into()];
        let (provide, length) = (Methods::of(self.allowed).0.to_be_bytes(), length.to_be_bytes());
        let pad = counted_pad(&mut self.rng);
        [&VERIFICATION[..], &provide, &pad, &length, first].concat()
    }

    /// The method that the other side chose, if it is one that was offered.
    fn check(&self, got: Methods) -> Result<Method, MseError> {
        let wanted = Methods::of(self.allowed);
        let chosen = got.preferred().filter(|_| got.0.is_power_of_two() && wanted.both(got) == got);
        chosen.ok_or(MseError::NoMethod { wanted, got })
    }
}

/// The method that was selected, and where the stream begins, once all before it has come.
fn answer(theirs: &mut Decrypter) -> Result<Option<(Methods, usize)>, MseError> {
    let (Some(selected), Some(pad)) = (theirs.field(8), theirs.length(12)) else {
        return Ok(None);
    };
    if pad > super::LONGEST_PAD {
        return Err(MseError::PadTooLong(pad));
    }
    let end = ANSWER + pad;
    Ok(theirs.reach(end).then_some((Methods(u32::from_be_bytes(selected)), end)))
}
