//! The key exchange: Diffie-Hellman over a fixed prime of 768 bits.

use crypto_bigint::{U192, U768, modular::ConstMontyForm};

/// Length of a public key and of the shared secret.
pub(super) const LENGTH: usize = 96;

/// Length of a private key.
const SECRET: usize = 20;

/// P of the specification.
mod prime {
    crypto_bigint::const_monty_params!(
        P,
        crypto_bigint::U768,
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
         020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
         4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563"
    );
}

type Number = ConstMontyForm<prime::P, { U768::LIMBS }>;

/// A private key. What it guards is no secret, so it may come from any source.
pub(super) struct PrivateKey(U192);

impl PrivateKey {
    pub(super) fn new(bytes: [u8; SECRET]) -> Self {
        let mut padded = [0; U192::BYTES];
        padded[U192::BYTES - SECRET..].copy_from_slice(&bytes);
        Self(U192::from_be_slice(&padded))
    }

    pub(super) fn random(rng: &mut fastrand::Rng) -> Self {
        let mut bytes = [0; SECRET];
        rng.fill(&mut bytes);
        Self::new(bytes)
    }

    /// G^X mod P, where G is 2.
    pub(super) fn public(&self) -> [u8; LENGTH] {
        self.power(&U768::from_u8(2))
    }

    /// S: the other side's public key to the power of this one.
    pub(super) fn shared(&self, theirs: &[u8; LENGTH]) -> [u8; LENGTH] {
        self.power(&U768::from_be_slice(theirs))
    }

    fn power(&self, base: &U768) -> [u8; LENGTH] {
        let power = Number::new(base).pow_vartime(&self.0).retrieve();
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(power.to_be_bytes().as_ref());
        bytes
    }
}
