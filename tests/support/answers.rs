//! What an account's answers have to be, computed apart from the crate.

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// mysql_native_password: SHA1(p) ^ SHA1(nonce, SHA1(SHA1(p))).
pub fn native_answer(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password);
    let twice = Sha1::digest(once);
    let mask = Sha1::digest([nonce, &twice].concat());
    once.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

/// caching_sha2_password: SHA256(p) ^ SHA256(SHA256(SHA256(p)), nonce).
pub fn sha2_answer(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password);
    let twice = Sha256::digest(once);
    let mask = Sha256::digest([&twice, nonce].concat());
    once.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}
