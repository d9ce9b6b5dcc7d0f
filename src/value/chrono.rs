//! The feature `chrono`.

use ::chrono::{DateTime as Zoned, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use ::chrono::{Datelike, Timelike};

use super::calendar::{self, fit, through, written_through};
use super::{Date, DateTime, FromValue, RawValue, Time};
use crate::error::ValueError;
use crate::wire::ColumnType;

through! {
    NaiveDate: Date as DATE;
    NaiveDateTime: DateTime as DATETIME;
    NaiveTime: Time as TIME;
    TimeDelta: Time as TIME;
}

written_through! {
    Zoned<Utc>: DateTime as DATETIME;
}

impl<'r> FromValue<'r> for Zoned<Utc> {
    /// Reads a TIMESTAMP, which servers show in the session's time zone: it must be UTC
    /// (`SET time_zone = '+00:00'`), which nothing on the wire tells. A DATETIME has no time zone;
    /// ask for a `NaiveDateTime`.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        if value.column_type() != ColumnType::TIMESTAMP {
            return Err(ValueError::Type);
        }
        NaiveDateTime::from_value(value).map(|naive| naive.and_utc())
    }
}

impl TryFrom<Date> for NaiveDate {
    type Error = ValueError;

    fn try_from(date: Date) -> Result<Self, ValueError> {
        let Date { year, month, day } = date;
        Self::from_ymd_opt(year.into(), month.into(), day.into()).ok_or(ValueError::NotInCalendar)
    }
}

impl TryFrom<NaiveDate> for Date {
    type Error = ValueError;

    fn try_from(date: NaiveDate) -> Result<Self, ValueError> {
        calendar::date(date.year(), date.month(), date.day())
    }
}

impl TryFrom<DateTime> for NaiveDateTime {
    type Error = ValueError;

    fn try_from(value: DateTime) -> Result<Self, ValueError> {
        let DateTime { date, hour, minute, second, microsecond } = value;
        NaiveDate::try_from(date)?
            .and_hms_micro_opt(hour.into(), minute.into(), second.into(), microsecond)
            .ok_or(ValueError::Range)
    }
}

impl TryFrom<NaiveDateTime> for DateTime {
    type Error = ValueError;

    /// Cuts the fraction to microseconds; a leap second is out of range.
    fn try_from(value: NaiveDateTime) -> Result<Self, ValueError> {
        let clock = (value.hour(), value.minute(), value.second());
        calendar::datetime(value.date().try_into()?, clock, value.nanosecond())
    }
}

impl TryFrom<Zoned<Utc>> for DateTime {
    type Error = ValueError;

    fn try_from(value: Zoned<Utc>) -> Result<Self, ValueError> {
        value.naive_utc().try_into()
    }
}

impl TryFrom<Time> for NaiveTime {
    type Error = ValueError;

    /// A span that is negative, or of a day or more, is out of range.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        let Time { negative, hours, minutes, seconds, microseconds } = time;
        if negative {
            return Err(ValueError::Range);
        }
        Self::from_hms_micro_opt(hours.into(), minutes.into(), seconds.into(), microseconds)
            .ok_or(ValueError::Range)
    }
}

impl TryFrom<NaiveTime> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds; a leap second is out of range.
    fn try_from(time: NaiveTime) -> Result<Self, ValueError> {
        if time.nanosecond() >= 1_000_000_000 {
            return Err(ValueError::Range);
        }
        Ok(Self {
            negative: false,
            hours: fit(time.hour())?,
            minutes: fit(time.minute())?,
            seconds: fit(time.second())?,
            microseconds: time.nanosecond() / 1_000,
        })
    }
}

impl TryFrom<Time> for TimeDelta {
    type Error = ValueError;

    /// Never fails.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        Ok(Self::microseconds(time.as_microseconds()))
    }
}

impl TryFrom<TimeDelta> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(span: TimeDelta) -> Result<Self, ValueError> {
        Self::from_microseconds(span.num_microseconds().ok_or(ValueError::Range)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ToValue;
    use crate::value::text::tests::{check_temporal, read, read_binary};

    #[test]
    fn e66_dates() {
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        check_temporal("2024-02-29", ColumnType::DATE, day);
        check_temporal("0000-01-01", ColumnType::DATE, NaiveDate::from_ymd_opt(0, 1, 1).unwrap());
        for text in ["0000-00-00", "2024-00-15", "2024-02-31", "2023-02-29"] {
            let date = read::<NaiveDate>(text.as_bytes(), ColumnType::DATE);
            assert_eq!(date, Err(ValueError::NotInCalendar), "{text}");
        }
        let zero = read_binary::<NaiveDateTime>(&[], ColumnType::DATETIME);
        assert_eq!(zero, Err(ValueError::NotInCalendar));
        assert_eq!(NaiveDate::MAX.write(&mut Vec::new()), Err(ValueError::Range));
        assert_eq!(NaiveDate::MIN.write(&mut Vec::new()), Err(ValueError::Range));
    }

    #[test]
    fn datetimes_and_timestamps() {
        let value = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
        let value = value.and_hms_micro_opt(23, 59, 58, 999_999).unwrap();
        let text = "9999-12-31 23:59:58.999999";
        check_temporal(text, ColumnType::DATETIME, value);
        check_temporal(text, ColumnType::TIMESTAMP, value);
        check_temporal(text, ColumnType::TIMESTAMP, value.and_utc());
        let naive = read::<Zoned<Utc>>(text.as_bytes(), ColumnType::DATETIME);
        assert_eq!(naive, Err(ValueError::Type));
        let leap = value.with_nanosecond(1_500_000_000).unwrap();
        assert_eq!(leap.write(&mut Vec::new()), Err(ValueError::Range));
        let fine = value.with_nanosecond(999_999_999).unwrap();
        assert_eq!(DateTime::try_from(fine).unwrap().microsecond, 999_999);
    }

    #[test]
    fn e67_spans_and_times_of_day() {
        let clock = NaiveTime::from_hms_micro_opt(23, 59, 59, 1).unwrap();
        check_temporal("23:59:59.000001", ColumnType::TIME, clock);
        check_temporal("-00:00:00.500000", ColumnType::TIME, TimeDelta::milliseconds(-500));
        let longest = TimeDelta::seconds(838 * 3600 + 59 * 60 + 59);
        check_temporal("838:59:59", ColumnType::TIME, longest);
        for text in ["24:00:00", "-00:00:01"] {
            let time = read::<NaiveTime>(text.as_bytes(), ColumnType::TIME);
            assert_eq!(time, Err(ValueError::Range), "{text}");
        }
        for span in [longest + TimeDelta::seconds(1), TimeDelta::MAX, TimeDelta::MIN] {
            assert_eq!(span.write(&mut Vec::new()), Err(ValueError::Range));
        }
    }
}
