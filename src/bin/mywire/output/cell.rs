//! A value as the text that it is written from.

use mywire::value::Format;
use mywire::wire::code::BINARY_COLLATION;
use mywire::wire::{ColumnFlags, ColumnType, ExtendedMetadata};
use mywire::{Column, Columns, Row};

use crate::failure::Failure;

/// What a column's values are, as far as writing them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    BigInteger,
    Float,
    Decimal,
    Bit,
    Temporal,
    Text,
    Json,
    Bytes,
}

impl Kind {
    pub(crate) fn of(column: &Column<'_>) -> Self {
        let extended = column.extended();
        match column.column_type() {
            ColumnType::TINY
            | ColumnType::SHORT
            | ColumnType::INT24
            | ColumnType::LONG
            | ColumnType::YEAR => Self::Integer,
            ColumnType::LONGLONG => Self::BigInteger,
            ColumnType::FLOAT | ColumnType::DOUBLE => Self::Float,
            ColumnType::DECIMAL | ColumnType::NEWDECIMAL => Self::Decimal,
            ColumnType::BIT => Self::Bit,
            ColumnType::DATE
            | ColumnType::NEWDATE
            | ColumnType::TIME
            | ColumnType::DATETIME
            | ColumnType::TIMESTAMP => Self::Temporal,
            ColumnType::JSON => Self::Json,
            ColumnType::NULL | ColumnType::ENUM | ColumnType::SET => Self::Text,
            _ if extended.get(ExtendedMetadata::FORMAT_NAME) == Some(b"json") => Self::Json,
            // MariaDB sends these as text, and says that they are bytes.
            _ if matches!(
                extended.get(ExtendedMetadata::TYPE_NAME),
                Some(b"uuid" | b"inet4" | b"inet6")
            ) =>
            {
                Self::Text
            }
            ColumnType::GEOMETRY | ColumnType::VECTOR => Self::Bytes,
            _ if column.flags().contains(ColumnFlags::ENUM)
                || column.flags().contains(ColumnFlags::SET) =>
            {
                Self::Text
            }
            _ if column.collation() == BINARY_COLLATION => Self::Bytes,
            _ => Self::Text,
        }
    }

    /// Whether values may hold any character.
    pub(crate) const fn is_free_text(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Bytes)
    }

    /// Whether a table has values on the right.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::BigInteger | Self::Float | Self::Decimal | Self::Bit)
    }

    /// Of all columns.
    pub(crate) fn all(columns: &Columns) -> Vec<Self> {
        columns.iter().map(|column| Self::of(&column)).collect()
    }
}

/// Calls `f` with the place, the kind and the text, or the bytes, of each value.
pub(crate) fn each_cell(
    row: Row<'_>,
    kinds: &[Kind],
    mut f: impl FnMut(usize, Kind, Option<&[u8]>),
) -> Result<(), Failure> {
    for (place, (value, &kind)) in row.iter().zip(kinds).enumerate() {
        match value? {
            None => f(place, kind, None),
            Some(raw) if kind == Kind::Bit => {
                let number =
                    raw.bytes().iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
                f(place, kind, Some(number.to_string().as_bytes()));
            }
            Some(raw) if raw.format() == Format::Text || is_text_in_binary(kind) => {
                f(place, kind, Some(raw.bytes()));
            }
            Some(_) => f(place, kind, Some(row.get::<String>(place)?.as_bytes())),
        }
    }
    Ok(())
}

/// Whether the binary protocol has the same bytes.
const fn is_text_in_binary(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Json | Kind::Bytes | Kind::Decimal)
}
