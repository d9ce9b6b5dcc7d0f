//! Numbers out of text.

use super::{FromValue, Kind, RawValue};
use crate::error::ValueError;

/// The longest text that is looked at as a number, in bytes: a DECIMAL has 65 digits, a sign and a
/// point, a DOUBLE in full not many more than 300. Longer ones are malformed, so that no text costs
/// more than its first bytes (T-37).
const MAX_NUMBER: usize = 512;

macro_rules! integers {
    ($($signed:ty),+; $($unsigned:ty),+) => {
        $(impl<'r> FromValue<'r> for $signed {
            #[inline]
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                if matches!(value.kind(), Kind::Integer) {
                    let (negative, magnitude) = parse(value.bytes())?;
                    let number = if negative {
                        0_i64.checked_sub_unsigned(magnitude)
                    } else {
                        i64::try_from(magnitude).ok()
                    };
                    return number.and_then(|n| n.try_into().ok()).ok_or(ValueError::Range);
                }
                wide_integer(value)?.try_into().map_err(|_| ValueError::Range)
            }
        })+
        $(impl<'r> FromValue<'r> for $unsigned {
            #[inline]
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                if matches!(value.kind(), Kind::Integer) {
                    let (negative, magnitude) = parse(value.bytes())?;
                    if negative && magnitude != 0 {
                        return Err(ValueError::Range);
                    }
                    return magnitude.try_into().map_err(|_| ValueError::Range);
                }
                wide_integer(value)?.try_into().map_err(|_| ValueError::Range)
            }
        })+
    };
}

integers! { i8, i16, i32, i64, isize; u8, u16, u32, u64, usize }

impl<'r> FromValue<'r> for i128 {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        wide_integer(value)
    }
}

impl<'r> FromValue<'r> for u128 {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        wide_integer(value)?.try_into().map_err(|_| ValueError::Range)
    }
}

impl<'r> FromValue<'r> for bool {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match u64::from_value(value)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ValueError::Range),
        }
    }
}

impl<'r> FromValue<'r> for f64 {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Double | Kind::Float => float(value.bytes()),
            Kind::Integer => exact(value.bytes(), 1 << 53),
            _ => Err(ValueError::Type),
        }
    }
}

impl<'r> FromValue<'r> for f32 {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Float => float(value.bytes()),
            Kind::Integer => exact(value.bytes(), 1 << 24),
            _ => Err(ValueError::Type),
        }
    }
}

/// Integers out of columns that are not integers, and 128-bit ones.
#[cold]
#[inline(never)]
fn wide_integer(value: RawValue<'_>) -> Result<i128, ValueError> {
    match value.kind() {
        Kind::Integer => {
            let (negative, magnitude) = parse(value.bytes())?;
            let number = i128::from(magnitude);
            Ok(if negative { -number } else { number })
        }
        Kind::Bit => bits(value.bytes()).map(i128::from),
        Kind::Decimal => whole_decimal(value.bytes()),
        _ => Err(ValueError::Type),
    }
}

/// The sign and the digits of an integer's text.
#[inline]
fn parse(text: &[u8]) -> Result<(bool, u64), ValueError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    // 19 digits always fit, and no column has more than 20.
    if digits.is_empty() || digits.len() > 19 {
        return parse_long(digits).map(|magnitude| (negative, magnitude));
    }
    let mut magnitude = 0_u64;
    let mut rest = digits;
    let mut wrong = 0_u64;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let (number, bad) = eight_digits(*eight);
        magnitude = magnitude.wrapping_mul(100_000_000).wrapping_add(number);
        wrong |= bad;
        rest = behind;
    }
    if let Some((four, behind)) = rest.split_first_chunk::<4>() {
        let (number, bad) = four_digits(*four);
        magnitude = magnitude.wrapping_mul(10_000).wrapping_add(number);
        wrong |= bad;
        rest = behind;
    }
    for &byte in rest {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        wrong |= u64::from(digit > 9);
        magnitude = magnitude.wrapping_mul(10).wrapping_add(digit);
    }
    if wrong != 0 { Err(ValueError::Malformed) } else { Ok((negative, magnitude)) }
}

/// The number that eight digits are, and something other than 0 if they are none.
///
/// All eight at once in one register: pairs are joined, then pairs of pairs, then both halves.
#[inline]
fn eight_digits(text: [u8; 8]) -> (u64, u64) {
    let digits = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
    let bad = (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32, bad)
}

/// [`eight_digits`] for four.
#[inline]
fn four_digits(text: [u8; 4]) -> (u64, u64) {
    let digits = u32::from_le_bytes(text) ^ 0x3030_3030;
    let bad = (digits | digits.wrapping_add(0x0606_0606)) & 0xF0F0_F0F0;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let number = (pairs & 0xFF) * 100 + (pairs >> 16 & 0xFF);
    (u64::from(number), u64::from(bad))
}

#[cold]
fn parse_long(digits: &[u8]) -> Result<u64, ValueError> {
    if digits.is_empty() || digits.len() > MAX_NUMBER {
        return Err(ValueError::Malformed);
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(ValueError::Malformed);
        }
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(digit)))
            .ok_or(ValueError::Range)
    })
}

/// The integer that a DECIMAL without a fraction is.
fn whole_decimal(text: &[u8]) -> Result<i128, ValueError> {
    if text.len() > MAX_NUMBER {
        return Err(ValueError::Malformed);
    }
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    if (whole.is_empty() && fraction.is_empty())
        || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return Err(ValueError::Malformed);
    }
    if fraction.iter().any(|&byte| byte != b'0') {
        return Err(ValueError::Range);
    }
    let number = whole.iter().try_fold(0_i128, |number, &byte| {
        number.checked_mul(10)?.checked_add(i128::from(byte.wrapping_sub(b'0')))
    });
    let number = number.ok_or(ValueError::Range)?;
    Ok(if negative { -number } else { number })
}

/// The number that big-endian bits are.
fn bits(bytes: &[u8]) -> Result<u64, ValueError> {
    if bytes.len() > 8 {
        return Err(ValueError::Range);
    }
    Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn float<F: std::str::FromStr>(text: &[u8]) -> Result<F, ValueError> {
    if text.len() > MAX_NUMBER {
        return Err(ValueError::Malformed);
    }
    let text = std::str::from_utf8(text).map_err(|_| ValueError::Malformed)?;
    text.parse().map_err(|_| ValueError::Malformed)
}

/// An integer as a float, if the float holds it exactly.
fn exact<F: std::str::FromStr>(text: &[u8], limit: u64) -> Result<F, ValueError> {
    let (_, magnitude) = parse(text)?;
    if magnitude > limit { Err(ValueError::Range) } else { float(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_flagged};
    use crate::wire::{ColumnFlags, ColumnType};

    fn int<T: for<'r> FromValue<'r>>(text: &[u8]) -> Result<T, ValueError> {
        read(text, ColumnType::LONGLONG)
    }

    #[test]
    fn e72_the_ends_of_every_range() {
        assert_eq!(int(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(int::<u64>(b"18446744073709551616"), Err(ValueError::Range));
        assert_eq!(int(b"-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(int::<i64>(b"9223372036854775808"), Err(ValueError::Range));
        assert_eq!(int::<i64>(b"-9223372036854775809"), Err(ValueError::Range));
        assert_eq!(int(b"-128"), Ok(-128_i8));
        assert_eq!(int(b"255"), Ok(255_u8));
        assert_eq!(int::<i8>(b"128"), Err(ValueError::Range));
        assert_eq!(int::<u8>(b"256"), Err(ValueError::Range));
        assert_eq!(int::<u8>(b"-1"), Err(ValueError::Range));
        assert_eq!(int(b"-0"), Ok(0_u8));
        assert_eq!(int(b"-5"), Ok(-5_i128));
        assert_eq!(int(b"18446744073709551615"), Ok(u128::from(u64::MAX)));
    }

    #[test]
    fn every_length_and_every_wrong_byte() {
        let digits = "1234567890123456789";
        for length in 1..=digits.len() {
            let text = &digits[..length];
            assert_eq!(int::<u64>(text.as_bytes()), Ok(text.parse().unwrap()));
            for position in 0..length {
                for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
                    let mut text = text.as_bytes().to_vec();
                    text[position] = byte;
                    let sign = position == 0 && byte == b'-' && length > 1;
                    let number = int::<i64>(&text);
                    assert_eq!(number.is_ok(), sign, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_integer_is_malformed() {
        for text in [&b""[..], b"-", b"+1", b"1.0", b"1 ", b" 1", b"0x1", b"--1", b"1-"] {
            assert_eq!(int::<i64>(text), Err(ValueError::Malformed), "{text:?}");
            assert_eq!(int::<u64>(text), Err(ValueError::Malformed), "{text:?}");
        }
        assert_eq!(int::<i64>(&[b'0'; 600]), Err(ValueError::Malformed));
        assert_eq!(int::<u64>(b"00000000000000000000000000000007"), Ok(7));
    }

    #[test]
    fn decimals_without_fraction_are_integers() {
        let decimal = |text| read::<i64>(text, ColumnType::NEWDECIMAL);
        assert_eq!(decimal(b"120"), Ok(120));
        assert_eq!(decimal(b"-120.00"), Ok(-120));
        assert_eq!(decimal(b"120.50"), Err(ValueError::Range));
        assert_eq!(decimal(b"."), Err(ValueError::Malformed));
        assert_eq!(decimal(b"1e3"), Err(ValueError::Malformed));
        assert_eq!(decimal(&[b'9'; 65]), Err(ValueError::Range));
        assert_eq!(read::<f64>(b"1.5", ColumnType::NEWDECIMAL), Err(ValueError::Type));
    }

    #[test]
    fn t37_sixteen_mebibytes_of_digits_cost_nothing() {
        let digits = vec![b'7'; 16 << 20];
        for column_type in [ColumnType::LONGLONG, ColumnType::NEWDECIMAL, ColumnType::DOUBLE] {
            let number = read::<i64>(&digits, column_type);
            assert!(number.is_err(), "{column_type:?}");
            assert!(read::<f64>(&digits, column_type).is_err());
        }
    }

    #[test]
    fn e69_bits_are_big_endian() {
        assert_eq!(read(&[1, 0], ColumnType::BIT), Ok(256_u16));
        assert_eq!(read(&[0xFF; 8], ColumnType::BIT), Ok(u64::MAX));
        assert_eq!(read::<u64>(&[1; 9], ColumnType::BIT), Err(ValueError::Range));
        assert_eq!(read(&[1], ColumnType::BIT), Ok(true));
    }

    #[test]
    fn floats() {
        assert_eq!(read(b"1.5e10", ColumnType::DOUBLE), Ok(1.5e10_f64));
        assert_eq!(read(b"-0.25", ColumnType::FLOAT), Ok(-0.25_f32));
        assert_eq!(read::<f32>(b"1.5", ColumnType::DOUBLE), Err(ValueError::Type));
        assert_eq!(read(b"9007199254740992", ColumnType::LONGLONG), Ok(9007199254740992_f64));
        assert_eq!(read::<f64>(b"9007199254740993", ColumnType::LONGLONG), Err(ValueError::Range));
        assert_eq!(read::<f64>(b"one", ColumnType::DOUBLE), Err(ValueError::Malformed));
    }

    #[test]
    fn booleans_are_zero_or_one() {
        assert_eq!(int(b"1"), Ok(true));
        assert_eq!(int(b"0"), Ok(false));
        assert_eq!(int::<bool>(b"2"), Err(ValueError::Range));
    }

    #[test]
    fn e70_years_are_unsigned_numbers() {
        let flags = ColumnFlags::UNSIGNED;
        assert_eq!(read_flagged(b"0000", ColumnType::YEAR, 63, flags), Ok(0_u16));
        assert_eq!(read_flagged(b"2155", ColumnType::YEAR, 63, flags), Ok(2155_u16));
    }
}
