//! PBKDF2 with HMAC-SHA-512 (RFC 8018), for keys of one half of a block.

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// SHA-512's block and its output, in bytes.
const BLOCK: usize = 128;
const OUTPUT: usize = 64;

/// The first 32 bytes of the derived key.
///
/// Cost: two compressions of SHA-512 a round.
pub(super) fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[u8; 32]> {
    let mac = Hmac::new(password);
    // The first block, and with 32 bytes the only one.
    let mut last = mac.of(&[salt, &1_u32.to_be_bytes()]);
    let mut sum = last.clone();
    for _ in 1..rounds {
        last = mac.of(&[last.as_slice()]);
        for (sum, byte) in sum.iter_mut().zip(last.iter()) {
            *sum ^= byte;
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    for (to, from) in key.iter_mut().zip(sum.iter()) {
        *to = *from;
    }
    key
}

/// HMAC with its key already taken in (RFC 2104).
struct Hmac {
    inner: Sha512,
    outer: Sha512,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        let hashed = Zeroizing::new(<[u8; OUTPUT]>::from(Sha512::digest(key)));
        let key = if key.len() > BLOCK { hashed.as_slice() } else { key };
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        let padded = |pad: u8| {
            let mut bytes = block.clone();
            for byte in bytes.iter_mut() {
                *byte ^= pad;
            }
            let mut hasher = Sha512::new();
            hasher.update(bytes.as_slice());
            bytes.zeroize();
            hasher
        };
        Self { inner: padded(0x36), outer: padded(0x5C) }
    }

    fn of(&self, parts: &[&[u8]]) -> Zeroizing<[u8; OUTPUT]> {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let digest = Zeroizing::new(<[u8; OUTPUT]>::from(inner.finalize()));
        let mut outer = self.outer.clone();
        outer.update(digest.as_slice());
        Zeroizing::new(outer.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;

    /// Computed with another implementation; the last key is longer than a block.
    #[test]
    fn known_answers() {
        let long = "k".repeat(200);
        for (password, salt, rounds, expected) in [
            (
                "password",
                "salt",
                1,
                "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252",
            ),
            (
                "password",
                "salt",
                2,
                "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53c",
            ),
            (
                "passwordPASSWORDpassword",
                "saltSALTsaltSALTsaltSALTsaltSALTsalt",
                4096,
                "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71",
            ),
            (&long, "salt", 3, "35af7cebd2e1c297550a8cdeae79788b876bbd859d95d49da98b89812d99542e"),
        ] {
            assert_eq!(hex(&*derive(password.as_bytes(), salt.as_bytes(), rounds)), expected);
        }
    }
}
