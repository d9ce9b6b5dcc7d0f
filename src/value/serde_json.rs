//! The feature `serde_json`.

use ::serde_json::Value as Json;

use super::{FromValue, Kind, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;

impl<'r> FromValue<'r> for Json {
    /// Reads JSON and any text that is JSON. NULL is an error, `Option` takes it: it is not JSON's
    /// `null`. Numbers that neither an integer of 64 bits nor an `f64` holds are rounded, as the
    /// crate does without its feature `arbitrary_precision`.
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        match value.kind() {
            Kind::Text | Kind::Bytes => {
                ::serde_json::from_slice(value.bytes()).map_err(|_| ValueError::Malformed)
            }
            _ => Err(ValueError::Type),
        }
    }
}

impl ToValue for Json {
    /// Text, which JSON columns take; to compare with one, say `CAST(? AS JSON)` on MySQL.
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::VAR_STRING))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.to_string().write(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, written};

    #[test]
    fn e73_json_is_text() {
        let json = ::serde_json::json!({"a": [1, null, "ü"], "b": 1.5});
        let text = r#"{"a":[1,null,"ü"],"b":1.5}"#;
        assert_eq!(read(text.as_bytes(), ColumnType::JSON), Ok(json.clone()));
        assert_eq!(read_binary(text.as_bytes(), ColumnType::BLOB), Ok(json.clone()));
        assert_eq!(read(b"null", ColumnType::JSON), Ok(Json::Null));
        assert_eq!(written(&json)[1..], *text.as_bytes());
        let deep = "[".repeat(1 << 20);
        for wrong in [&b""[..], b"{", b"\"\xFF\"", deep.as_bytes()] {
            assert_eq!(read::<Json>(wrong, ColumnType::JSON), Err(ValueError::Malformed));
        }
        assert_eq!(read::<Json>(b"1", ColumnType::LONG), Err(ValueError::Type));
        assert_eq!(Json::from_null(), Err(ValueError::Null));
    }
}
