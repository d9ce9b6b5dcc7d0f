//! The password under the server's RSA public key, for plain TCP.
//!
//! Only encryption with a public key happens here, so the timing of private-key operations
//! (RUSTSEC-2023-0071) is not ours.

use ::rsa::pkcs8::DecodePublicKey;
use ::rsa::rand_core::TryCryptoRng;
use ::rsa::traits::PublicKeyParts;
use ::rsa::{BoxedUint, Oaep, PublicKey};
use getrandom::SysRng;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::clear::terminated;
use super::{AuthError, Nonce};
use crate::secret::Secret;

/// Most bytes of PEM looked at: an 8192-bit key takes under 1.5 KiB.
const MAX_PEM_BYTES: usize = 16 << 10;

/// Sizes of modulus taken: smaller can be broken, larger only costs time. The largest takes
/// less than 10 ms, even without optimisation, and the library takes no exponent of more than 33
/// bits (T-36).
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// What OAEP with SHA-1 adds to a message: two hashes of 20 bytes and two bytes.
const OAEP_BYTES: usize = 42;

/// RSA-OAEP with SHA-1 and MGF1-SHA1 of (p ‖ 0x00) ⊕ the repeated nonce.
pub(super) fn encrypt_password(
    pem: &[u8],
    password: &Secret,
    nonce: &Nonce,
) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    encrypt_with(&mut SysRng, &public_key(pem)?, &masked(password, nonce))
}

fn public_key(pem: &[u8]) -> Result<PublicKey, AuthError> {
    let refuse = |reason| AuthError::ServerPublicKey { reason };
    if pem.len() > MAX_PEM_BYTES {
        return Err(refuse("it is longer than 16 KiB"));
    }
    let text = std::str::from_utf8(pem)
        .map_err(|_| refuse("it is not PEM"))?
        .trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace());
    if !text.starts_with("-----BEGIN PUBLIC KEY-----") {
        return Err(refuse("it is not PEM that begins with BEGIN PUBLIC KEY"));
    }
    let key = PublicKey::from_public_key_pem(text)
        .map_err(|_| refuse("it does not hold a well-formed RSA key of 2048 to 8192 bits"))?;
    if !MODULUS_BITS.contains(&key.n().bit_width_vartime()) {
        return Err(refuse("it does not have 2048 to 8192 bits"));
    }
    let is_odd = key.e().to_be_bytes().last().is_some_and(|low| low % 2 == 1);
    if !is_odd || *key.e() < BoxedUint::from(3_u8) {
        return Err(refuse("its exponent is not an odd number from 3 up"));
    }
    Ok(key)
}

/// The nonce repeats over its 20 bytes, which only a password of 20 and more shows (E-25).
fn masked(password: &Secret, nonce: &Nonce) -> Zeroizing<Vec<u8>> {
    let mut bytes = terminated(password);
    for (byte, mask) in bytes.iter_mut().zip(nonce.iter().cycle()) {
        *byte ^= mask;
    }
    bytes
}

fn encrypt_with<R: TryCryptoRng>(
    rng: &mut R,
    key: &PublicKey,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    let capacity = key.size().saturating_sub(OAEP_BYTES);
    if message.len() > capacity {
        return Err(AuthError::PasswordTooLong { max: capacity.saturating_sub(1) });
    }
    match key.encrypt(rng, Oaep::<Sha1>::new(), message) {
        Ok(encrypted) => Ok(Zeroizing::new(encrypted)),
        Err(::rsa::Error::Rng) => Err(AuthError::NoRandomness),
        Err(_) => Err(AuthError::ServerPublicKey { reason: "encrypting with it failed" }),
    }
}

#[cfg(test)]
pub(super) mod tests;
