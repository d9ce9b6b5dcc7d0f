//! A value of any type.

use super::{Date, DateTime, Decimal, FromValue, Kind, RawValue, Time};
use crate::error::ValueError;
use crate::wire::{ColumnFlags, ColumnType};

/// A value of any type, owned: for columns or parameters whose type is known only at run time.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// NULL.
    #[default]
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer, a YEAR, or a BIT of up to 64 bits.
    UInt(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL.
    Decimal(Decimal),
    /// DATE.
    Date(Date),
    /// DATETIME or TIMESTAMP.
    DateTime(DateTime),
    /// TIME.
    Time(Time),
    /// Text, ENUM, SET and JSON.
    Text(String),
    /// Bytes: blobs, GEOMETRY, VECTOR, types that this version does not know, and text in a
    /// character set other than UTF-8 unless it is ASCII.
    Bytes(Vec<u8>),
}

impl<'r> FromValue<'r> for Value {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        Ok(match value.kind() {
            Kind::Integer if is_unsigned(&value) => Self::UInt(u64::from_value(value)?),
            Kind::Integer => Self::Int(i64::from_value(value)?),
            Kind::Bit => Self::UInt(u64::from_value(value)?),
            Kind::Float => Self::Float(f32::from_value(value)?),
            Kind::Double => Self::Double(f64::from_value(value)?),
            Kind::Decimal => Self::Decimal(Decimal::from_value(value)?),
            Kind::Temporal => match value.column_type() {
                ColumnType::TIME => Self::Time(Time::from_value(value)?),
                ColumnType::DATE | ColumnType::NEWDATE => Self::Date(Date::from_value(value)?),
                _ => Self::DateTime(DateTime::from_value(value)?),
            },
            Kind::Text => Self::Text(String::from_value(value)?),
            Kind::Foreign | Kind::Bytes | Kind::Packed | Kind::Unknown => {
                Self::Bytes(value.bytes().to_vec())
            }
        })
    }

    fn from_null() -> Result<Self, ValueError> {
        Ok(Self::Null)
    }
}

fn is_unsigned(value: &RawValue<'_>) -> bool {
    value.column_type() == ColumnType::YEAR || value.flags().contains(ColumnFlags::UNSIGNED)
}

macro_rules! from {
    ($($variant:ident: $($type:ty),+;)+) => {
        $($(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })+)+
    };
}

from! {
    Int: i8, i16, i32, i64;
    UInt: u8, u16, u32, u64;
    Float: f32;
    Double: f64;
    Decimal: Decimal;
    Date: Date;
    DateTime: DateTime;
    Time: Time;
    Text: String, &str;
    Bytes: Vec<u8>, &[u8];
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_types_that_have_none_of_their_own() {
        assert_eq!(Value::from(true), Value::Int(1));
        assert_eq!(Value::from(false), Value::Int(0));
        assert_eq!(Value::from(Some(7_u8)), Value::UInt(7));
        assert_eq!(Value::from(Some("a")), Value::Text("a".into()));
        assert_eq!(Value::from(None::<f64>), Value::Null);
    }
}
