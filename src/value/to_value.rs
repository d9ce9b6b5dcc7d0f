//! Typed values to parameters of the binary protocol.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::{Date, DateTime, Decimal, Time, Value};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;
use crate::wire::writer::Put;

/// A type that can be a statement's parameter.
///
/// | Rust type | sent as |
/// |---|---|
/// | `i8` … `i64`, `u8` … `u64`, `isize`, `usize` | the integer of that size; `bool` is a TINYINT |
/// | `i128`, `u128` | DECIMAL |
/// | `f32`, `f64` | FLOAT, DOUBLE; NaN and infinities are errors, for servers have none |
/// | `str`, `String` | VARCHAR |
/// | `[u8]`, `Vec<u8>` | BLOB |
/// | [`Date`], [`DateTime`], [`Time`], [`Decimal`], [`Value`] | what they say; a month 13 and the like are errors, for servers make a zero date of them |
/// | `Ipv4Addr`, `Ipv6Addr`, `IpAddr` | VARCHAR: the address as text, which INET4 and INET6 take |
/// | `[f32]`, `Vec<f32>`, `[f32; N]` | BLOB: the form of a VECTOR on every server that has one |
/// | `Option<T>` | `T`, or NULL |
///
/// Some values are the servers' own to refuse: MySQL 9.7 takes no TIME of 838 hours and a fraction,
/// and gives NULL for `CAST(? AS CHAR)` of a TIME; MariaDB's VECTOR takes none whose squares add up
/// to more than `f32::MAX`, and without its strict mode makes zeros of it.
///
/// With the features of the same names:
///
/// | feature | Rust type | sent as |
/// |---|---|---|
/// | `chrono`, `time`, `jiff` | those that [`FromValue`](super::FromValue) lists | DATE, DATETIME, TIME; fractions are cut to microseconds |
/// | `uuid` | `Uuid` | BLOB of 16 bytes, for BINARY(16) and MariaDB's UUID |
/// | | `fmt::Hyphenated` | VARCHAR, for CHAR(36) |
/// | `rust_decimal`, `bigdecimal` | `Decimal`, `BigDecimal` | DECIMAL |
/// | `serde_json` | `Value` | VARCHAR |
pub trait ToValue {
    /// The type of the value; `None` is NULL.
    fn parameter_type(&self) -> Option<ParameterType>;

    /// Appends the value's binary form: for strings and blobs with a length-encoded length, for
    /// temporal types with a byte of length. Not called for NULL.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError>;

    /// Whether there is a value, or what stands in its place. Those that wrap another type ask it;
    /// what is neither a value nor NULL has no [`parameter_type`](Self::parameter_type).
    fn presence(&self) -> Presence {
        self.parameter_type().map_or(Presence::Null, |_| Presence::Value)
    }
}

/// What a parameter is: a value, or something in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// A value.
    Value,
    /// NULL.
    Null,
    /// The default of the column that the parameter stands for; in bulk executions on MariaDB.
    Default,
    /// The column stays as it is; in bulk executions on MariaDB.
    Ignore,
    /// The value was sent before, see [`LongData`].
    Sent,
}

/// Stands in the place of a parameter whose value was sent by `Session::send_long_data`: it is
/// declared here, and not written again (K-15). If nothing was sent, or only a part, the execution fails
/// with `UsageError::NoLongData` or `LongDataInPart`, and nothing is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongData;

impl ToValue for LongData {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::LONG_BLOB))
    }

    fn write(&self, _: &mut Vec<u8>) -> Result<(), ValueError> {
        Ok(())
    }

    fn presence(&self) -> Presence {
        Presence::Sent
    }
}

macro_rules! integers {
    ($($int:ty as $wide:ty: $column_type:ident $signedness:ident;)+) => {
        $(impl ToValue for $int {
            fn parameter_type(&self) -> Option<ParameterType> {
                Some(ParameterType::$signedness(ColumnType::$column_type))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                let number = <$wide>::try_from(*self).map_err(|_| ValueError::Range)?;
                out.extend_from_slice(&number.to_le_bytes());
                Ok(())
            }
        })+
    };
}

integers! {
    i8 as i8: TINY signed;
    u8 as u8: TINY unsigned;
    i16 as i16: SHORT signed;
    u16 as u16: SHORT unsigned;
    i32 as i32: LONG signed;
    u32 as u32: LONG unsigned;
    i64 as i64: LONGLONG signed;
    u64 as u64: LONGLONG unsigned;
    isize as i64: LONGLONG signed;
    usize as u64: LONGLONG unsigned;
    bool as u8: TINY signed;
}

macro_rules! as_text {
    ($($type:ty: $column_type:ident;)+) => {
        $(impl ToValue for $type {
            fn parameter_type(&self) -> Option<ParameterType> {
                Some(ParameterType::signed(ColumnType::$column_type))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                out.put_lenenc_bytes(self.to_string().as_bytes());
                Ok(())
            }
        })+
    };
}

as_text! {
    i128: NEWDECIMAL;
    u128: NEWDECIMAL;
}

macro_rules! floats {
    ($($float:ty: $column_type:ident;)+) => {
        $(impl ToValue for $float {
            fn parameter_type(&self) -> Option<ParameterType> {
                Some(ParameterType::signed(ColumnType::$column_type))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                if !self.is_finite() {
                    return Err(ValueError::Range);
                }
                out.extend_from_slice(&self.to_le_bytes());
                Ok(())
            }
        })+
    };
}

floats! {
    f32: FLOAT;
    f64: DOUBLE;
}

macro_rules! strings {
    ($($type:ty: $column_type:ident, $bytes:ident;)+) => {
        $(impl ToValue for $type {
            fn parameter_type(&self) -> Option<ParameterType> {
                Some(ParameterType::signed(ColumnType::$column_type))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                out.put_lenenc_bytes(self.$bytes());
                Ok(())
            }
        })+
    };
}

strings! {
    str: VAR_STRING, as_bytes;
    String: VAR_STRING, as_bytes;
    [u8]: BLOB, as_ref;
    Vec<u8>: BLOB, as_slice;
}

impl<const N: usize> ToValue for [u8; N] {
    fn parameter_type(&self) -> Option<ParameterType> {
        self.as_slice().parameter_type()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.as_slice().write(out)
    }
}

impl ToValue for Decimal {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::NEWDECIMAL))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.put_lenenc_bytes(self.as_str().as_bytes());
        Ok(())
    }
}

impl ToValue for Date {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::DATE))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        DateTime { date: *self, ..DateTime::default() }.write(out)
    }
}

impl ToValue for DateTime {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::DATETIME))
    }

    /// The shortest form that says all.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let Self { date, hour, minute, second, microsecond } = self.in_range()?;
        let length = match (hour, minute, second, microsecond) {
            (0, 0, 0, 0) if date.is_zero() => 0,
            (0, 0, 0, 0) => 4,
            (.., 0) => 7,
            _ => 11,
        };
        out.push(length);
        if length >= 4 {
            out.put_u16(date.year);
            out.extend_from_slice(&[date.month, date.day]);
        }
        if length >= 7 {
            out.extend_from_slice(&[hour, minute, second]);
        }
        if length >= 11 {
            out.put_u32(microsecond);
        }
        Ok(())
    }
}

impl ToValue for Time {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::TIME))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let Self { negative, hours, minutes, seconds, microseconds } = self.in_range()?;
        if (hours, minutes, seconds, microseconds) == (0, 0, 0, 0) {
            out.push(0);
            return Ok(());
        }
        out.push(if microseconds == 0 { 8 } else { 12 });
        out.push(u8::from(negative));
        out.put_u32(u32::from(hours / 24));
        let hour = u8::try_from(hours % 24).map_err(|_| ValueError::Range)?;
        out.extend_from_slice(&[hour, minutes, seconds]);
        if microseconds != 0 {
            out.put_u32(microseconds);
        }
        Ok(())
    }
}

impl Value {
    /// The value as the type that it holds; `None` is NULL.
    fn inner(&self) -> Option<&dyn ToValue> {
        Some(match self {
            Self::Null => return None,
            Self::Int(value) => value,
            Self::UInt(value) => value,
            Self::Float(value) => value,
            Self::Double(value) => value,
            Self::Decimal(value) => value,
            Self::Date(value) => value,
            Self::DateTime(value) => value,
            Self::Time(value) => value,
            Self::Text(value) => value,
            Self::Bytes(value) => value,
        })
    }
}

impl ToValue for Value {
    fn parameter_type(&self) -> Option<ParameterType> {
        self.inner()?.parameter_type()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.inner().map_or(Ok(()), |value| value.write(out))
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn parameter_type(&self) -> Option<ParameterType> {
        self.as_ref()?.parameter_type()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.as_ref().map_or(Ok(()), |value| value.write(out))
    }

    fn presence(&self) -> Presence {
        self.as_ref().map_or(Presence::Null, T::presence)
    }
}

macro_rules! pointers {
    ($($(#[$attribute:meta])* $type:ty;)+) => {
        $(impl<T: ToValue + ?Sized> ToValue for $type {
            fn parameter_type(&self) -> Option<ParameterType> {
                (**self).parameter_type()
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                (**self).write(out)
            }

            fn presence(&self) -> Presence {
                (**self).presence()
            }
        })+
    };
}

pointers! {
    &T;
    Box<T>;
    Rc<T>;
    Arc<T>;
}

impl<T: ToValue + ToOwned + ?Sized> ToValue for Cow<'_, T> {
    fn parameter_type(&self) -> Option<ParameterType> {
        (**self).parameter_type()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        (**self).write(out)
    }

    fn presence(&self) -> Presence {
        (**self).presence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a value is sent as, behind its type.
    fn sent(value: impl ToValue) -> (Option<ParameterType>, Vec<u8>) {
        let mut out = Vec::new();
        value.write(&mut out).unwrap();
        (value.parameter_type(), out)
    }

    #[test]
    fn arrays_and_borrowed_values_are_sent_as_what_they_hold() {
        let bytes = sent(&b"ab"[..]);
        assert_eq!(bytes, (Some(ParameterType::signed(ColumnType::BLOB)), b"\x02ab".to_vec()));
        assert_eq!(sent(*b"ab"), bytes);
        assert_eq!(sent(Cow::Borrowed(&b"ab"[..])), bytes);
        let text = sent("ab");
        assert_eq!(sent(Cow::Borrowed("ab")), text);
        assert_eq!(sent(Cow::<str>::Owned("ab".into())), text);
        assert_eq!(sent(Box::new(7_u64)), sent(7_u64));
        assert_eq!(Cow::Borrowed("ab").presence(), Presence::Value);
        let null = Cow::Owned::<Option<u8>>(None);
        assert_eq!((null.parameter_type(), null.presence()), (None, Presence::Null));
    }
}
