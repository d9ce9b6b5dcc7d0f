//! Signatures on edwards25519, with keys as MariaDB's plugins make them of a password.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

pub(super) const PUBLIC_KEY: usize = 32;
pub(super) const SIGNATURE: usize = 64;

/// A private key: the scalar, and what the signature's secret is made with.
pub(super) struct SigningKey {
    scalar: Zeroizing<Scalar>,
    prefix: Zeroizing<[u8; 32]>,
    public: [u8; PUBLIC_KEY],
}

impl SigningKey {
    /// The key that RFC 8032 makes of a seed of 32 bytes, and MariaDB of a password of any length.
    pub(super) fn from_seed(seed: &[u8]) -> Self {
        let hash = sha512(&[seed]);
        let (mut lower, mut prefix) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        let (first, second) = hash.split_at(32);
        lower.copy_from_slice(first);
        prefix.copy_from_slice(second);
        let clamped = Zeroizing::new(clamp_integer(*lower));
        let scalar = Zeroizing::new(Scalar::from_bytes_mod_order(*clamped));
        let public = EdwardsPoint::mul_base(&scalar).compress().to_bytes();
        Self { scalar, prefix, public }
    }

    pub(super) const fn public(&self) -> &[u8; PUBLIC_KEY] {
        &self.public
    }

    /// The signature of a message given in parts: R ‖ S.
    pub(super) fn sign(&self, message: &[&[u8]]) -> [u8; SIGNATURE] {
        let secret = [&[self.prefix.as_slice()], message].concat();
        let r = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&sha512(&secret)));
        let point = EdwardsPoint::mul_base(&r).compress().to_bytes();
        let hashed = [&[&point[..], &self.public], message].concat();
        let k = Scalar::from_bytes_mod_order_wide(&sha512(&hashed));
        let s = *r + k * *self.scalar;
        let mut signature = [0; SIGNATURE];
        let (first, second) = signature.split_at_mut(32);
        first.copy_from_slice(&point);
        second.copy_from_slice(s.as_bytes());
        signature
    }
}

fn sha512(parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut hasher = Sha512::new();
    for part in parts {
        hasher.update(part);
    }
    Zeroizing::new(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hex, unhex};
    use super::*;

    /// The vectors of RFC 8032, part 7.1.
    #[test]
    fn known_answers() {
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac\
                 c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e\
                 458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290\
                 ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let key = SigningKey::from_seed(&unhex(seed));
            assert_eq!(hex(key.public()), public);
            let message = unhex(message);
            assert_eq!(hex(&key.sign(&[&message])), signature);
            let (first, second) = message.split_at(message.len() / 2);
            assert_eq!(hex(&key.sign(&[first, second])), signature, "in parts");
        }
    }
}
