//! The responder ("B"): a peer that came to us.

use seedbed_metainfo::Infohash;

use super::{
    Cipher, Decrypter, Established, Method, Methods, MseError, VERIFICATION, cipher, counted_pad,
    find,
    key::{self, PrivateKey},
    pad,
};
use crate::Encryption;

/// VC, crypto_provide and len(PadC).
const OFFER: usize = 8 + 4 + 2;

/// The responder's side of a negotiation.
pub(crate) struct Incoming {
    allowed: Encryption,
    rng: fastrand::Rng,
    buffer: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// Ya is to come.
    Key,
    /// PadA, HASH('req1', S) and the proof are to come.
    Proof([u8; key::LENGTH]),
    /// The encrypted offer is to come, and IA, the first bytes of the stream.
    Offer(Box<(Decrypter, Cipher)>),
}

impl Incoming {
    pub(crate) const fn new(allowed: Encryption, rng: fastrand::Rng) -> Self {
        Self { allowed, rng, buffer: Vec::new(), stage: Stage::Key }
    }

    /// Takes the next bytes, appends what is to be sent, and gives the stream once there is one.
    ///
    /// # Errors
    /// The other side speaks something else, or wants what is not allowed or not served.
    pub(crate) fn advance(
        &mut self,
        bytes: &[u8],
        served: impl Fn() -> Vec<Infohash>,
        send: &mut Vec<u8>,
    ) -> Result<Option<Established>, MseError> {
        self.buffer.extend_from_slice(bytes);
        if let Stage::Key = self.stage {
            let Some(theirs) = self.buffer.first_chunk() else { return Ok(None) };
            let ours = PrivateKey::random(&mut self.rng);
            self.stage = Stage::Proof(ours.shared(theirs));
            self.buffer.drain(..key::LENGTH);
            send.extend(ours.public());
            send.extend(pad(&mut self.rng));
        }
        if let Stage::Proof(shared) = &self.stage {
            let mark = cipher::hash(&[b"req1", shared]);
            let Some(end) = find(&self.buffer, &mark, "the hash of the shared secret")? else {
                return Ok(None);
            };
            let Some(proof) = self.buffer[end..].first_chunk::<20>() else { return Ok(None) };
            let matches = |infohash: &Infohash| cipher::proof(shared, *infohash) == *proof;
            let infohash = served().into_iter().find(matches).ok_or(MseError::NotServed)?;
            let theirs = Decrypter::new(Cipher::initiators(shared, infohash));
            let ours = Cipher::responders(shared, infohash);
            self.stage = Stage::Offer(Box::new((theirs, ours)));
            self.buffer.drain(..end + 20);
        }
        if let Stage::Offer(ciphers) = &mut self.stage {
            ciphers.0.push(&self.buffer);
            self.buffer.clear();
            let Some((provided, used)) = offer(&mut ciphers.0)? else { return Ok(None) };
            let method = choose(self.allowed, provided)?;
            let Stage::Offer(ciphers) = std::mem::replace(&mut self.stage, Stage::Key) else {
                return Ok(None);
            };
            let (theirs, mut ours) = *ciphers;
            let select = (method as u32).to_be_bytes();
            let answer = [&VERIFICATION[..], &select, &counted_pad(&mut self.rng)].concat();
            send.extend(ours.applied(answer));
            return Ok(Some(Established::new(method, theirs, ours, used)));
        }
        Ok(None)
    }
}

/// The methods that are offered, and where IA begins, once all of it has come.
fn offer(theirs: &mut Decrypter) -> Result<Option<(Methods, usize)>, MseError> {
    let Some(verification) = theirs.field(0) else { return Ok(None) };
    if verification != VERIFICATION {
        return Err(MseError::NotVerified(verification));
    }
    let (Some(provided), Some(pad)) = (theirs.field(8), theirs.length(12)) else {
        return Ok(None);
    };
    if pad > super::LONGEST_PAD {
        return Err(MseError::PadTooLong(pad));
    }
    let Some(length) = theirs.length(OFFER + pad) else { return Ok(None) };
    let begin = OFFER + pad + 2;
    let provided = Methods(u32::from_be_bytes(provided));
    Ok(theirs.reach(begin + length).then_some((provided, begin)))
}

pub(super) fn choose(allowed: Encryption, provided: Methods) -> Result<Method, MseError> {
    let wanted = Methods::of(allowed);
    wanted.both(provided).preferred().ok_or(MseError::NoMethod { wanted, got: provided })
}
