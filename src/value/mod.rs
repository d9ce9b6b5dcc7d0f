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

mod kind;
mod number;
mod text;

pub(crate) use kind::Kind;

use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::ColumnType;

/// A value as it came: its bytes, and what its column says of them.
///
/// It is never NULL: [`FromValue::from_null`] answers for that.
#[derive(Clone, Copy)]
pub struct RawValue<'r> {
    bytes: &'r [u8],
    column: &'r ColumnInfo,
}

impl<'r> RawValue<'r> {
    pub(crate) const fn new(bytes: &'r [u8], column: &'r ColumnInfo) -> Self {
        Self { bytes, column }
    }

    /// The value's bytes: the text that the server shows, or for BIT, GEOMETRY and VECTOR the
    /// value itself.
    #[must_use]
    pub const fn bytes(&self) -> &'r [u8] {
        self.bytes
    }

    /// The type of its column.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.column.column_type
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.column.kind
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
/// | `Option<T>` | what `T` can be read from, and NULL |
pub trait FromValue<'r>: Sized {
    /// Reads a value that is not NULL.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError>;

    /// What NULL is for this type; an error unless the type has a NULL.
    fn from_null() -> Result<Self, ValueError> {
        Err(ValueError::Null)
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
}
