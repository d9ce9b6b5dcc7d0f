//! A shrinking slice that checks every length (F-20 to F-24).

use super::error::{DecodeError, Malformed};

/// Reads fields from the front of one payload.
///
/// Each method consumes what it returns, or fails and leaves the reader in an unspecified place.
/// Nothing is copied and nothing is allocated, whatever length the bytes claim.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    message: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `payload`; `message` names it in errors.
    #[must_use]
    pub const fn new(payload: &'a [u8], message: &'static str) -> Self {
        Self { rest: payload, message }
    }

    /// The bytes not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes all that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Fails unless everything was read.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(Malformed::TrailingBytes)) }
    }

    /// An error about the message being read.
    #[must_use]
    pub const fn error(&self, malformed: Malformed) -> DecodeError {
        DecodeError::new(self.message, malformed)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.error(Malformed::Truncated));
        };
        self.rest = rest;
        Ok(*array)
    }

    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.error(Malformed::Truncated));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// `int<1>`.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// `int<2>`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// `int<3>`.
    pub fn u24(&mut self) -> Result<u32, DecodeError> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    /// `int<4>`.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// `int<8>`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A length-encoded integer; encodings longer than needed are accepted (F-24).
    pub fn lenenc(&mut self) -> Result<u64, DecodeError> {
        match self.u8()? {
            byte @ 0..=0xFA => Ok(u64::from(byte)),
            0xFC => Ok(u64::from(self.u16()?)),
            0xFD => Ok(u64::from(self.u24()?)),
            0xFE => self.u64(),
            byte => Err(self.error(Malformed::LengthPrefix(byte))),
        }
    }

    /// A length-encoded string.
    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.lenenc()?;
        let length = usize::try_from(length).map_err(|_| self.error(Malformed::LengthOverflow))?;
        self.bytes(length)
    }

    /// A length-encoded string, or 0xFB for NULL (F-21).
    pub fn lenenc_bytes_or_null(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.rest.first() == Some(&0xFB) {
            self.u8()?;
            return Ok(None);
        }
        self.lenenc_bytes().map(Some)
    }

    /// A NUL-terminated string, without its NUL.
    pub fn nul_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let bytes = self.nul_bytes_or_rest();
        if bytes.len() == self.rest.len() {
            return Err(self.error(Malformed::MissingNul));
        }
        self.skip_past(bytes);
        Ok(bytes)
    }

    /// A NUL-terminated string whose NUL may be missing at the end of the payload (H-05, H-41).
    pub fn nul_bytes_lenient(&mut self) -> &'a [u8] {
        let bytes = self.nul_bytes_or_rest();
        self.skip_past(bytes);
        bytes
    }

    fn nul_bytes_or_rest(&self) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| byte == 0).unwrap_or(self.rest.len());
        self.rest.get(..end).unwrap_or_default()
    }

    fn skip_past(&mut self, bytes: &[u8]) {
        self.rest = self.rest.get(bytes.len().saturating_add(1)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenenc(bytes: &[u8]) -> Result<u64, Malformed> {
        Reader::new(bytes, "test").lenenc().map_err(|error| error.malformed)
    }

    #[test]
    fn lenenc_prefixes() {
        assert_eq!(lenenc(&[0]), Ok(0));
        assert_eq!(lenenc(&[0xFA]), Ok(250));
        assert_eq!(lenenc(&[0xFC, 0xFB, 0]), Ok(251));
        assert_eq!(lenenc(&[0xFD, 0, 0, 1]), Ok(65_536));
        assert_eq!(lenenc(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(u64::MAX));
    }

    #[test]
    fn e10_short_or_foreign_prefixes_are_errors() {
        assert_eq!(lenenc(&[0xFE, 1, 2, 3, 4, 5, 6, 7]), Err(Malformed::Truncated));
        assert_eq!(lenenc(&[0xFC, 1]), Err(Malformed::Truncated));
        assert_eq!(lenenc(&[0xFD, 1, 2]), Err(Malformed::Truncated));
        assert_eq!(lenenc(&[0xFB]), Err(Malformed::LengthPrefix(0xFB)));
        assert_eq!(lenenc(&[0xFF]), Err(Malformed::LengthPrefix(0xFF)));
        assert_eq!(lenenc(&[]), Err(Malformed::Truncated));
    }

    #[test]
    fn e11_absurd_lengths_neither_allocate_nor_overflow() {
        for length in [1_u64 << 63, u64::MAX, u64::from(u32::MAX) + 1] {
            let mut bytes = vec![0xFE];
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.push(b'x');
            assert!(Reader::new(&bytes, "test").lenenc_bytes().is_err());
        }
    }

    #[test]
    fn e12_longer_encodings_than_needed_are_accepted() {
        assert_eq!(lenenc(&[0xFC, 5, 0]), Ok(5));
        assert_eq!(lenenc(&[0xFD, 5, 0, 0]), Ok(5));
        assert_eq!(lenenc(&[0xFE, 5, 0, 0, 0, 0, 0, 0, 0]), Ok(5));
    }

    #[test]
    fn nul_terminated() {
        let mut reader = Reader::new(b"ab\0cd", "test");
        assert_eq!(reader.nul_bytes(), Ok(&b"ab"[..]));
        assert_eq!(reader.nul_bytes().map_err(|e| e.malformed), Err(Malformed::MissingNul));
        assert_eq!(reader.nul_bytes_lenient(), b"cd");
        assert!(reader.is_empty());
        assert_eq!(reader.nul_bytes_lenient(), b"");
    }

    #[test]
    fn trailing_bytes_are_an_error_on_finish() {
        let mut reader = Reader::new(&[1, 2], "test");
        reader.u8().unwrap();
        assert_eq!(reader.finish().map_err(|e| e.malformed), Err(Malformed::TrailingBytes));
    }
}
