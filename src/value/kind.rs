//! What the values of a column can be read as, decided once per result set.

use crate::wire::charset::is_foreign;
use crate::wire::code::BINARY_COLLATION;
use crate::wire::{ColumnDefinition, ColumnFlags, ColumnType};

/// The class of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Signed and unsigned integers, and YEAR.
    Integer,
    Float,
    Double,
    Decimal,
    /// Text in the session's character set.
    Text,
    /// Text in another character set (S-05); text if it is ASCII.
    Foreign,
    /// Bytes; text if they happen to be UTF-8.
    Bytes,
    /// Big-endian bits.
    Bit,
    /// DATE, TIME, DATETIME, TIMESTAMP.
    Temporal,
    /// GEOMETRY and VECTOR: bytes that are never text.
    Packed,
    /// A type that this version does not know.
    Unknown,
}

/// The integers of a column in the binary protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    /// The column has no integers.
    None,
}

impl Integer {
    pub(crate) fn of(definition: &ColumnDefinition<'_>) -> Self {
        let unsigned = definition.flags.contains(ColumnFlags::UNSIGNED);
        match (definition.column_type, unsigned) {
            (ColumnType::TINY, false) => Self::I8,
            (ColumnType::TINY, true) => Self::U8,
            (ColumnType::SHORT, false) => Self::I16,
            (ColumnType::SHORT, true) | (ColumnType::YEAR, _) => Self::U16,
            (ColumnType::LONG | ColumnType::INT24, false) => Self::I32,
            (ColumnType::LONG | ColumnType::INT24, true) => Self::U32,
            (ColumnType::LONGLONG, false) => Self::I64,
            (ColumnType::LONGLONG, true) => Self::U64,
            _ => Self::None,
        }
    }
}

impl Kind {
    pub(crate) fn of(definition: &ColumnDefinition<'_>) -> Self {
        let text = if is_foreign(definition.collation) { Self::Foreign } else { Self::Text };
        let string = |binary| if binary { Self::Bytes } else { text };
        match definition.column_type {
            ColumnType::TINY
            | ColumnType::SHORT
            | ColumnType::LONG
            | ColumnType::INT24
            | ColumnType::LONGLONG
            | ColumnType::YEAR => Self::Integer,
            ColumnType::FLOAT => Self::Float,
            ColumnType::DOUBLE => Self::Double,
            ColumnType::DECIMAL | ColumnType::NEWDECIMAL => Self::Decimal,
            ColumnType::BIT => Self::Bit,
            ColumnType::TIMESTAMP
            | ColumnType::DATE
            | ColumnType::TIME
            | ColumnType::DATETIME
            | ColumnType::NEWDATE => Self::Temporal,
            // JSON says that it is bytes, and is text (E-73); a NULL column has no values.
            ColumnType::JSON | ColumnType::NULL => text,
            // The members of an ENUM or SET with the collation `binary` are bytes as well.
            ColumnType::ENUM
            | ColumnType::SET
            | ColumnType::VARCHAR
            | ColumnType::VAR_STRING
            | ColumnType::STRING
            | ColumnType::TINY_BLOB
            | ColumnType::MEDIUM_BLOB
            | ColumnType::LONG_BLOB
            | ColumnType::BLOB => string(definition.collation == BINARY_COLLATION),
            ColumnType::GEOMETRY | ColumnType::VECTOR => Self::Packed,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ExtendedMetadata;

    #[test]
    fn an_enum_is_text_unless_its_collation_is_binary() {
        for (collation, kind) in [(45, Kind::Text), (BINARY_COLLATION, Kind::Bytes)] {
            for (column_type, flags) in [
                (ColumnType::STRING, ColumnFlags::ENUM),
                (ColumnType::STRING, ColumnFlags::SET),
                (ColumnType::ENUM, ColumnFlags::default()),
                (ColumnType::SET, ColumnFlags::default()),
            ] {
                let definition = ColumnDefinition {
                    catalog: b"def",
                    schema: b"",
                    table: b"",
                    org_table: b"",
                    name: b"",
                    org_name: b"",
                    extended: ExtendedMetadata::default(),
                    collation,
                    length: 0,
                    column_type,
                    flags,
                    decimals: 0,
                };
                assert_eq!(Kind::of(&definition), kind);
            }
        }
    }
}
