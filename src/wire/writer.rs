//! Appends fields to a buffer (F-25). Every length goes through a checked conversion (T-20).

use super::error::{EncodeError, Unencodable};

/// The fields of the protocol, appended to a `Vec<u8>`.
///
/// Packets are built by appending only, so no byte of them was not written on purpose (T-13).
pub(crate) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u24(&mut self, value: u32);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
    /// A length-encoded integer in its shortest form.
    fn put_lenenc(&mut self, value: u64);
    /// A length-encoded string.
    fn put_lenenc_bytes(&mut self, bytes: &[u8]);
    /// A NUL-terminated string; one that holds a NUL is refused (T-22).
    fn put_nul_bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), EncodeError>;
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u24(&mut self, value: u32) {
        let [a, b, c, _] = value.to_le_bytes();
        self.extend_from_slice(&[a, b, c]);
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_lenenc(&mut self, value: u64) {
        let [a, b, c, ..] = value.to_le_bytes();
        match value {
            0..=0xFA => self.push(a),
            0xFB..=0xFFFF => self.extend_from_slice(&[0xFC, a, b]),
            0x1_0000..=0xFF_FFFF => self.extend_from_slice(&[0xFD, a, b, c]),
            _ => {
                self.push(0xFE);
                self.put_u64(value);
            }
        }
    }

    fn put_lenenc_bytes(&mut self, bytes: &[u8]) {
        // usize is at most 64 bits wide on every target of Rust, so this never saturates.
        self.put_lenenc(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.extend_from_slice(bytes);
    }

    fn put_nul_bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.contains(&0) {
            return Err(EncodeError::new(field, Unencodable::InteriorNul));
        }
        self.extend_from_slice(bytes);
        self.push(0);
        Ok(())
    }
}

/// A one-byte length and its bytes; longer ones are refused (H-32).
pub(crate) fn put_u8_bytes(
    out: &mut Vec<u8>,
    field: &'static str,
    bytes: &[u8],
) -> Result<(), EncodeError> {
    let Ok(length) = u8::try_from(bytes.len()) else {
        return Err(EncodeError::new(field, Unencodable::TooLong { max: 255 }));
    };
    out.push(length);
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reader::Reader;

    #[test]
    fn e13_lenenc_takes_the_shortest_form() {
        for (value, size) in [
            (0, 1),
            (250, 1),
            (251, 3),
            (65_535, 3),
            (65_536, 4),
            ((1 << 24) - 1, 4),
            (1 << 24, 9),
            (u64::from(u32::MAX), 9),
            (u64::from(u32::MAX) + 1, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            out.put_lenenc(value);
            assert_eq!(out.len(), size, "{value}");
            assert_eq!(Reader::new(&out, "test").lenenc(), Ok(value));
        }
    }

    #[test]
    fn t20_a_length_byte_never_truncates() {
        for length in [0, 1, 254, 255] {
            let mut out = Vec::new();
            put_u8_bytes(&mut out, "value", &vec![7; length]).unwrap();
            assert_eq!(out.len(), length + 1);
        }
        for length in [256, 257, 511, 512, 65_536] {
            let mut out = Vec::new();
            let error = put_u8_bytes(&mut out, "value", &vec![7; length]).unwrap_err();
            assert_eq!(error.reason, Unencodable::TooLong { max: 255 });
            assert!(out.is_empty());
        }
    }

    #[test]
    fn t22_a_nul_at_any_position_is_refused() {
        for position in 0..4 {
            let mut text = *b"root";
            text[position] = 0;
            let mut out = Vec::new();
            let error = out.put_nul_bytes("user", &text).unwrap_err();
            assert_eq!(error, EncodeError::new("user", Unencodable::InteriorNul));
            assert!(out.is_empty());
        }
    }
}
