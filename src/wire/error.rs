//! What can be wrong with bytes that came in, or with values that are to go out.

use std::fmt;

/// A payload that is not the message it should be.
///
/// `Copy` and free of allocation: decoding an attacker's bytes costs nothing but the look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The message that was being decoded, in words.
    pub message: &'static str,
    /// What was wrong with it.
    pub malformed: Malformed,
}

/// How a payload was malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The payload ends before a field does.
    Truncated,
    /// A length-encoded integer starts with a byte that is none (F-21, F-22).
    LengthPrefix(u8),
    /// A length is larger than this machine can address.
    LengthOverflow,
    /// A NUL-terminated string has no NUL.
    MissingNul,
    /// Bytes follow where the message must end.
    TrailingBytes,
    /// The first byte is not one of this message.
    Header(u8),
    /// A field has a value that the protocol does not allow there.
    Field(&'static str),
}

impl DecodeError {
    pub(crate) const fn new(message: &'static str, malformed: Malformed) -> Self {
        Self { message, malformed }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}: ", self.message)?;
        match self.malformed {
            Malformed::Truncated => f.write_str("it ends in the middle of a field"),
            Malformed::LengthPrefix(byte) => {
                write!(f, "0x{byte:02x} does not start a length-encoded integer")
            }
            Malformed::LengthOverflow => f.write_str("a length exceeds the address space"),
            Malformed::MissingNul => f.write_str("a string lacks its terminating NUL"),
            Malformed::TrailingBytes => f.write_str("bytes follow its last field"),
            Malformed::Header(byte) => write!(f, "unexpected first byte 0x{byte:02x}"),
            Malformed::Field(field) => write!(f, "illegal value in field `{field}`"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A value that the protocol cannot carry. Nothing was written for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The field that cannot be written.
    pub field: &'static str,
    /// Why not.
    pub reason: Unencodable,
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unencodable {
    /// The field is NUL-terminated and the value holds a NUL (T-22).
    InteriorNul,
    /// The value is longer than its length field can say (T-20).
    TooLong {
        /// The longest value, in bytes.
        max: u64,
    },
    /// There are more of them than their count can say (E-88).
    TooMany {
        /// The greatest number.
        max: usize,
    },
    /// The field exists only with a capability that was not negotiated (T-24).
    NotNegotiated,
}

impl EncodeError {
    pub(crate) const fn new(field: &'static str, reason: Unencodable) -> Self {
        Self { field, reason }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Unencodable::InteriorNul => {
                write!(f, "the {} contains a NUL byte, which the protocol cannot carry", self.field)
            }
            Unencodable::TooLong { max } => {
                write!(
                    f,
                    "the {} is longer than the {max} bytes that the protocol can carry",
                    self.field
                )
            }
            Unencodable::TooMany { max } => {
                write!(
                    f,
                    "there are more than {max} {}, the most that a message can have",
                    self.field
                )
            }
            Unencodable::NotNegotiated => {
                write!(f, "the server does not support the {} that this message needs", self.field)
            }
        }
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// T-20, T-22, T-24, E-88: what cannot be written is named, with the reason.
    #[test]
    fn what_cannot_be_written_is_named() {
        for (reason, sentence) in [
            (
                Unencodable::InteriorNul,
                "the x contains a NUL byte, which the protocol cannot carry",
            ),
            (
                Unencodable::TooLong { max: 255 },
                "the x is longer than the 255 bytes that the protocol can carry",
            ),
            (
                Unencodable::TooMany { max: 65_535 },
                "there are more than 65535 x, the most that a message can have",
            ),
            (
                Unencodable::NotNegotiated,
                "the server does not support the x that this message needs",
            ),
        ] {
            assert_eq!(EncodeError::new("x", reason).to_string(), sentence);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (malformed, reason) in [
            (Malformed::Truncated, "it ends in the middle of a field"),
            (Malformed::LengthPrefix(0xFF), "0xff does not start a length-encoded integer"),
            (Malformed::LengthOverflow, "a length exceeds the address space"),
            (Malformed::MissingNul, "a string lacks its terminating NUL"),
            (Malformed::TrailingBytes, "bytes follow its last field"),
            (Malformed::Header(9), "unexpected first byte 0x09"),
            (Malformed::Field("flag"), "illegal value in field `flag`"),
        ] {
            let shown = DecodeError::new("OK packet", malformed).to_string();
            assert_eq!(shown, format!("malformed OK packet: {reason}"));
        }
    }
}
