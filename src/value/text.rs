//! Strings and bytes.

use super::{FromValue, Kind, RawValue};
use crate::error::ValueError;

impl<'r> FromValue<'r> for &'r str {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Text | Kind::Bytes | Kind::Decimal => {
                std::str::from_utf8(value.bytes()).map_err(|_| ValueError::Utf8)
            }
            _ => Err(ValueError::Type),
        }
    }
}

impl<'r> FromValue<'r> for String {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal => {
                std::str::from_utf8(value.bytes())
                    .map(Self::from)
                    .map_err(|_| ValueError::Malformed)
            }
            _ => <&str>::from_value(value).map(Self::from),
        }
    }
}

impl<'r> FromValue<'r> for &'r [u8] {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal => Err(ValueError::Type),
            Kind::Text | Kind::Bytes | Kind::Bit | Kind::Packed | Kind::Decimal | Kind::Unknown => {
                Ok(value.bytes())
            }
        }
    }
}

impl<'r> FromValue<'r> for Vec<u8> {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        <&[u8]>::from_value(value).map(Self::from)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::columns::Columns;
    use crate::wire::{ColumnDefinition, ColumnFlags, ColumnType, ExtendedMetadata};

    /// Reads `bytes` as a value of a column of this type.
    pub(in crate::value) fn read<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
    ) -> Result<T, ValueError> {
        read_flagged(bytes, column_type, 45, ColumnFlags::default())
    }

    pub(in crate::value) fn read_flagged<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
        collation: u16,
        flags: ColumnFlags,
    ) -> Result<T, ValueError> {
        let mut columns = Columns::default();
        columns.push(&ColumnDefinition {
            catalog: b"def",
            schema: b"",
            table: b"",
            org_table: b"",
            name: b"c",
            org_name: b"",
            extended: ExtendedMetadata::default(),
            collation,
            length: 0,
            column_type,
            flags,
            decimals: 0,
        });
        T::from_value(RawValue::new(bytes, &columns.infos()[0]))
    }

    #[test]
    fn e73_text_and_bytes() {
        let none = ColumnFlags::default();
        let string = |bytes: &[u8], column_type, collation, flags| {
            read_flagged::<String>(bytes, column_type, collation, flags)
        };
        assert_eq!(string(b"{}", ColumnType::JSON, 63, none), Ok("{}".to_owned()));
        assert_eq!(string(b"x", ColumnType::BLOB, 46, ColumnFlags::BINARY), Ok("x".to_owned()));
        assert_eq!(string(b"\xFF", ColumnType::BLOB, 63, none), Err(ValueError::Utf8));
        assert_eq!(string(b"\xFF", ColumnType::VAR_STRING, 45, none), Err(ValueError::Utf8));
        assert_eq!(read(b"\xFF", ColumnType::BLOB), Ok(b"\xFF".to_vec()));
    }

    #[test]
    fn every_type_has_a_text_unless_it_is_bytes() {
        for (column_type, text) in [
            (ColumnType::LONG, "-7"),
            (ColumnType::DOUBLE, "1e100"),
            (ColumnType::NEWDECIMAL, "1.50"),
            (ColumnType::DATETIME, "2024-02-30 00:00:00"),
            (ColumnType::TIME, "-838:59:59"),
            (ColumnType::YEAR, "0000"),
        ] {
            assert_eq!(read(text.as_bytes(), column_type), Ok(text.to_owned()));
        }
        for column_type in [ColumnType::BIT, ColumnType::GEOMETRY, ColumnType::VECTOR] {
            assert_eq!(read::<String>(b"1", column_type), Err(ValueError::Type));
        }
    }

    #[test]
    fn e77_unknown_types_are_bytes() {
        assert_eq!(read(b"raw", ColumnType(200)), Ok(b"raw".to_vec()));
        assert_eq!(read::<String>(b"raw", ColumnType(200)), Err(ValueError::Type));
        assert_eq!(read::<i64>(b"1", ColumnType(200)), Err(ValueError::Type));
    }

    #[test]
    fn null_needs_an_option() {
        assert_eq!(<&str>::from_null(), Err(ValueError::Null));
        assert_eq!(Option::<&str>::from_null(), Ok(None));
    }
}
