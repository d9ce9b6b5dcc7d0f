//! Strings and bytes.

use std::fmt::LowerExp;
use std::str::FromStr;

use super::{
    BinaryWalk, CellFault, Date, DateTime, Format, FromValue, Kind, RawValue, TextWalk, Time, utf8,
};
use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::binary_row::Layout;
use crate::wire::{ColumnFlags, ColumnType};

impl<'r> FromValue<'r> for &'r str {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Text | Kind::Bytes | Kind::Decimal => {
                utf8::text(value.bytes()).ok_or(ValueError::Utf8)
            }
            Kind::Foreign => Err(ValueError::CharacterSet),
            _ => Err(ValueError::Type),
        }
    }

    #[inline(always)]
    fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if matches!(info.kind, Kind::Text | Kind::Bytes | Kind::Decimal)
            && let Some(text) = walk.short_text(info)
        {
            return text;
        }
        walk.read(info)
    }

    #[inline(always)]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if matches!(info.kind, Kind::Text | Kind::Bytes | Kind::Decimal)
            && let Some(text) = walk.short_text(info)
        {
            return text;
        }
        walk.read(info)
    }
}

impl<'r> FromValue<'r> for String {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal => match value.format() {
                Format::Text => std::str::from_utf8(value.bytes())
                    .map(Self::from)
                    .map_err(|_| ValueError::Malformed),
                Format::Binary => shown(value),
            },
            _ => <&str>::from_value(value).map(Self::from),
        }
    }
}

/// The text that the server would show for a value of the binary protocol.
fn shown(value: RawValue<'_>) -> Result<String, ValueError> {
    let info = value.column();
    // 31 means that the column has no fixed number of digits.
    let digits = usize::from(info.decimals).min(6);
    Ok(match value.column_type() {
        // Fewer decimals than 31 are fixed ones.
        ColumnType::FLOAT if info.decimals < 31 => {
            format!("{:.1$}", f32::from_value(value)?, usize::from(info.decimals))
        }
        ColumnType::DOUBLE if info.decimals < 31 => {
            format!("{:.1$}", f64::from_value(value)?, usize::from(info.decimals))
        }
        ColumnType::FLOAT => shown_float(f32::from_value(value)?),
        ColumnType::DOUBLE => shown_float(f64::from_value(value)?),
        ColumnType::DATE | ColumnType::NEWDATE => Date::from_value(value)?.to_string(),
        ColumnType::TIME => format!("{:.digits$}", Time::from_value(value)?),
        ColumnType::DATETIME | ColumnType::TIMESTAMP => {
            format!("{:.digits$}", DateTime::from_value(value)?)
        }
        ColumnType::YEAR => format!("{:04}", u16::from_value(value)?),
        _ if info.flags.contains(ColumnFlags::ZEROFILL) => {
            // No integer is shown wider than this, whatever its column says.
            let width = usize::try_from(info.length).unwrap_or(0).min(255);
            format!("{:0width$}", u64::from_value(value)?)
        }
        _ => i128::from_value(value)?.to_string(),
    })
}

/// A float as servers show it: by the fewest digits that give it back, of two such numbers equally
/// near the even one; with an exponent below 1e-15 and where more than 15 digits stand in front of
/// the point that are not all significant.
fn shown_float<T: LowerExp + FromStr + PartialEq>(number: T) -> String {
    let shortest = format!("{number:e}");
    let digits_in = |form: &str| form.split('e').next().map_or(0, |m| m.matches(is_digit).count());
    // Formatting to a number of digits rounds halves to even; the shortest form may not.
    let even = format!("{number:.0$e}", digits_in(&shortest).saturating_sub(1));
    let scientific = if even.parse().is_ok_and(|same: T| same == number) { even } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, ""));
    // Not so for infinities, which no server sends.
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    let significant = digits_in(mantissa);
    let whole = exponent.saturating_add(1);
    let all_significant = usize::try_from(whole).is_ok_and(|whole| significant > whole);
    if !(-14..=15).contains(&whole) && !all_significant {
        return scientific;
    }
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    match usize::try_from(whole) {
        Ok(whole) if whole > 0 => match digits.split_at_checked(whole) {
            Some((integer, "")) => format!("{sign}{integer}"),
            Some((integer, fraction)) => format!("{sign}{integer}.{fraction}"),
            None => format!("{sign}{digits:0<whole$}"),
        },
        _ if digits == "0" => format!("{sign}0"),
        _ => {
            let width = usize::try_from(whole.unsigned_abs()).unwrap_or(0) + digits.len();
            format!("{sign}0.{digits:0>width$}")
        }
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

impl<'r> FromValue<'r> for &'r [u8] {
    #[inline]
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal => Err(ValueError::Type),
            Kind::Text
            | Kind::Foreign
            | Kind::Bytes
            | Kind::Bit
            | Kind::Packed
            | Kind::Decimal
            | Kind::Unknown => Ok(value.bytes()),
        }
    }

    #[inline(always)]
    fn read_text(walk: &mut TextWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if matches!(info.kind, Kind::Text | Kind::Bytes)
            && let Some((from, length)) = walk.cells.next_short_cell_and_rest()
            && let Some(bytes) = from.get(..length)
        {
            return Ok(bytes);
        }
        walk.read(info)
    }

    #[inline(always)]
    fn read_binary(walk: &mut BinaryWalk<'r>, info: &'r ColumnInfo) -> Result<Self, CellFault> {
        if matches!(info.kind, Kind::Text | Kind::Bytes)
            && info.layout == Layout::LengthEncoded
            && let Some((from, length)) = walk.cells.next_short_cell_and_rest()
            && let Some(bytes) = from.get(..length)
        {
            return Ok(bytes);
        }
        walk.read(info)
    }
}

impl<'r> FromValue<'r> for Vec<u8> {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        <&[u8]>::from_value(value).map(Self::from)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::columns::Columns;
    use crate::wire::{ColumnDefinition, ExtendedMetadata};

    /// Reads `bytes` as a value of a column of this type.
    pub(in crate::value) fn read<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
    ) -> Result<T, ValueError> {
        read_flagged(bytes, column_type, 45, ColumnFlags::default())
    }

    /// The same through the binary protocol.
    pub(in crate::value) fn read_binary<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
    ) -> Result<T, ValueError> {
        read_as(bytes, column_type, 45, ColumnFlags::default(), Format::Binary)
    }

    pub(in crate::value) fn read_flagged<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
        collation: u16,
        flags: ColumnFlags,
    ) -> Result<T, ValueError> {
        read_as(bytes, column_type, collation, flags, Format::Text)
    }

    /// The binary form of a parameter, with its length in front.
    pub(in crate::value) fn written(value: &(impl crate::ToValue + ?Sized)) -> Vec<u8> {
        let mut out = Vec::new();
        value.write(&mut out).unwrap();
        out
    }

    /// Reads `text` through the text protocol, what `value` is written as through the binary one,
    /// and wants both equal to `value`.
    #[cfg(any(feature = "chrono", feature = "time", feature = "jiff"))]
    pub(in crate::value) fn check_temporal<T>(text: &str, column_type: ColumnType, value: T)
    where
        T: for<'r> FromValue<'r> + crate::ToValue + PartialEq + std::fmt::Debug + Copy,
    {
        assert_eq!(read(text.as_bytes(), column_type), Ok(value), "{text}");
        let binary = written(&value);
        assert_eq!(usize::from(binary[0]), binary.len() - 1);
        assert_eq!(read_binary(&binary[1..], column_type), Ok(value), "{text}");
    }

    fn read_as<T: for<'r> FromValue<'r>>(
        bytes: &[u8],
        column_type: ColumnType,
        collation: u16,
        flags: ColumnFlags,
        format: Format,
    ) -> Result<T, ValueError> {
        let mut columns = Columns::default();
        columns.push(&ColumnDefinition {
            catalog: b"def",
            schema: b"",
            table: b"",
            org_table: b"",
            name: b"c",
            org_name: b"",
            extended: ExtendedMetadata::default(),
            collation,
            length: 5,
            column_type,
            flags,
            decimals: 3,
        });
        T::from_value(RawValue::new(bytes, &columns.infos()[0], format))
    }

    #[test]
    fn binary_values_show_as_the_server_shows_them() {
        let text = |bytes: &[u8], column_type| read_binary::<String>(bytes, column_type).unwrap();
        assert_eq!(text(&[0xF9], ColumnType::TINY), "-7");
        assert_eq!(text(&[0, 0], ColumnType::YEAR), "0000");
        assert_eq!(text(&[], ColumnType::DATE), "0000-00-00");
        assert_eq!(text(&[], ColumnType::DATETIME), "0000-00-00 00:00:00.000");
        assert_eq!(text(&[1, 0, 0, 0, 0, 1, 2, 3], ColumnType::TIME), "-01:02:03.000");
        assert_eq!(text(&1.5_f64.to_le_bytes(), ColumnType::DOUBLE), "1.500");
        assert_eq!(text(&1.5_f32.to_le_bytes(), ColumnType::FLOAT), "1.500");
        let flags = ColumnFlags::ZEROFILL.with(ColumnFlags::UNSIGNED);
        let padded: String =
            read_as(&[42, 0], ColumnType::SHORT, 63, flags, Format::Binary).unwrap();
        assert_eq!(padded, "00042");
    }

    #[test]
    fn floats_show_with_an_exponent_where_servers_do() {
        for (number, text) in [
            (0.0, "0"),
            (-0.1, "-0.1"),
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (-1e100, "-1e100"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e17"),
            (1_234_567_890_123_456.8, "1234567890123456.8"),
            (1234.5, "1234.5"),
            (100.0, "100"),
            (0.00125, "0.00125"),
            // Halfway between .2 and .3.
            (1_229_202_163_144_198.0 + 0.25, "1229202163144198.2"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
        ] {
            assert_eq!(shown_float(number), text);
            assert_eq!(text.parse(), Ok(number));
        }
        assert_eq!(shown_float(0.1_f32), "0.1");
    }

    #[test]
    fn e73_text_and_bytes() {
        let none = ColumnFlags::default();
        let string = |bytes: &[u8], column_type, collation, flags| {
            read_flagged::<String>(bytes, column_type, collation, flags)
        };
        assert_eq!(string(b"{}", ColumnType::JSON, 63, none), Ok("{}".to_owned()));
        assert_eq!(string(b"x", ColumnType::BLOB, 46, ColumnFlags::BINARY), Ok("x".to_owned()));
        assert_eq!(string(b"\xFF", ColumnType::BLOB, 63, none), Err(ValueError::Utf8));
        assert_eq!(string(b"\xFF", ColumnType::VAR_STRING, 45, none), Err(ValueError::Utf8));
        assert_eq!(read(b"\xFF", ColumnType::BLOB), Ok(b"\xFF".to_vec()));
    }

    #[test]
    fn every_type_has_a_text_unless_it_is_bytes() {
        for (column_type, text) in [
            (ColumnType::LONG, "-7"),
            (ColumnType::DOUBLE, "1e100"),
            (ColumnType::NEWDECIMAL, "1.50"),
            (ColumnType::DATETIME, "2024-02-30 00:00:00"),
            (ColumnType::TIME, "-838:59:59"),
            (ColumnType::YEAR, "0000"),
        ] {
            assert_eq!(read(text.as_bytes(), column_type), Ok(text.to_owned()));
        }
        for column_type in [ColumnType::BIT, ColumnType::GEOMETRY, ColumnType::VECTOR] {
            assert_eq!(read::<String>(b"1", column_type), Err(ValueError::Type));
        }
    }

    #[test]
    fn e77_unknown_types_are_bytes() {
        assert_eq!(read(b"raw", ColumnType(200)), Ok(b"raw".to_vec()));
        assert_eq!(read::<String>(b"raw", ColumnType(200)), Err(ValueError::Type));
        assert_eq!(read::<i64>(b"1", ColumnType(200)), Err(ValueError::Type));
    }

    #[test]
    fn null_needs_an_option() {
        assert_eq!(<&str>::from_null(), Err(ValueError::Null));
        assert_eq!(Option::<&str>::from_null(), Ok(None));
    }
}
