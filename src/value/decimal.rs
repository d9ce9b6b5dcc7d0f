//! DECIMAL without loss: the digits as they are.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::{FromValue, Kind, RawValue};
use crate::error::ValueError;

/// The most digits of a DECIMAL on any server.
const MAX_DIGITS: usize = 65;

/// A DECIMAL: up to 65 digits, kept as text. `1.50` stays `1.50`, and equals `1.5`.
///
/// It does no arithmetic; the features for decimal crates do.
#[derive(Clone, Debug)]
pub struct Decimal {
    text: Box<str>,
}

impl Decimal {
    /// The digits with their sign and point.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Sign, digits in front of the point without leading zeros, digits behind it without trailing
    /// ones: what makes two values equal.
    fn parts(&self) -> (bool, &str, &str) {
        let digits = self.text.strip_prefix('-').unwrap_or(&self.text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        (self.text.starts_with('-') && !zero, whole, fraction)
    }
}

impl FromStr for Decimal {
    type Err = ValueError;

    /// Reads an optional `-`, digits, and an optional point with digits; at least one digit and at
    /// most 65.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        // Longer than any: not looked at (T-37).
        if text.len() > MAX_DIGITS + 3 {
            return Err(ValueError::Range);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let count = whole.len() + fraction.len();
        if count == 0 || !is_number(whole) || !is_number(fraction) {
            return Err(ValueError::Malformed);
        }
        // A zero in front of the point is none of the 65.
        if whole.trim_start_matches('0').len() + fraction.len() > MAX_DIGITS {
            return Err(ValueError::Range);
        }
        Ok(Self { text: text.into() })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (negative, whole, fraction) = self.parts();
        let (other_negative, other_whole, other_fraction) = other.parts();
        let magnitude =
            (whole.len(), whole, fraction).cmp(&(other_whole.len(), other_whole, other_fraction));
        match (negative, other_negative) {
            (false, false) => magnitude,
            (true, true) => magnitude.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

macro_rules! from_integers {
    ($($int:ty),+) => {
        $(impl From<$int> for Decimal {
            fn from(number: $int) -> Self {
                Self { text: number.to_string().into() }
            }
        })+
    };
}

from_integers! { i8, i16, i32, i64, i128, u8, u16, u32, u64, u128 }

impl<'r> FromValue<'r> for Decimal {
    /// Reads a DECIMAL, or an integer.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Decimal => {
                std::str::from_utf8(value.bytes()).map_err(|_| ValueError::Malformed)?.parse()
            }
            Kind::Integer => i128::from_value(value).map(Self::from),
            _ => Err(ValueError::Type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn e79_every_form_and_no_more_than_65_digits() {
        for text in ["0", "-0.00", "1.50", "-.5", "5.", "00012.30"] {
            assert_eq!(decimal(text).as_str(), text);
        }
        let most = "9".repeat(65);
        assert_eq!(decimal(&most).as_str(), most);
        assert_eq!(decimal(&format!("-0.{}", "1".repeat(65))).to_string().len(), 68);
        for text in ["", "-", ".", "1e3", "+1", "1.2.3", "0x1", "1 ", "١"] {
            assert_eq!(text.parse::<Decimal>(), Err(ValueError::Malformed), "{text}");
        }
        assert_eq!("9".repeat(66).parse::<Decimal>(), Err(ValueError::Range));
        assert_eq!("9".repeat(10 << 20).parse::<Decimal>(), Err(ValueError::Range));
    }

    /// A set finds a value in every form that is equal to it.
    #[test]
    fn equal_values_have_equal_hashes() {
        let set = std::collections::HashSet::from(["1.50", "-0.00", "-7", "120"].map(decimal));
        for same in ["1.5", "01.500", "0", "-0", "-07.0", "120.00"] {
            assert!(set.contains(&decimal(same)), "{same}");
        }
        for other in ["-1.5", "15", "7", "12", "1200"] {
            assert!(!set.contains(&decimal(other)), "{other}");
        }
    }

    #[test]
    fn equal_values_are_equal_and_in_order() {
        assert_eq!(decimal("1.50"), decimal("01.5"));
        assert_eq!(decimal("-0.00"), decimal("0"));
        assert_eq!(decimal("120"), Decimal::from(120_u8));
        let mut list: Vec<Decimal> =
            ["10", "9.99", "-1", "-10", "0.05", "0.5", "-0.5", "9.9"].map(decimal).to_vec();
        list.sort();
        let sorted: Vec<&str> = list.iter().map(Decimal::as_str).collect();
        assert_eq!(sorted, ["-10", "-1", "-0.5", "0.05", "0.5", "9.9", "9.99", "10"]);
    }
}
