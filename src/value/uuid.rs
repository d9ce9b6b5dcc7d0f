//! The feature `uuid`.

use ::uuid::Uuid;
use ::uuid::fmt::Hyphenated;

use super::{FromValue, Kind, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;

impl<'r> FromValue<'r> for Uuid {
    /// Reads text, which MariaDB's UUID is in both protocols, and 16 bytes in the order that RFC
    /// 9562 gives them; `UUID_TO_BIN(…, 1)` of MySQL swaps them, and has to be undone in SQL.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Text => Self::try_parse_ascii(value.bytes()).map_err(|_| ValueError::Malformed),
            Kind::Bytes => Self::from_slice(value.bytes()).map_err(|_| ValueError::Malformed),
            _ => Err(ValueError::Type),
        }
    }
}

impl ToValue for Uuid {
    /// 16 bytes: BINARY(16) and MariaDB's UUID take them, a CHAR(36) needs
    /// [`Uuid::hyphenated`].
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::BLOB))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.as_bytes().write(out)
    }
}

impl ToValue for Hyphenated {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::VAR_STRING))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.encode_lower(&mut Uuid::encode_buffer()).write(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, read_flagged, written};
    use crate::wire::ColumnFlags;

    #[test]
    fn uuids_are_text_or_sixteen_bytes() {
        let text = b"123e4567-e89b-12d3-a456-426655440000";
        let uuid = Uuid::from_u128(0x123E_4567_E89B_12D3_A456_4266_5544_0000);
        assert_eq!(read(text, ColumnType::STRING), Ok(uuid));
        assert_eq!(read_binary(text, ColumnType::STRING), Ok(uuid));
        assert_eq!(read(b"123E4567E89B12D3A456426655440000", ColumnType::VAR_STRING), Ok(uuid));
        let bytes =
            |bytes: &[u8]| read_flagged::<Uuid>(bytes, ColumnType::STRING, 63, ColumnFlags::BINARY);
        assert_eq!(bytes(uuid.as_bytes()), Ok(uuid));
        assert_eq!(bytes(&text[..]), Err(ValueError::Malformed));
        assert_eq!(bytes(&[0; 15]), Err(ValueError::Malformed));
        for wrong in [&b""[..], b"123e4567", b"\xFF\xFE"] {
            let uuid = read::<Uuid>(wrong, ColumnType::STRING);
            assert_eq!(uuid, Err(ValueError::Malformed));
        }
        assert_eq!(read::<Uuid>(b"1", ColumnType::LONG), Err(ValueError::Type));
        assert_eq!(written(&uuid), [&[16][..], uuid.as_bytes()].concat());
        assert_eq!(written(&uuid.hyphenated()), [&[36][..], text].concat());
    }
}
