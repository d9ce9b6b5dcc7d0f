//! Values that are not what the caller took them for.

use std::fmt;

use crate::wire::ColumnType;

/// A column's value cannot be read as the type asked for. The session is not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    pub(crate) index: usize,
    pub(crate) name: Box<str>,
    pub(crate) column_type: ColumnType,
    pub(crate) type_name: &'static str,
    pub(crate) rust_type: &'static str,
    pub(crate) reason: ValueError,
}

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// It is NULL and the type has no NULL.
    Null,
    /// The column's type cannot be read as this type.
    Type,
    /// It is too large or too small for the type.
    Range,
    /// It is not what a value of its column's type looks like.
    Malformed,
    /// The type cannot hold it exactly: it has a fraction, or more digits.
    Inexact,
    /// It is not UTF-8.
    Utf8,
    /// It is no VECTOR: the number of its bytes is no multiple of 4.
    VectorLength,
    /// It is text in another character set than UTF-8, because the session was told so or the column
    /// is sent as it is, and not ASCII.
    CharacterSet,
    /// The row does not have the form that its columns demand: it ends early, goes on behind them,
    /// or holds no value here.
    Row,
    /// It is an indicator that only MariaDB's bulk execution knows, or one that it does not know.
    Indicator,
    /// It is a date that no calendar has: a zero date, a partial one, or one like February 30.
    NotInCalendar,
}

impl ColumnError {
    /// The column's place, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column's type on the wire.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Why the value cannot be read.
    #[must_use]
    pub const fn reason(&self) -> ValueError {
        self.reason
    }
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, name, type_name, rust_type, .. } = self;
        let name = name.escape_debug();
        write!(f, "column {index} `{name}` ({type_name}) cannot be read as `{rust_type}`: ")?;
        match self.reason {
            ValueError::Null => write!(f, "it is NULL; ask for `Option<{rust_type}>`"),
            ValueError::Type => f.write_str(
                "the types do not match; ask for the column's own type, or cast it in SQL",
            ),
            ValueError::Range => f.write_str("its value is out of range; ask for a wider type"),
            ValueError::Inexact => f.write_str(
                "the type cannot hold it exactly; ask for `Decimal`, a wider type or `String`",
            ),
            ValueError::Malformed => f.write_str("its value is malformed; look at `raw`"),
            ValueError::Utf8 => {
                f.write_str("its value is not UTF-8; ask for bytes, such as `&[u8]`")
            }
            ValueError::VectorLength => f.write_str(
                "its value is no vector, for the number of its bytes is no multiple of 4; ask for \
                 bytes, such as `&[u8]`",
            ),
            ValueError::CharacterSet => f.write_str(
                "it is text in a character set other than UTF-8; ask for bytes, or say `SET NAMES \
                  utf8mb4`",
            ),
            ValueError::Row => f.write_str("the server sent a row that its columns do not fit"),
            // Of parameters alone.
            ValueError::Indicator => f.write_str("it is no value"),
            ValueError::NotInCalendar => f.write_str(
                "its value is a zero or partial date, or one that no calendar has; ask for \
                 `mywire::Date` or `mywire::DateTime`, or turn it into NULL in SQL",
            ),
        }
    }
}

impl std::error::Error for ColumnError {}
