//! The feature `bigdecimal`.

use ::bigdecimal::BigDecimal;

use super::{Decimal, FromValue, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;

/// More digits before or behind the point than any server has.
const MAX_SCALE: i64 = 65;

impl<'r> FromValue<'r> for BigDecimal {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        Decimal::from_value(value)?.try_into()
    }
}

impl ToValue for BigDecimal {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::NEWDECIMAL))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        Decimal::try_from(self)?.write(out)
    }
}

impl TryFrom<Decimal> for BigDecimal {
    type Error = ValueError;

    fn try_from(decimal: Decimal) -> Result<Self, ValueError> {
        decimal.as_str().parse().map_err(|_| ValueError::Range)
    }
}

impl TryFrom<&BigDecimal> for Decimal {
    type Error = ValueError;

    /// More than 65 digits are out of range.
    fn try_from(number: &BigDecimal) -> Result<Self, ValueError> {
        // The text is as long as the scale is large, so that is looked at first.
        let scale = number.fractional_digit_count();
        if scale.abs() > MAX_SCALE || number.digits() > MAX_SCALE.unsigned_abs() {
            return Err(ValueError::Range);
        }
        number.to_plain_string().parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, written};

    #[test]
    fn e79_all_65_digits() {
        let most = "9".repeat(65);
        let smallest = format!("-0.{}1", "0".repeat(29));
        for text in ["-12.50", "0", "-0.5", &most, &smallest] {
            let number: BigDecimal = text.parse().unwrap();
            assert_eq!(read(text.as_bytes(), ColumnType::NEWDECIMAL), Ok(number.clone()));
            assert_eq!(read_binary(text.as_bytes(), ColumnType::NEWDECIMAL), Ok(number.clone()));
            assert_eq!(written(&number)[1..], *text.as_bytes());
        }
        assert_eq!(read(b"-.5", ColumnType::NEWDECIMAL), Ok("-0.5".parse::<BigDecimal>().unwrap()));
        assert_eq!(read(b"-7", ColumnType::LONG), Ok(BigDecimal::from(-7)));
        assert_eq!(read::<BigDecimal>(b"1", ColumnType::DOUBLE), Err(ValueError::Type));
        let thousand: BigDecimal = "1e3".parse().unwrap();
        assert_eq!(written(&thousand)[1..], *b"1000");
        for text in ["1e66", "1e-66", "1e1000000000", "-1e-1000000000", &"9".repeat(66)] {
            let number: BigDecimal = text.parse().unwrap();
            assert_eq!(number.write(&mut Vec::new()), Err(ValueError::Range), "{text}");
        }
    }
}
