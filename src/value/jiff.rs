//! The feature `jiff`.

use ::jiff::SignedDuration;
use ::jiff::civil;

use super::calendar::{self, fit, through};
use super::{Date, DateTime, Time};
use crate::error::ValueError;

through! {
    civil::Date: Date as DATE;
    civil::DateTime: DateTime as DATETIME;
    civil::Time: Time as TIME;
    SignedDuration: Time as TIME;
}

impl TryFrom<Date> for civil::Date {
    type Error = ValueError;

    fn try_from(date: Date) -> Result<Self, ValueError> {
        let Date { year, month, day } = date;
        Self::new(fit(year)?, fit(month)?, fit(day)?).map_err(|_| ValueError::NotInCalendar)
    }
}

impl TryFrom<civil::Date> for Date {
    type Error = ValueError;

    fn try_from(date: civil::Date) -> Result<Self, ValueError> {
        calendar::date(date.year(), date.month(), date.day())
    }
}

impl TryFrom<DateTime> for civil::DateTime {
    type Error = ValueError;

    fn try_from(value: DateTime) -> Result<Self, ValueError> {
        let DateTime { date, hour, minute, second, microsecond } = value;
        let clock = Time::new(false, hour.into(), minute, second, microsecond);
        Ok(Self::from_parts(date.try_into()?, clock.try_into()?))
    }
}

impl TryFrom<civil::DateTime> for DateTime {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(value: civil::DateTime) -> Result<Self, ValueError> {
        let clock = (value.hour(), value.minute(), value.second());
        calendar::datetime(value.date().try_into()?, clock, value.subsec_nanosecond())
    }
}

impl TryFrom<Time> for civil::Time {
    type Error = ValueError;

    /// A span that is negative, or of a day or more, is out of range.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        let Time { negative, hours, minutes, seconds, microseconds } = time;
        if negative {
            return Err(ValueError::Range);
        }
        let nanoseconds = microseconds.checked_mul(1_000).ok_or(ValueError::Range)?;
        Self::new(fit(hours)?, fit(minutes)?, fit(seconds)?, fit(nanoseconds)?)
            .map_err(|_| ValueError::Range)
    }
}

impl TryFrom<civil::Time> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(time: civil::Time) -> Result<Self, ValueError> {
        Ok(Self {
            negative: false,
            hours: fit(time.hour())?,
            minutes: fit(time.minute())?,
            seconds: fit(time.second())?,
            microseconds: fit::<u32>(time.subsec_nanosecond())? / 1_000,
        })
    }
}

impl TryFrom<Time> for SignedDuration {
    type Error = ValueError;

    /// Never fails.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        Ok(Self::from_micros(time.as_microseconds()))
    }
}

impl TryFrom<SignedDuration> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(span: SignedDuration) -> Result<Self, ValueError> {
        Self::from_microseconds(fit(span.as_micros())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ToValue;
    use crate::value::text::tests::{check_temporal, read, read_binary};
    use crate::wire::ColumnType;

    #[test]
    fn e66_dates() {
        check_temporal("2024-02-29", ColumnType::DATE, civil::date(2024, 2, 29));
        check_temporal("0000-01-01", ColumnType::DATE, civil::date(0, 1, 1));
        for text in ["0000-00-00", "2024-00-15", "2024-02-31", "2023-02-29"] {
            let date = read::<civil::Date>(text.as_bytes(), ColumnType::DATE);
            assert_eq!(date, Err(ValueError::NotInCalendar), "{text}");
        }
        let zero = read_binary::<civil::DateTime>(&[], ColumnType::DATETIME);
        assert_eq!(zero, Err(ValueError::NotInCalendar));
        assert_eq!(civil::Date::MIN.write(&mut Vec::new()), Err(ValueError::Range));
    }

    #[test]
    fn datetimes() {
        let value = civil::datetime(9999, 12, 31, 23, 59, 58, 999_999_000);
        check_temporal("9999-12-31 23:59:58.999999", ColumnType::DATETIME, value);
        check_temporal("9999-12-31 23:59:58.999999", ColumnType::TIMESTAMP, value);
        let fine = civil::datetime(9999, 12, 31, 23, 59, 58, 999_999_999);
        assert_eq!(DateTime::try_from(fine).unwrap().microsecond, 999_999);
    }

    #[test]
    fn e67_spans_and_times_of_day() {
        check_temporal("23:59:59.000001", ColumnType::TIME, civil::time(23, 59, 59, 1_000));
        check_temporal("-00:00:00.500000", ColumnType::TIME, SignedDuration::from_millis(-500));
        let longest = SignedDuration::from_secs(838 * 3600 + 59 * 60 + 59);
        check_temporal("838:59:59", ColumnType::TIME, longest);
        for text in ["24:00:00", "300:00:00", "-00:00:01"] {
            let time = read::<civil::Time>(text.as_bytes(), ColumnType::TIME);
            assert_eq!(time, Err(ValueError::Range), "{text}");
        }
        let over = longest + SignedDuration::from_secs(1);
        for span in [over, SignedDuration::MAX, SignedDuration::MIN] {
            assert_eq!(span.write(&mut Vec::new()), Err(ValueError::Range));
        }
    }
}
