//! Dates and times that hold whatever a server can send: zero dates, partial dates, spans of time.

use std::fmt;
use std::str::FromStr;

use super::number::pairs;
use super::{BinaryWalk, CellFault, Format, FromValue, RawValue};
use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::ColumnType;

/// A fraction of a second has at most six digits.
const MICROSECONDS: u32 = 1_000_000;

/// The longest span of time, in hours.
const MAX_HOURS: u32 = 838;

/// A DATE. It also holds dates that no calendar has: `0000-00-00`, `2024-00-15`, `2024-02-31`
/// [`is_valid`](Self::is_valid) tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A DATETIME or TIMESTAMP; a TIMESTAMP is in the session's time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

/// A TIME: a span between -838:59:59.999999 and 838:59:59.999999, not a time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Time {
    /// Whether the span is negative.
    pub negative: bool,
    /// 0 to 838.
    pub hours: u16,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999,999.
    pub microseconds: u32,
}

impl Date {
    /// A date, not checked against a calendar. Parts that no date has, such as a month 13, are an
    /// error as soon as it is sent.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// Whether a calendar has this date.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        self.day >= 1 && self.day <= days
    }

    /// Whether it is `0000-00-00`.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.year == 0 && self.month == 0 && self.day == 0
    }

    /// The date of text like `2024-02-29`.
    fn parse(text: &[u8]) -> Result<Self, ValueError> {
        let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else {
            return Err(ValueError::Malformed);
        };
        let [century, year, month, day] = pairs([a, b, c, d, e, f, g, h])?;
        Self { year: u16::from(century) * 100 + u16::from(year), month, day }.checked()
    }

    fn checked(self) -> Result<Self, ValueError> {
        let fits = self.year <= 9999 && self.month <= 12 && self.day <= 31;
        if fits { Ok(self) } else { Err(ValueError::Malformed) }
    }

    /// The date of its binary form, which may carry a time of zero (E-64).
    fn from_binary(bytes: &[u8]) -> Result<Self, ValueError> {
        let DateTime { date, hour, minute, second, microsecond } = DateTime::from_binary(bytes)?;
        if (hour, minute, second, microsecond) == (0, 0, 0, 0) {
            Ok(date)
        } else {
            Err(ValueError::Malformed)
        }
    }
}

impl DateTime {
    /// A date and a time of day, not checked before it is sent.
    #[must_use]
    pub const fn new(date: Date, hour: u8, minute: u8, second: u8, microsecond: u32) -> Self {
        Self { date, hour, minute, second, microsecond }
    }

    /// Whether a calendar has its date and a clock its time.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.date.is_valid()
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.microsecond < MICROSECONDS
    }

    fn parse(text: &[u8]) -> Result<Self, ValueError> {
        let (date, rest) = text.split_at_checked(10).ok_or(ValueError::Malformed)?;
        let date = Date::parse(date)?;
        let Some((b' ', rest)) = rest.split_first() else {
            return Err(ValueError::Malformed);
        };
        let (clock, fraction) = rest.split_at_checked(8).ok_or(ValueError::Malformed)?;
        let &[a, b, b':', c, d, b':', e, f] = clock else {
            return Err(ValueError::Malformed);
        };
        let [hour, minute, second, _] = pairs([a, b, c, d, e, f, b'0', b'0'])?;
        Self { date, hour, minute, second, microsecond: parse_fraction(fraction)? }.checked()
    }

    fn checked(self) -> Result<Self, ValueError> {
        let clock = self.hour < 24 && self.minute < 60 && self.second < 60;
        if clock && self.microsecond < MICROSECONDS {
            self.date.checked()?;
            Ok(self)
        } else {
            Err(ValueError::Malformed)
        }
    }

    /// The value, if its parts are within what servers know.
    pub(super) fn in_range(self) -> Result<Self, ValueError> {
        self.checked().map_err(|_| ValueError::Range)
    }

    /// The binary form has 0, 4, 7 or 11 bytes; what is missing is zero.
    fn from_binary(bytes: &[u8]) -> Result<Self, ValueError> {
        let mut value = Self::default();
        let Some((&[a, b, month, day], rest)) = bytes.split_first_chunk::<4>() else {
            return if bytes.is_empty() { Ok(value) } else { Err(ValueError::Malformed) };
        };
        value.date = Date { year: u16::from_le_bytes([a, b]), month, day };
        if let Some((&[hour, minute, second], rest)) = rest.split_first_chunk::<3>() {
            (value.hour, value.minute, value.second) = (hour, minute, second);
            value.microsecond = binary_fraction(rest)?;
        } else if !rest.is_empty() {
            return Err(ValueError::Malformed);
        }
        value.checked()
    }
}

impl Time {
    /// A span, not checked before it is sent.
    #[must_use]
    pub const fn new(
        negative: bool,
        hours: u16,
        minutes: u8,
        seconds: u8,
        microseconds: u32,
    ) -> Self {
        Self { negative, hours, minutes, seconds, microseconds }
    }

    /// The span of so many microseconds; an error if it is longer than a TIME can be.
    pub fn from_microseconds(total: i64) -> Result<Self, ValueError> {
        let micros = u64::from(MICROSECONDS);
        let magnitude = total.unsigned_abs();
        let (seconds, fraction) = (magnitude / micros, magnitude % micros);
        let (minutes, hours) = (seconds / 60, seconds / 3600);
        let part = |number: u64| u8::try_from(number).map_err(|_| ValueError::Range);
        let time = Self {
            negative: total < 0,
            hours: u16::try_from(hours).map_err(|_| ValueError::Range)?,
            minutes: part(minutes % 60)?,
            seconds: part(seconds % 60)?,
            microseconds: u32::try_from(fraction).map_err(|_| ValueError::Range)?,
        };
        time.checked().map_err(|_| ValueError::Range)
    }

    /// The whole span in microseconds.
    #[must_use]
    pub fn as_microseconds(&self) -> i64 {
        let minutes = i64::from(self.hours) * 60 + i64::from(self.minutes);
        let seconds = minutes * 60 + i64::from(self.seconds);
        let total = seconds * i64::from(MICROSECONDS) + i64::from(self.microseconds);
        if self.negative { -total } else { total }
    }

    fn parse(text: &[u8]) -> Result<Self, ValueError> {
        let (negative, text) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, text),
        };
        let colon = text.iter().position(|&byte| byte == b':').ok_or(ValueError::Malformed)?;
        let (hours, rest) = text.split_at_checked(colon).ok_or(ValueError::Malformed)?;
        if hours.is_empty() || hours.len() > 3 {
            return Err(ValueError::Malformed);
        }
        let hours = hours.iter().try_fold(0_u16, |hours, &byte| Ok(hours * 10 + digit(byte)?))?;
        let (clock, fraction) = rest.split_at_checked(6).ok_or(ValueError::Malformed)?;
        let &[b':', a, b, b':', c, d] = clock else {
            return Err(ValueError::Malformed);
        };
        let [minutes, seconds, ..] = pairs([a, b, c, d, b'0', b'0', b'0', b'0'])?;
        let microseconds = parse_fraction(fraction)?;
        Self { negative, hours, minutes, seconds, microseconds }.checked()
    }

    fn checked(self) -> Result<Self, ValueError> {
        let fits = u32::from(self.hours) <= MAX_HOURS
            && self.minutes < 60
            && self.seconds < 60
            && self.microseconds < MICROSECONDS;
        if fits { Ok(self) } else { Err(ValueError::Malformed) }
    }

    /// The span, if its parts are within what servers know.
    pub(super) fn in_range(self) -> Result<Self, ValueError> {
        self.checked().map_err(|_| ValueError::Range)
    }

    /// The binary form has 0, 8 or 12 bytes: sign, days, and a clock.
    fn from_binary(bytes: &[u8]) -> Result<Self, ValueError> {
        let Some((&[sign, a, b, c, d, hour, minutes, seconds], rest)) =
            bytes.split_first_chunk::<8>()
        else {
            return if bytes.is_empty() { Ok(Self::default()) } else { Err(ValueError::Malformed) };
        };
        let hours = u32::from_le_bytes([a, b, c, d])
            .checked_mul(24)
            .and_then(|hours| hours.checked_add(u32::from(hour)))
            .and_then(|hours| u16::try_from(hours).ok())
            .ok_or(ValueError::Malformed)?;
        if sign > 1 || hour > 23 {
            return Err(ValueError::Malformed);
        }
        let microseconds = binary_fraction(rest)?;
        Self { negative: sign == 1, hours, minutes, seconds, microseconds }.checked()
    }
}

fn digit(byte: u8) -> Result<u16, ValueError> {
    match byte {
        b'0'..=b'9' => Ok(u16::from(byte - b'0')),
        _ => Err(ValueError::Malformed),
    }
}

/// The microseconds of nothing, or of a point and one to six digits.
fn parse_fraction(text: &[u8]) -> Result<u32, ValueError> {
    let digits = match text.split_first() {
        None => return Ok(0),
        Some((b'.', &[a, b, c, d, e, f])) => {
            let [first, second, third, _] = pairs([a, b, c, d, e, f, b'0', b'0'])?;
            let [first, second, third] = [first, second, third].map(u32::from);
            return Ok((first * 100 + second) * 100 + third);
        }
        Some((b'.', digits)) if (1..=6).contains(&digits.len()) => digits,
        Some(_) => return Err(ValueError::Malformed),
    };
    let number =
        digits.iter().try_fold(0, |number, &byte| Ok(number * 10 + u32::from(digit(byte)?)))?;
    let missing = u32::try_from(6 - digits.len()).map_err(|_| ValueError::Malformed)?;
    Ok(number * 10_u32.pow(missing))
}

fn binary_fraction(bytes: &[u8]) -> Result<u32, ValueError> {
    match *bytes {
        [] => Ok(0),
        [a, b, c, d] => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(ValueError::Malformed),
    }
}

macro_rules! temporal {
    ($($type:ident: $($column_type:ident)|+;)+) => {
        $(impl<'r> FromValue<'r> for $type {
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                if !matches!(value.column_type(), $(ColumnType::$column_type)|+) {
                    return Err(ValueError::Type);
                }
                match value.format() {
                    Format::Text => Self::parse(value.bytes()),
                    Format::Binary => Self::from_binary(value.bytes()),
                }
            }

            #[inline(always)]
            fn read_binary(
                walk: &mut BinaryWalk<'r>,
                info: &'r ColumnInfo,
            ) -> Result<Self, CellFault> {
                if matches!(info.column_type, $(ColumnType::$column_type)|+)
                    && let Some(bytes) = walk.cells.next_temporal()
                {
                    return Ok(Self::from_binary(bytes)?);
                }
                walk.read(info)
            }
        }

        impl FromStr for $type {
            type Err = ValueError;

            /// Reads the form that servers show.
            fn from_str(text: &str) -> Result<Self, ValueError> {
                Self::parse(text.as_bytes())
            }
        }

        impl fmt::Display for $type {
            /// The form that servers show. `{:.3}` shows three digits of a second's fraction, `{}`
            /// six if there are any and none otherwise.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.write(f, f.precision())
            }
        })+
    };
}

temporal! {
    Date: DATE | NEWDATE;
    DateTime: DATETIME | TIMESTAMP;
    Time: TIME;
}

impl Date {
    fn write(&self, f: &mut fmt::Formatter<'_>, _: Option<usize>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl DateTime {
    fn write(&self, f: &mut fmt::Formatter<'_>, digits: Option<usize>) -> fmt::Result {
        let Self { date, hour, minute, second, microsecond } = self;
        write!(f, "{date} {hour:02}:{minute:02}:{second:02}")?;
        write_fraction(f, *microsecond, digits)
    }
}

impl Time {
    fn write(&self, f: &mut fmt::Formatter<'_>, digits: Option<usize>) -> fmt::Result {
        let Self { negative, hours, minutes, seconds, microseconds } = self;
        let sign = if *negative { "-" } else { "" };
        write!(f, "{sign}{hours:02}:{minutes:02}:{seconds:02}")?;
        write_fraction(f, *microseconds, digits)
    }
}

fn write_fraction(
    f: &mut fmt::Formatter<'_>,
    microseconds: u32,
    digits: Option<usize>,
) -> fmt::Result {
    let digits = match digits {
        Some(digits) => digits.min(6),
        None if microseconds == 0 => 0,
        None => 6,
    };
    if digits == 0 {
        return Ok(());
    }
    let text = format!("{microseconds:06}");
    write!(f, ".{}", text.get(..digits).unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ToValue;
    use crate::value::text::tests::{read, read_binary};

    #[test]
    fn e66_dates_that_no_calendar_has() {
        for (text, valid) in [
            ("0000-00-00", false),
            ("2024-00-15", false),
            ("2024-02-31", false),
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2000-02-29", true),
            ("9999-12-31", true),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(date.is_valid(), valid, "{text}");
            let binary = [&date.year.to_le_bytes()[..], &[date.month, date.day]].concat();
            assert_eq!(read_binary(&binary, ColumnType::DATE), Ok(date));
        }
        assert!("0000-00-00".parse::<Date>().unwrap().is_zero());
        assert_eq!(read_binary(&[], ColumnType::DATE), Ok(Date::default()));
    }

    /// E-65
    #[test]
    fn datetimes_that_no_clock_shows() {
        let day = Date::new(2024, 2, 29);
        let last = DateTime::new(day, 23, 59, 59, 999_999);
        assert!(last.is_valid() && DateTime::new(day, 0, 0, 0, 0).is_valid());
        for (what, datetime) in [
            ("date", DateTime { date: Date::new(2023, 2, 29), ..last }),
            ("zero", DateTime::default()),
            ("hour", DateTime { hour: 24, ..last }),
            ("minute", DateTime { minute: 60, ..last }),
            ("second", DateTime { second: 60, ..last }),
            ("microsecond", DateTime { microsecond: 1_000_000, ..last }),
        ] {
            assert!(!datetime.is_valid(), "{what}");
        }
        for (month, days) in (1..).zip([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            assert!(Date::new(2024, month, days).is_valid(), "{month}");
            assert!(!Date::new(2024, month, days + 1).is_valid(), "{month}");
            assert!(!Date::new(2024, month, 0).is_valid(), "{month}");
        }
        assert!(!Date::new(2024, 13, 1).is_valid());
    }

    #[test]
    fn e64_e65_lengths_of_binary_datetimes() {
        let day = [0xE8, 7, 2, 29];
        let midnight = DateTime::new(Date::new(2024, 2, 29), 0, 0, 0, 0);
        let datetime = |bytes: &[u8]| read_binary::<DateTime>(bytes, ColumnType::DATETIME);
        assert_eq!(datetime(&[]), Ok(DateTime::default()));
        assert_eq!(datetime(&day), Ok(midnight));
        let clock = [&day[..], &[23, 59, 58]].concat();
        let late = DateTime { hour: 23, minute: 59, second: 58, ..midnight };
        assert_eq!(datetime(&clock), Ok(late));
        let fraction = [&clock[..], &999_999_u32.to_le_bytes()].concat();
        assert_eq!(datetime(&fraction), Ok(DateTime { microsecond: 999_999, ..late }));
        for length in [1, 2, 3, 5, 6, 8, 9, 10, 12, 255] {
            assert_eq!(datetime(&vec![1; length]), Err(ValueError::Malformed), "length {length}");
        }
        // A DATE with a clock of zero is tolerated, one with a clock is not.
        let zero = [&day[..], &[0, 0, 0]].concat();
        assert_eq!(read_binary(&zero, ColumnType::DATE), Ok(midnight.date));
        assert_eq!(read_binary::<Date>(&clock, ColumnType::DATE), Err(ValueError::Malformed));
    }

    #[test]
    fn e67_spans_of_time() {
        for text in ["-00:00:00.500000", "-838:59:59", "838:59:59.999999", "00:00:01", "-00:00:01"]
        {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(read(text.as_bytes(), ColumnType::TIME), Ok(time));
        }
        let time = |bytes: &[u8]| read_binary::<Time>(bytes, ColumnType::TIME);
        assert_eq!(time(&[]), Ok(Time::default()));
        let most = [1, 34, 0, 0, 0, 22, 59, 59, 0x3F, 0x42, 0x0F, 0];
        assert_eq!(time(&most), Ok(Time::new(true, 838, 59, 59, 999_999)));
        assert_eq!(time(&most[..8]), Ok(Time::new(true, 838, 59, 59, 0)));
        let half = [1, 0, 0, 0, 0, 0, 0, 0, 0x20, 0xA1, 7, 0];
        assert_eq!(time(&half), Ok(Time::new(true, 0, 0, 0, 500_000)));
        // More hours than a TIME has, and days that overflow (T-55).
        assert_eq!(time(&[0, 35, 0, 0, 0, 0, 0, 0]), Err(ValueError::Malformed));
        assert_eq!(time(&[0, 255, 255, 255, 255, 0, 0, 0]), Err(ValueError::Malformed));
        assert_eq!(time(&[2, 0, 0, 0, 0, 0, 0, 0]), Err(ValueError::Malformed));
        for length in [1, 7, 9, 11, 13] {
            assert_eq!(time(&vec![0; length]), Err(ValueError::Malformed), "length {length}");
        }
    }

    #[test]
    fn e67_spans_in_microseconds() {
        for text in ["-838:59:59.999999", "838:59:59.999999", "-00:00:00.000001", "00:00:00"] {
            let time: Time = text.parse().unwrap();
            assert_eq!(Time::from_microseconds(time.as_microseconds()), Ok(time));
        }
        assert_eq!(Time::new(true, 0, 0, 1, 5).as_microseconds(), -1_000_005);
        let hours = 839 * 3_600_000_000;
        for total in [hours, -hours, i64::MIN, i64::MAX] {
            assert_eq!(Time::from_microseconds(total), Err(ValueError::Range));
        }
    }

    #[test]
    fn e68_digits_of_a_fraction() {
        for (text, microsecond) in
            [("1.000001", 1), ("1.1", 100_000), ("1.100000", 100_000), ("1.12", 120_000)]
        {
            let text = format!("2024-02-29 00:00:0{text}");
            let value: DateTime = text.parse().unwrap();
            assert_eq!(value.microsecond, microsecond, "{text}");
        }
        let value: DateTime = "2024-02-29 01:02:03.120000".parse().unwrap();
        assert_eq!(format!("{value:.3}"), "2024-02-29 01:02:03.120");
        assert_eq!(format!("{value:.0}"), "2024-02-29 01:02:03");
    }

    /// Servers would make a zero date of them, or refuse them in their own ways.
    #[test]
    fn what_no_server_has_is_not_written() {
        let written = |value: &dyn ToValue| value.write(&mut Vec::new());
        let day = |month, day| Date::new(2024, month, day);
        let clock = |hour, minute, second, microsecond| {
            DateTime::new(day(2, 31), hour, minute, second, microsecond)
        };
        for value in [day(13, 1), day(1, 32), Date::new(10_000, 1, 1)] {
            assert_eq!(written(&value), Err(ValueError::Range));
        }
        for value in [clock(24, 0, 0, 0), clock(0, 60, 0, 0), clock(0, 0, 60, 0)] {
            assert_eq!(written(&value), Err(ValueError::Range));
        }
        assert_eq!(written(&clock(0, 0, 0, MICROSECONDS)), Err(ValueError::Range));
        assert_eq!(written(&clock(23, 59, 59, MICROSECONDS - 1)), Ok(()));
        for (hours, minutes, seconds, microseconds) in
            [(839, 0, 0, 0), (0, 60, 0, 0), (0, 0, 60, 0), (0, 0, 0, MICROSECONDS)]
        {
            let time = Time::new(true, hours, minutes, seconds, microseconds);
            assert_eq!(written(&time), Err(ValueError::Range));
        }
        assert_eq!(written(&Time::new(true, 838, 59, 59, MICROSECONDS - 1)), Ok(()));
        assert_eq!(written(&Date::default()), Ok(()));
    }

    #[test]
    fn what_is_no_date_or_time_is_malformed() {
        for text in [
            "",
            "2024-2-29",
            "2024/02/29",
            "2024-13-01",
            "2024-02-32",
            "2024-02-29 24:00:00",
            "2024-02-29 00:00:00.",
            "2024-02-29 00:00:00.1234567",
            "2024-02-29T00:00:00",
            "2024-02-29 00:00",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
            assert!(text.parse::<Date>().is_err(), "{text}");
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        for text in ["839:00:00", "1000:00:00", "0:60:00", "00:00:60", "--1:00:00", "00:00"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert_eq!(read::<Date>(b"2024-02-29", ColumnType::VAR_STRING), Err(ValueError::Type));
    }
}
