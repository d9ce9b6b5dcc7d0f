//! The feature `time`.

use ::time::{Date as Day, Duration, Month, PrimitiveDateTime, Time as Clock};

use super::calendar::{self, through};
use super::{Date, DateTime, Time};
use crate::error::ValueError;

through! {
    Day: Date as DATE;
    PrimitiveDateTime: DateTime as DATETIME;
    Clock: Time as TIME;
    Duration: Time as TIME;
}

impl TryFrom<Date> for Day {
    type Error = ValueError;

    fn try_from(date: Date) -> Result<Self, ValueError> {
        let Date { year, month, day } = date;
        let month = Month::try_from(month).map_err(|_| ValueError::NotInCalendar)?;
        Self::from_calendar_date(year.into(), month, day).map_err(|_| ValueError::NotInCalendar)
    }
}

impl TryFrom<Day> for Date {
    type Error = ValueError;

    fn try_from(date: Day) -> Result<Self, ValueError> {
        calendar::date(date.year(), u8::from(date.month()), date.day())
    }
}

impl TryFrom<DateTime> for PrimitiveDateTime {
    type Error = ValueError;

    fn try_from(value: DateTime) -> Result<Self, ValueError> {
        let DateTime { date, hour, minute, second, microsecond } = value;
        let clock = Clock::from_hms_micro(hour, minute, second, microsecond);
        Ok(Self::new(date.try_into()?, clock.map_err(|_| ValueError::Range)?))
    }
}

impl TryFrom<PrimitiveDateTime> for DateTime {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(value: PrimitiveDateTime) -> Result<Self, ValueError> {
        calendar::datetime(value.date().try_into()?, value.as_hms(), value.nanosecond())
    }
}

impl TryFrom<Time> for Clock {
    type Error = ValueError;

    /// A span that is negative, or of a day or more, is out of range.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        let Time { negative, hours, minutes, seconds, microseconds } = time;
        if negative {
            return Err(ValueError::Range);
        }
        let hours = u8::try_from(hours).map_err(|_| ValueError::Range)?;
        Self::from_hms_micro(hours, minutes, seconds, microseconds).map_err(|_| ValueError::Range)
    }
}

impl TryFrom<Clock> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds; never fails.
    fn try_from(time: Clock) -> Result<Self, ValueError> {
        let (hours, minutes, seconds, microseconds) = time.as_hms_micro();
        Ok(Self { negative: false, hours: hours.into(), minutes, seconds, microseconds })
    }
}

impl TryFrom<Time> for Duration {
    type Error = ValueError;

    /// Never fails.
    fn try_from(time: Time) -> Result<Self, ValueError> {
        Ok(Self::microseconds(time.as_microseconds()))
    }
}

impl TryFrom<Duration> for Time {
    type Error = ValueError;

    /// Cuts the fraction to microseconds.
    fn try_from(span: Duration) -> Result<Self, ValueError> {
        let total = i64::try_from(span.whole_microseconds()).map_err(|_| ValueError::Range)?;
        Self::from_microseconds(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ToValue;
    use crate::value::text::tests::{check_temporal, read, read_binary};
    use crate::wire::ColumnType;

    fn day(year: i32, month: Month, day: u8) -> Day {
        Day::from_calendar_date(year, month, day).unwrap()
    }

    #[test]
    fn e66_dates() {
        check_temporal("2024-02-29", ColumnType::DATE, day(2024, Month::February, 29));
        check_temporal("0000-01-01", ColumnType::DATE, day(0, Month::January, 1));
        for text in ["0000-00-00", "2024-00-15", "2024-02-31", "2023-02-29"] {
            let date = read::<Day>(text.as_bytes(), ColumnType::DATE);
            assert_eq!(date, Err(ValueError::NotInCalendar), "{text}");
        }
        let zero = read_binary::<PrimitiveDateTime>(&[], ColumnType::DATETIME);
        assert_eq!(zero, Err(ValueError::NotInCalendar));
        assert_eq!(Day::MIN.write(&mut Vec::new()), Err(ValueError::Range));
    }

    #[test]
    fn datetimes() {
        let clock = Clock::from_hms_micro(23, 59, 58, 999_999).unwrap();
        let value = PrimitiveDateTime::new(day(9999, Month::December, 31), clock);
        check_temporal("9999-12-31 23:59:58.999999", ColumnType::DATETIME, value);
        check_temporal("9999-12-31 23:59:58.999999", ColumnType::TIMESTAMP, value);
        let fine = value.replace_nanosecond(999_999_999).unwrap();
        assert_eq!(DateTime::try_from(fine).unwrap().microsecond, 999_999);
    }

    #[test]
    fn e67_spans_and_times_of_day() {
        let clock = Clock::from_hms_micro(23, 59, 59, 1).unwrap();
        check_temporal("23:59:59.000001", ColumnType::TIME, clock);
        check_temporal("-00:00:00.500000", ColumnType::TIME, Duration::milliseconds(-500));
        let longest = Duration::seconds(838 * 3600 + 59 * 60 + 59);
        check_temporal("838:59:59", ColumnType::TIME, longest);
        for text in ["24:00:00", "300:00:00", "-00:00:01"] {
            let time = read::<Clock>(text.as_bytes(), ColumnType::TIME);
            assert_eq!(time, Err(ValueError::Range), "{text}");
        }
        for span in [longest + Duration::seconds(1), Duration::MAX, Duration::MIN] {
            assert_eq!(span.write(&mut Vec::new()), Err(ValueError::Range));
        }
    }
}
