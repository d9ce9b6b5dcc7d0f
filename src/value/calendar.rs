//! What the crates for dates and times have in common: their types are read and written through
//! this crate's own.

use super::{Date, DateTime};
use crate::error::ValueError;

/// Reads and writes types through one of this crate's, by `TryFrom` both ways.
macro_rules! through {
    ($($type:ty: $own:ident as $column_type:ident;)+) => {
        $(impl<'r> $crate::value::FromValue<'r> for $type {
            fn from_value(
                value: $crate::value::RawValue<'r>,
            ) -> Result<Self, $crate::error::ValueError> {
                <$crate::value::$own>::from_value(value)?.try_into()
            }
        }

        $crate::value::calendar::written_through! { $type: $own as $column_type; })+
    };
}

/// The second half of [`through`].
macro_rules! written_through {
    ($($type:ty: $own:ident as $column_type:ident;)+) => {
        $(impl $crate::value::ToValue for $type {
            fn parameter_type(&self) -> Option<$crate::wire::statement::ParameterType> {
                let column_type = $crate::wire::ColumnType::$column_type;
                Some($crate::wire::statement::ParameterType::signed(column_type))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), $crate::error::ValueError> {
                <$crate::value::$own>::try_from(*self)?.write(out)
            }
        })+
    };
}

pub(super) use {through, written_through};

/// A date of a calendar, if servers have it.
pub(super) fn date(
    year: impl TryInto<u16>,
    month: impl TryInto<u8>,
    day: impl TryInto<u8>,
) -> Result<Date, ValueError> {
    let year = fit(year)?;
    if year > 9999 {
        return Err(ValueError::Range);
    }
    Ok(Date { year, month: fit(month)?, day: fit(day)? })
}

/// A date with a time of day, whose nanoseconds are cut to microseconds.
pub(super) fn datetime(
    date: Date,
    (hour, minute, second): (impl TryInto<u8>, impl TryInto<u8>, impl TryInto<u8>),
    nanosecond: impl TryInto<u32>,
) -> Result<DateTime, ValueError> {
    let microsecond = fit::<u32>(nanosecond)? / 1_000;
    let value = DateTime {
        date,
        hour: fit(hour)?,
        minute: fit(minute)?,
        second: fit(second)?,
        microsecond,
    };
    // Leap seconds are no server's.
    if value.second < 60 && microsecond < 1_000_000 { Ok(value) } else { Err(ValueError::Range) }
}

pub(super) fn fit<T>(number: impl TryInto<T>) -> Result<T, ValueError> {
    number.try_into().map_err(|_| ValueError::Range)
}
