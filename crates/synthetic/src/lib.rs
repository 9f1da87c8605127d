//! Synthetic content: each byte is a function of a seed and the byte's offset, so it needs no disk.
//!
//! The bytes are the keystream of AES-128 in counter mode. The key is the first 16 bytes of
//! SHA-256("seedbed:" + the seed in decimal), and the initial counter is zero. Any language, or a
//! shell, can reproduce them:
//!
//! ```sh
//! key=$(printf 'seedbed:7' | sha256sum | head -c 32)
//! head -c 1000 /dev/zero | openssl enc -aes-128-ctr -K "$key" -iv 00000000000000000000000000000000
//! ```

use aes::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use sha2::{Digest as _, Sha256};

/// The endless bytes of one seed.
#[derive(Clone, Debug)]
pub struct Keystream {
    seed: u64,
    key: [u8; 16],
}

impl Keystream {
    /// Creates the keystream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(format!("seedbed:{seed}"))[..16]);
        Self { seed, key }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Fills `buffer` with the bytes that begin at `offset`.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) {
        // With a counter of 128 bits the keystream is longer than any offset can say.
        let mut cipher = ctr::Ctr128BE::<aes::Aes128>::new(&self.key.into(), &[0; 16].into());
        cipher.seek(offset);
        buffer.fill(0);
        cipher.apply_keystream(buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use proptest::prelude::*;

    use super::*;

    fn bytes(seed: u64, offset: u64, length: usize) -> Vec<u8> {
        let mut buffer = vec![0xff; length];
        Keystream::new(seed).fill(offset, &mut buffer);
        buffer
    }

    /// Encrypts `length` zeros with openssl, with `block` as the initial counter.
    fn openssl(seed: u64, block: u64, length: usize) -> Vec<u8> {
        let digest = Sha256::digest(format!("seedbed:{seed}"));
        let key: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut child = Command::new("openssl")
            .args(["enc", "-aes-128-ctr", "-K", &key, "-iv", &format!("{block:032x}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs openssl: apt-get install openssl");
        child.stdin.take().unwrap().write_all(&vec![0; length]).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn openssl_makes_the_same_bytes() {
        for seed in [0, 7, u64::MAX] {
            assert_eq!(bytes(seed, 0, 10_000), openssl(seed, 0, 10_000), "seed {seed}");
        }
        let far = u64::MAX / 16;
        assert_eq!(bytes(1, far * 16, 15), openssl(1, far, 15));
    }

    #[test]
    fn another_seed_gives_other_bytes() {
        assert_ne!(bytes(1, 0, 16), bytes(2, 0, 16));
    }

    proptest! {
        #[test]
        fn a_byte_depends_on_its_offset_alone(offset in 0u64..5000, length in 0usize..100) {
            let start = usize::try_from(offset).unwrap();
            prop_assert_eq!(bytes(7, offset, length), &bytes(7, 0, 6000)[start..start + length]);
        }
    }
}
