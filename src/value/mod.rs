//! Column bytes to typed values.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

#[cfg(feature = "bigdecimal")]
mod bigdecimal;
mod bulk_value;
#[cfg(any(feature = "chrono", feature = "time", feature = "jiff"))]
mod calendar;
mod cell;
#[cfg(feature = "chrono")]
mod chrono;
mod decimal;
#[cfg(feature = "jiff")]
mod jiff;
mod kind;
mod network;
mod number;
mod owned;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde_json")]
mod serde_json;
mod temporal;
mod text;
#[cfg(feature = "time")]
mod time;
mod to_value;
mod utf8;
#[cfg(feature = "uuid")]
mod uuid;
mod vector;

pub use bulk_value::BulkValue;
pub(crate) use cell::{BinaryWalk, CellFault, TextWalk};
pub use decimal::Decimal;
pub(crate) use kind::{Integer, Kind};
pub use owned::Value;
pub use temporal::{Date, DateTime, Time};
pub use to_value::{LongData, Presence, ToValue};

use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::binary_row::Layout;
use crate::wire::charset::is_wide;
use crate::wire::{ColumnFlags, ColumnType, binary_row, reply};

/// A value as it came: its bytes, and what its column says of them.
///
/// It is never NULL: [`FromValue::from_null`] answers for that.
#[derive(Clone, Copy)]
pub struct RawValue<'r> {
    bytes: &'r [u8],
    column: &'r ColumnInfo,
    format: Format,
}

/// The protocol that a value came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text: the answer to SQL sent as it is.
    Text,
    /// Binary: the answer to a prepared statement.
    Binary,
}

impl Format {
    /// Whether a packet in a row's place that starts with this byte is a row without a further
    /// look. A text row whose first value is empty starts as an OK packet does, and
    /// one whose first value is huge as a terminator; binary rows start with 0 alone.
    #[inline]
    pub(crate) const fn starts_row(self, first: u8) -> bool {
        match self {
            Self::Text => first != reply::OK && first != reply::EOF && first != reply::ERR,
            Self::Binary => first == binary_row::ROW,
        }
    }
}

impl<'r> RawValue<'r> {
    pub(crate) const fn new(bytes: &'r [u8], column: &'r ColumnInfo, format: Format) -> Self {
        Self { bytes, column, format }
    }

    /// The value's bytes. In the text protocol the text that the server shows, and for BIT,
    /// GEOMETRY and VECTOR the value itself; in the binary protocol the same for strings, blobs,
    /// DECIMAL and those three, and little-endian numbers otherwise (`protocol-spec/`).
    #[must_use]
    pub const fn bytes(&self) -> &'r [u8] {
        self.bytes
    }

    /// The type of its column.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.column.column_type
    }

    /// The flags of its column.
    #[must_use]
    pub const fn flags(&self) -> ColumnFlags {
        self.column.flags
    }

    /// The protocol that it came through.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.column.kind {
            Kind::Foreign if !is_wide(self.column.collation) && self.bytes.is_ascii() => Kind::Text,
            kind => kind,
        }
    }

    pub(crate) const fn column(&self) -> &'r ColumnInfo {
        self.column
    }
}

impl std::fmt::Debug for RawValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawValue")
            .field("column_type", &self.column_type())
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A type that a column's value can be read as.
///
/// A conversion loses nothing: a value that does not fit is an error, and so is a column whose type
/// is not meant for the conversion.
///
/// | Rust type | columns |
/// |---|---|
/// | `i8` … `i64`, `u8` … `u64`, `isize`, `usize`, `i128`, `u128` | integers, YEAR, BIT, and DECIMAL whose value has no fraction; each value is checked against the range |
/// | `f64` | DOUBLE, FLOAT, integers that are exact |
/// | `f32` | FLOAT, integers that are exact |
/// | `bool` | integers and BIT: 0 or 1 |
/// | `&str` | strings, ENUM, SET, JSON, DECIMAL, and blobs that hold UTF-8 |
/// | `String` | all of `&str`, and of every other type the text that the server shows, unless it is bytes |
/// | `&[u8]`, `Vec<u8>` | strings, blobs, BIT, GEOMETRY, VECTOR, JSON, DECIMAL, and types that this version does not know |
/// | [`Decimal`] | DECIMAL and integers |
/// | [`Date`], [`DateTime`], [`Time`] | DATE; DATETIME and TIMESTAMP; TIME |
/// | `Ipv4Addr`, `Ipv6Addr`, `IpAddr` | MariaDB's INET4 and INET6, text, and the 4 or 16 bytes that `INET6_ATON` makes |
/// | `Vec<f32>` | VECTOR, and blobs, which MariaDB's VECTOR looks like |
/// | [`Value`] | all, and NULL |
/// | `Option<T>` | what `T` can be read from, and NULL |
///
/// With the features of the same names:
///
/// | feature | Rust type | columns |
/// |---|---|---|
/// | `chrono` | `NaiveDate`, `NaiveDateTime` | DATE; DATETIME and TIMESTAMP |
/// | | `DateTime<Utc>` | TIMESTAMP, whose session has the time zone UTC |
/// | | `NaiveTime`, `TimeDelta` | TIME; the first within one day |
/// | `time` | `Date`, `PrimitiveDateTime` | DATE; DATETIME and TIMESTAMP |
/// | | `Time`, `Duration` | TIME; the first within one day |
/// | `jiff` | `civil::Date`, `civil::DateTime` | DATE; DATETIME and TIMESTAMP |
/// | | `civil::Time`, `SignedDuration` | TIME; the first within one day |
/// | `uuid` | `Uuid` | MariaDB's UUID, text, BINARY(16) |
/// | `rust_decimal` | `Decimal` | DECIMAL and integers that fit its 96 bits |
/// | `bigdecimal` | `BigDecimal` | DECIMAL and integers |
/// | `serde_json` | `Value` | JSON and text that is JSON |
///
/// Dates that no calendar has, such as `0000-00-00`, are [`ValueError::NotInCalendar`] for the
/// types of those crates.
///
/// Text and binary protocol give equal values for equal data, with one exception that is the
/// servers': a FLOAT's text has six digits, so read FLOAT columns through a prepared statement.
pub trait FromValue<'r>: Sized {
    /// Reads a value that is not NULL.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError>;

    /// What NULL is for this type; an error unless the type has a NULL.
    fn from_null() -> Result<Self, ValueError> {
        Err(ValueError::Null)
    }

    /// Reads the next cell of a text row, as [`from_value`](Self::from_value) and
    /// [`from_null`](Self::from_null) would. The types of this crate do the usual cases in place.
    #[doc(hidden)]
    #[inline]
    fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        walk.read(info)
    }

    /// The same for a binary row.
    #[doc(hidden)]
    #[inline]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        walk.read(info)
    }
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        T::from_value(value).map(Some)
    }

    #[inline]
    fn from_null() -> Result<Self, ValueError> {
        Ok(None)
    }

    #[inline(always)]
    fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if walk.cells.next_is_null() {
            return Ok(None);
        }
        T::read_text(walk, info).map(Some)
    }

    #[inline(always)]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if walk.cells.next_is_null() {
            return Ok(None);
        }
        // A column of the type NULL has no bit of its own.
        if info.layout == Layout::Nothing {
            return walk.read(info);
        }
        T::read_binary(walk, info).map(Some)
    }
}
