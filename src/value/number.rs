//! Numbers out of text.

use super::{BinaryWalk, CellFault, Format, FromValue, Integer, Kind, RawValue, TextWalk};
use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::binary_row::BinaryCells;
use crate::wire::text_row::TextCells;
use crate::wire::{ColumnFlags, ColumnType};

/// The longest text that is looked at as a number, in bytes: a DECIMAL has 65 digits, a sign and a
/// point, a DOUBLE in full not many more than 300. Longer ones are malformed, so that no text costs
/// more than its first bytes (T-37).
const MAX_NUMBER: usize = 512;

/// Reads an integer where it stands; `$binary` reads one of the binary protocol.
macro_rules! in_place {
    ($binary:ident) => {
        #[inline(always)]
        fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
            match short_integer(walk, info) {
                Some(number) => number.try_into().map_err(|_| ValueError::Range.into()),
                None => walk.read(info),
            }
        }

        #[inline(always)]
        fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
            match $binary(walk, info) {
                Some(number) => number.try_into().map_err(|_| ValueError::Range.into()),
                None => walk.read(info),
            }
        }
    };
}

macro_rules! integers {
    ($($signed:ty),+; $($unsigned:ty),+) => {
        $(impl<'r> FromValue<'r> for $signed {
            #[inline]
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                if matches!(value.kind(), Kind::Integer) {
                    let (negative, magnitude) = integer(value)?;
                    let number = if negative {
                        0_i64.checked_sub_unsigned(magnitude)
                    } else {
                        i64::try_from(magnitude).ok()
                    };
                    return number.and_then(|n| n.try_into().ok()).ok_or(ValueError::Range);
                }
                i128::from_value(value)?.try_into().map_err(|_| ValueError::Range)
            }

            in_place!(signed);
        })+
        $(impl<'r> FromValue<'r> for $unsigned {
            #[inline]
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                if matches!(value.kind(), Kind::Integer) {
                    let (negative, magnitude) = integer(value)?;
                    if negative && magnitude != 0 {
                        return Err(ValueError::Range);
                    }
                    return magnitude.try_into().map_err(|_| ValueError::Range);
                }
                u128::from_value(value)?.try_into().map_err(|_| ValueError::Range)
            }

            in_place!(unsigned);
        })+
    };
}

integers! { i8, i16, i32, i64, isize; u8, u16, u32, u64, usize }

/// The next value of a text row if it is an integer that fits; nothing is taken otherwise.
#[inline(always)]
fn short_integer(walk: &mut TextWalk<'_>, info: &ColumnInfo) -> Option<i64> {
    if !matches!(info.kind, Kind::Integer) {
        return None;
    }
    if let Some((number, cells)) = eight_bytes(walk.cells) {
        walk.cells = cells;
        return Some(number);
    }
    let (number, rest) = other_integer(walk.cells)?;
    walk.cells.resume(rest);
    Some(number)
}

/// The integer of at most eight bytes that is next, if it is not among the last bytes of a row, and
/// the walk behind it.
#[inline(always)]
fn eight_bytes(mut cells: TextCells<'_>) -> Option<(i64, TextCells<'_>)> {
    let (length, word) = cells.next_word()?;
    let word = u64::from_le_bytes(word);
    let negative = word & 0xFF == u64::from(b'-');
    let (digits, length) = if negative { (word >> 8, length - 1) } else { (word, length) };
    // The first digit is the lowest byte: a shift drops what stands behind the last one, and what it
    // fills in counts as zeros in front of the first.
    let (magnitude, bad) =
        eight_digits((digits ^ ASCII_ZEROS).checked_shl(64 - 8 * u32::from(length))?);
    if bad != 0 {
        return None;
    }
    let number = magnitude.cast_signed();
    Some((if negative { -number } else { number }, cells))
}

/// The integer that is next, and what stands behind it.
#[inline(never)]
fn other_integer(mut cells: TextCells<'_>) -> Option<(i64, &[u8])> {
    let (negative, magnitude) = parse(cells.next_short_cell()?).ok()?;
    let number = match negative {
        true => 0_i64.checked_sub_unsigned(magnitude)?,
        false => i64::try_from(magnitude).ok()?,
    };
    Some((number, cells.rest()))
}

/// The next value of a binary row if it is an integer that fits; nothing is taken otherwise.
#[inline(always)]
fn signed(walk: &mut BinaryWalk<'_>, info: &ColumnInfo) -> Option<i64> {
    match info.integer {
        Integer::I64 => walk.cells.next_fixed().map(i64::from_le_bytes),
        _ => {
            let (number, rest) = narrow(walk.cells, info)?;
            walk.cells.resume(rest);
            Some(number)
        }
    }
}

/// The next value of a binary row if it is an integer that fits; nothing is taken otherwise.
#[inline(always)]
fn unsigned(walk: &mut BinaryWalk<'_>, info: &ColumnInfo) -> Option<u64> {
    match info.integer {
        Integer::U64 => walk.cells.next_fixed().map(u64::from_le_bytes),
        _ => {
            let (number, rest) = narrow(walk.cells, info)?;
            let number = number.try_into().ok()?;
            walk.cells.resume(rest);
            Some(number)
        }
    }
}

/// The next value of a binary row if it is a signed integer or one of less than 64 bits, and what
/// stands behind it.
#[inline(never)]
fn narrow<'r>(mut cells: BinaryCells<'r>, info: &ColumnInfo) -> Option<(i64, &'r [u8])> {
    let number = match info.integer {
        Integer::I64 => i64::from_le_bytes(cells.next_fixed()?),
        Integer::I32 => i32::from_le_bytes(cells.next_fixed()?).into(),
        Integer::U32 => u32::from_le_bytes(cells.next_fixed()?).into(),
        Integer::I16 => i16::from_le_bytes(cells.next_fixed()?).into(),
        Integer::U16 => u16::from_le_bytes(cells.next_fixed()?).into(),
        Integer::I8 => i8::from_le_bytes(cells.next_fixed()?).into(),
        Integer::U8 => u8::from_le_bytes(cells.next_fixed()?).into(),
        Integer::U64 | Integer::None => return None,
    };
    Some((number, cells.rest()))
}

impl<'r> FromValue<'r> for i128 {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        let (negative, magnitude) = wide_integer(value)?;
        let number = if negative {
            0_i128.checked_sub_unsigned(magnitude)
        } else {
            magnitude.try_into().ok()
        };
        number.ok_or(ValueError::Range)
    }
}

impl<'r> FromValue<'r> for u128 {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match wide_integer(value)? {
            (true, 1..) => Err(ValueError::Range),
            (_, magnitude) => Ok(magnitude),
        }
    }
}

impl<'r> FromValue<'r> for bool {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        zero_or_one(u64::from_value(value)?)
    }

    #[inline(always)]
    fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        Ok(zero_or_one(u64::read_text(walk, info)?)?)
    }

    #[inline(always)]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        Ok(zero_or_one(u64::read_binary(walk, info)?)?)
    }
}

const fn zero_or_one(number: u64) -> Result<bool, ValueError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ValueError::Range),
    }
}

impl<'r> FromValue<'r> for f64 {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Double => match (value.format(), value.bytes().try_into()) {
                (Format::Text, _) => double(value.bytes()),
                (Format::Binary, Ok(bytes)) => Ok(Self::from_le_bytes(bytes)),
                (Format::Binary, Err(_)) => Err(ValueError::Malformed),
            },
            // Through the narrower type, so that both protocols give the same.
            Kind::Float => f32::from_value(value).map(Self::from),
            Kind::Integer => exact(value, 1 << 53),
            _ => Err(ValueError::Type),
        }
    }

    #[inline(always)]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if matches!(info.kind, Kind::Double)
            && let Some(bytes) = walk.cells.next_fixed()
        {
            return Ok(Self::from_le_bytes(bytes));
        }
        walk.read(info)
    }
}

impl<'r> FromValue<'r> for f32 {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Float => match (value.format(), value.bytes().try_into()) {
                (Format::Text, _) => float(value.bytes()),
                (Format::Binary, Ok(bytes)) => Ok(Self::from_le_bytes(bytes)),
                (Format::Binary, Err(_)) => Err(ValueError::Malformed),
            },
            Kind::Integer => exact(value, 1 << 24).map(narrowed),
            _ => Err(ValueError::Type),
        }
    }
}

/// The sign and the magnitude of integers out of columns that are not integers, and of 128-bit
/// ones.
#[cold]
#[inline(never)]
fn wide_integer(value: RawValue<'_>) -> Result<(bool, u128), ValueError> {
    match value.kind() {
        Kind::Integer => {
            let (negative, magnitude) = integer(value)?;
            Ok((negative, magnitude.into()))
        }
        Kind::Bit => bits(value.bytes()).map(|bits| (false, bits.into())),
        Kind::Decimal => whole_decimal(value.bytes()),
        _ => Err(ValueError::Type),
    }
}

/// The sign and the magnitude of an integer.
#[inline]
fn integer(value: RawValue<'_>) -> Result<(bool, u64), ValueError> {
    match value.format() {
        Format::Text => parse(value.bytes()),
        Format::Binary => binary(value),
    }
}

/// An integer of the binary protocol: little-endian, as wide as its column's type.
#[inline]
fn binary(value: RawValue<'_>) -> Result<(bool, u64), ValueError> {
    let unsigned =
        value.flags().contains(ColumnFlags::UNSIGNED) || value.column_type() == ColumnType::YEAR;
    let (signed, magnitude) = match *value.bytes() {
        [a] => (i64::from(i8::from_le_bytes([a])), u64::from(a)),
        [a, b] => (i64::from(i16::from_le_bytes([a, b])), u64::from(u16::from_le_bytes([a, b]))),
        [a, b, c, d] => {
            let bytes = [a, b, c, d];
            (i64::from(i32::from_le_bytes(bytes)), u64::from(u32::from_le_bytes(bytes)))
        }
        [a, b, c, d, e, f, g, h] => {
            let bytes = [a, b, c, d, e, f, g, h];
            (i64::from_le_bytes(bytes), u64::from_le_bytes(bytes))
        }
        _ => return Err(ValueError::Malformed),
    };
    Ok(if unsigned { (false, magnitude) } else { (signed < 0, signed.unsigned_abs()) })
}

/// The sign and the digits of an integer's text.
#[inline]
fn parse(text: &[u8]) -> Result<(bool, u64), ValueError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    let length = digits.len();
    let (magnitude, bad) = if length <= 3 {
        few_digits(digits)
    } else if length <= 8 {
        up_to_eight_digits(digits)
    } else if length <= 16 {
        up_to_sixteen_digits(digits)
    } else {
        // 19 digits always fit, and no column has more than 20.
        let (first, last) = digits.split_at_checked(length - 16).unwrap_or_default();
        if first.len() > 3 {
            return parse_long(digits).map(|magnitude| (negative, magnitude));
        }
        let ((first, bad_first), (last, bad_last)) =
            (few_digits(first), up_to_sixteen_digits(last));
        (first.wrapping_mul(10_u64.pow(16)).wrapping_add(last), bad_first | bad_last)
    };
    if bad != 0 || length == 0 { Err(ValueError::Malformed) } else { Ok((negative, magnitude)) }
}

/// The number that at most three digits are, and something other than 0 if they are none.
#[inline]
fn few_digits(digits: &[u8]) -> (u64, u64) {
    digits.iter().fold((0, 0), |(number, bad), &byte| {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        (number * 10 + digit, bad | u64::from(digit > 9))
    })
}

/// The same for four to eight digits.
#[inline]
fn up_to_eight_digits(digits: &[u8]) -> (u64, u64) {
    let (Some(&first), Some(&last)) = (digits.first_chunk(), digits.last_chunk()) else {
        return (0, 1);
    };
    let half = |bytes| u64::from(u32::from_le_bytes(bytes) ^ 0x3030_3030);
    // The shift drops those of the first four that are among the last four too.
    let first = half(first) << (8 * 8_usize.saturating_sub(digits.len())) & 0xFFFF_FFFF;
    eight_digits(first | half(last) << 32)
}

/// The same for eight to sixteen digits.
#[inline]
fn up_to_sixteen_digits(digits: &[u8]) -> (u64, u64) {
    let (Some(&first), Some(&last)) = (digits.first_chunk(), digits.last_chunk()) else {
        return (0, 1);
    };
    let common = u32::try_from(16_usize.saturating_sub(digits.len())).unwrap_or(0);
    let first = (u64::from_le_bytes(first) ^ ASCII_ZEROS).checked_shl(8 * common).unwrap_or(0);
    let (first, bad_first) = eight_digits(first);
    let (last, bad_last) = eight_digits(u64::from_le_bytes(last) ^ ASCII_ZEROS);
    (first * 100_000_000 + last, bad_first | bad_last)
}

/// Eight times the digit 0.
const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The number that eight digits are, the first in the lowest byte, and something other than 0 if
/// they are none.
///
/// All eight at once in one register: pairs are joined, then pairs of pairs, then both halves.
#[inline(always)]
fn eight_digits(digits: u64) -> (u64, u64) {
    let (pairs, bad) = digit_pairs(digits);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32, bad)
}

/// The four numbers that four pairs of digits are, in each second byte, and something other than 0
/// if they are none.
#[inline(always)]
fn digit_pairs(digits: u64) -> (u64, u64) {
    let bad = (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0;
    (digits.wrapping_mul(10).wrapping_add(digits >> 8), bad)
}

/// The four numbers that the text of four pairs of digits is.
#[inline(always)]
pub(super) fn pairs(text: [u8; 8]) -> Result<[u8; 4], ValueError> {
    let (pairs, bad) = digit_pairs(u64::from_le_bytes(text) ^ ASCII_ZEROS);
    let [a, _, b, _, c, _, d, _] = pairs.to_le_bytes();
    if bad != 0 { Err(ValueError::Malformed) } else { Ok([a, b, c, d]) }
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

/// The sign and the magnitude of a DECIMAL without a fraction.
fn whole_decimal(text: &[u8]) -> Result<(bool, u128), ValueError> {
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
        return Err(ValueError::Inexact);
    }
    let magnitude = whole.iter().try_fold(0_u128, |number, &byte| {
        number.checked_mul(10)?.checked_add(u128::from(byte.wrapping_sub(b'0')))
    });
    Ok((negative, magnitude.ok_or(ValueError::Range)?))
}

/// The number that big-endian bits are.
fn bits(bytes: &[u8]) -> Result<u64, ValueError> {
    if bytes.len() > 8 {
        return Err(ValueError::Range);
    }
    Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// A DOUBLE's text. Most are a few digits with a point among them: two whole numbers that an `f64`
/// holds exactly, whose quotient is the nearest one to what the text says.
fn double(text: &[u8]) -> Result<f64, ValueError> {
    few_decimals(text).map_or_else(|| float(text), Ok)
}

/// The number that at most 15 digits with a point among them are.
fn few_decimals(text: &[u8]) -> Option<f64> {
    let point = text.iter().take(16).position(|&byte| byte == b'.')?;
    let (whole, fraction) = text.split_at_checked(point)?;
    let (_, fraction) = fraction.split_first()?;
    if whole.len() + fraction.len() > 15 || fraction.first() == Some(&b'-') {
        return None;
    }
    let (negative, whole) = parse(whole).ok()?;
    let (_, decimals) = parse(fraction).ok()?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let magnitude = exact_float(whole * scale + decimals) / exact_float(scale);
    Some(if negative { -magnitude } else { magnitude })
}

#[expect(clippy::as_conversions, reason = "up to 53 bits, every whole number is an `f64`")]
const fn exact_float(number: u64) -> f64 {
    number as f64
}

fn float<F: std::str::FromStr>(text: &[u8]) -> Result<F, ValueError> {
    if text.len() > MAX_NUMBER {
        return Err(ValueError::Malformed);
    }
    let text = std::str::from_utf8(text).map_err(|_| ValueError::Malformed)?;
    text.parse().map_err(|_| ValueError::Malformed)
}

/// An integer as a float, if a float whose whole numbers go up to `limit` holds it exactly.
fn exact(value: RawValue<'_>, limit: u64) -> Result<f64, ValueError> {
    let (negative, magnitude) = integer(value)?;
    if magnitude > limit {
        return Err(ValueError::Inexact);
    }
    let float = exact_float(magnitude);
    Ok(if negative { -float } else { float })
}

#[expect(clippy::as_conversions, reason = "only for what an `f32` holds exactly")]
#[expect(clippy::cast_possible_truncation, reason = "only for what an `f32` holds exactly")]
const fn narrowed(float: f64) -> f32 {
    float as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, read_flagged};

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
        let decimal = |text: &str| (wide::<i128>(text), wide::<u128>(text));
        let out_of_range = ValueError::Range;
        assert_eq!(decimal(&i128::MIN.to_string()), (Ok(i128::MIN), Err(out_of_range)));
        assert_eq!(decimal(&u128::MAX.to_string()), (Err(out_of_range), Ok(u128::MAX)));
        assert_eq!(
            wide::<i128>("-170141183460469231731687303715884105729"),
            Err(ValueError::Range)
        );
        assert_eq!(wide::<u128>("340282366920938463463374607431768211456"), Err(ValueError::Range));
        assert_eq!(decimal("-0"), (Ok(0), Ok(0)));
    }

    fn wide<T: for<'r> FromValue<'r>>(text: &str) -> Result<T, ValueError> {
        read(text.as_bytes(), ColumnType::NEWDECIMAL)
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
        assert_eq!(decimal(b"120.50"), Err(ValueError::Inexact));
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
    fn e71_e72_binary_integers() {
        assert_eq!(read_binary(&[0x80], ColumnType::TINY), Ok(-128_i8));
        assert_eq!(read_binary(&[0xFF, 0x7F], ColumnType::SHORT), Ok(32_767_i64));
        // INT24 has four bytes, with the sign in all of them.
        assert_eq!(read_binary(&[0xFF; 4], ColumnType::INT24), Ok(-1_i32));
        assert_eq!(read_binary(&[0xFF, 0xFF, 0x7F, 0], ColumnType::INT24), Ok(8_388_607_i32));
        assert_eq!(read_binary(&[0, 0, 0, 0, 0, 0, 0, 0x80], ColumnType::LONGLONG), Ok(i64::MIN));
        assert_eq!(read_binary::<u64>(&[0xFF; 8], ColumnType::LONGLONG), Err(ValueError::Range));
        assert_eq!(read_binary::<i64>(&[1, 2, 3], ColumnType::LONG), Err(ValueError::Malformed));
    }

    #[test]
    fn binary_floats() {
        let double = (-1.5e300_f64).to_le_bytes();
        assert_eq!(read_binary(&double, ColumnType::DOUBLE), Ok(-1.5e300_f64));
        let float = 1.1_f32.to_le_bytes();
        assert_eq!(read_binary(&float, ColumnType::FLOAT), Ok(1.1_f32));
        assert_eq!(read_binary(&float, ColumnType::FLOAT), Ok(f64::from(1.1_f32)));
        assert_eq!(read(b"1.1", ColumnType::FLOAT), Ok(f64::from(1.1_f32)));
        assert_eq!(read_binary::<f64>(&float, ColumnType::DOUBLE), Err(ValueError::Malformed));
    }

    #[test]
    fn floats() {
        assert_eq!(read(b"1.5e10", ColumnType::DOUBLE), Ok(1.5e10_f64));
        assert_eq!(read(b"-0.25", ColumnType::FLOAT), Ok(-0.25_f32));
        assert_eq!(read::<f32>(b"1.5", ColumnType::DOUBLE), Err(ValueError::Type));
        assert_eq!(read(b"9007199254740992", ColumnType::LONGLONG), Ok(9007199254740992_f64));
        assert_eq!(
            read::<f64>(b"9007199254740993", ColumnType::LONGLONG),
            Err(ValueError::Inexact)
        );
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
        assert_eq!(read_flagged(b"0000", ColumnType::YEAR, 63, flags), Ok("0000".to_owned()));
        assert_eq!(read_binary(&[0, 0], ColumnType::YEAR), Ok(0_u16));
        assert_eq!(read_binary(&[0x6B, 8], ColumnType::YEAR), Ok(2155_u16));
        assert_eq!(read_binary(&[0, 0], ColumnType::YEAR), Ok("0000".to_owned()));
    }
}
