//! `.mylogin.cnf`, as mysql_config_editor writes it: an option file that is no plain text, under a key
//! that stands in the file. This keeps it from being read over a shoulder, and from nobody else.
//!
//! Four bytes that mean nothing, twenty bytes of key, then for each line four bytes of length, little
//! endian, and the line in AES-128-ECB with PKCS #7 padding. The key is the twenty bytes folded to
//! sixteen by XOR.

use std::path::Path;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use zeroize::Zeroizing;

use crate::config::ConfigError;

const UNUSED: usize = 4;
const KEY: usize = 20;
const BLOCK: usize = 16;

/// The text of an obfuscated file.
pub(super) fn plain(path: &Path, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    reveal(file).ok_or_else(|| {
        ConfigError::new(format!(
            "The option file {} is not what mysql_config_editor writes; make it anew.",
            path.display()
        ))
    })
}

fn reveal(file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (key, mut rest) = file.get(UNUSED..)?.split_at_checked(KEY)?;
    let mut folded = Zeroizing::new([0_u8; BLOCK]);
    for (place, byte) in key.iter().enumerate() {
        *folded.get_mut(place % BLOCK)? ^= byte;
    }
    let cipher = Aes128::new(&Array::from(*folded));
    // The whole space at once, so that no copy of a password is left behind (T-81).
    let mut text = Zeroizing::new(Vec::with_capacity(file.len()));
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (line, behind) = behind.split_at_checked(length)?;
        rest = behind;
        for block in line.chunks(BLOCK) {
            let mut block = Array::from(<[u8; BLOCK]>::try_from(block).ok()?);
            cipher.decrypt_block(&mut block);
            text.extend_from_slice(&block);
        }
        let padding = usize::from(*text.last()?);
        if !(1..=BLOCK).contains(&padding) {
            return None;
        }
        let end = text.len().checked_sub(padding)?;
        text.truncate(end);
    }
    Some(text)
}
