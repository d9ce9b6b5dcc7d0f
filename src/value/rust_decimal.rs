//! The feature `rust_decimal`.

use ::rust_decimal::Decimal as Number;

use super::{Decimal, FromValue, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;

impl<'r> FromValue<'r> for Number {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        Decimal::from_value(value)?.try_into()
    }
}

impl ToValue for Number {
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::NEWDECIMAL))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.to_string().write(out)
    }
}

impl TryFrom<Decimal> for Number {
    type Error = ValueError;

    /// Out of range is what 96 bits of digits and 28 of them behind the point cannot hold exactly.
    fn try_from(decimal: Decimal) -> Result<Self, ValueError> {
        Self::from_str_exact(decimal.as_str()).map_err(|_| ValueError::Range)
    }
}

impl TryFrom<Number> for Decimal {
    type Error = ValueError;

    fn try_from(number: Number) -> Result<Self, ValueError> {
        number.to_string().parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, written};

    #[test]
    fn e79_decimals_that_fit_are_exact() {
        for (text, number) in [
            ("-12.50", Number::new(-1250, 2)),
            ("0", Number::ZERO),
            ("-.5", Number::new(-5, 1)),
            ("79228162514264337593543950335", Number::MAX),
            ("0.0000000000000000000000000001", Number::new(1, 28)),
        ] {
            assert_eq!(read(text.as_bytes(), ColumnType::NEWDECIMAL), Ok(number), "{text}");
            assert_eq!(read_binary(text.as_bytes(), ColumnType::NEWDECIMAL), Ok(number), "{text}");
            let sent = number.to_string();
            assert_eq!(written(&number)[1..], *sent.as_bytes());
            assert_eq!(Decimal::try_from(number).unwrap(), text.parse().unwrap());
        }
        assert_eq!(read(b"-7", ColumnType::LONG), Ok(Number::from(-7)));
        for text in ["79228162514264337593543950336", "0.12345678901234567890123456789"] {
            let number = read::<Number>(text.as_bytes(), ColumnType::NEWDECIMAL);
            assert_eq!(number, Err(ValueError::Range), "{text}");
        }
        assert_eq!(read::<Number>(b"1", ColumnType::DOUBLE), Err(ValueError::Type));
        assert_eq!(read::<Number>(b"1e3", ColumnType::NEWDECIMAL), Err(ValueError::Malformed));
    }
}
