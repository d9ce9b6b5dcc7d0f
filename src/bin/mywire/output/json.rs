//! JSON: an array, or an object on each line.

use std::collections::BTreeSet;

use mywire::Columns;
use serde::de::IgnoredAny;

use super::{Binary, Kind, Layout};
use crate::failure::Failure;

/// JSON of rows.
pub(crate) struct Json {
    binary: Binary,
    bigint_as_text: bool,
    /// One array of all rows, or a line for each.
    array: bool,
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    rows: u64,
}

impl Json {
    pub(crate) fn new(array: bool, binary: Binary, bigint_as_text: bool) -> Result<Self, Failure> {
        if binary == Binary::Raw {
            return Err(Failure::usage("JSON cannot hold raw bytes; use --binary hex or base64"));
        }
        Ok(Self { binary, bigint_as_text, array, keys: Vec::new(), rows: 0 })
    }
}

impl Layout for Json {
    fn begin(&mut self, columns: &Columns, _first: bool, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        self.keys.clear();
        self.rows = 0;
        for column in columns.iter() {
            let name = column.name();
            let mut key = Vec::new();
            write_string(name.as_bytes(), &mut key);
            key.push(b':');
            self.keys.push(key);
            if !names.insert(name.clone()) {
                return Err(Failure::work(format_args!(
                    "two columns are called `{name}`, which JSON cannot tell apart: name one by AS, \
                     or use csv"
                )));
            }
        }
        if self.array {
            out.push(b'[');
        }
        Ok(())
    }

    fn begin_row(&mut self, out: &mut Vec<u8>) {
        if self.array {
            out.extend_from_slice(if self.rows > 0 { b",\n{" } else { b"\n{" });
        } else {
            out.push(b'{');
        }
    }

    fn cell(&mut self, place: usize, kind: Kind, value: Option<&[u8]>, out: &mut Vec<u8>) {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(self.keys.get(place).map_or(b"", Vec::as_slice));
        match (kind, value) {
            (_, None) => out.extend_from_slice(b"null"),
            (Kind::BigInteger, Some(text)) if self.bigint_as_text => write_string(text, out),
            (Kind::Integer | Kind::BigInteger | Kind::Float | Kind::Bit, Some(text)) => {
                write_number(text, out);
            }
            (Kind::Bytes, Some(bytes)) => {
                out.push(b'"');
                self.binary.write(bytes, out);
                out.push(b'"');
            }
            (Kind::Json, Some(text)) => write_json(text, out),
            (Kind::Decimal | Kind::Temporal | Kind::Text, Some(text)) => write_string(text, out),
        }
    }

    fn end_row(&mut self, out: &mut Vec<u8>) {
        self.rows += 1;
        out.extend_from_slice(if self.array { b"}" } else { b"}\n" });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.array {
            out.extend_from_slice(if self.rows > 0 { b"\n]\n" } else { b"]\n" });
        }
    }
}

/// Bytes that are not UTF-8 are replaced: JSON has no others.
fn write_string(text: &[u8], out: &mut Vec<u8>) {
    // Only a writer that fails would fail, and a vector does not.
    let _ = serde_json::to_writer(out, &*String::from_utf8_lossy(text));
}

/// A number, unless it is none to JSON: ZEROFILL puts zeros in front, which are left out.
fn write_number(text: &[u8], out: &mut Vec<u8>) {
    let is_number = |text: &[u8]| serde_json::from_slice::<serde_json::Number>(text).is_ok();
    let digits =
        text.iter().position(|&byte| byte != b'0').unwrap_or_else(|| text.len().saturating_sub(1));
    let (zeros, rest) = text.split_at(digits);
    if zeros.is_empty() && text.iter().all(u8::is_ascii_digit) || is_number(text) {
        out.extend_from_slice(text);
    } else if is_number(rest) {
        out.extend_from_slice(rest);
    } else {
        write_string(text, out);
    }
}

/// The value of a JSON column as a part of ours, on one line; what is no JSON, as MariaDB allows,
/// becomes a string.
fn write_json(text: &[u8], out: &mut Vec<u8>) {
    if serde_json::from_slice::<IgnoredAny>(text).is_err() {
        return write_string(text, out);
    }
    // In strings line breaks are escaped, so these are between values.
    out.extend(text.iter().map(|&byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: fn(&[u8], &mut Vec<u8>), text: &str) -> String {
        let mut out = Vec::new();
        write(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (text, expected) in [
            ("0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1e20", "1e20"),
            ("-0", "-0"),
            ("00042", "42"),
            ("000", "0"),
            ("0.5", "0.5"),
            ("00.5", "\"00.5\""),
            ("inf", "\"inf\""),
        ] {
            assert_eq!(written(write_number, text), expected);
        }
    }

    #[test]
    fn json_stays_json_on_one_line() {
        assert_eq!(written(write_json, "{\n \"a\": [1.10]}"), "{  \"a\": [1.10]}");
        assert_eq!(written(write_json, "{a}"), "\"{a}\"");
        assert_eq!(written(write_string, "\"\u{1}\n☃"), "\"\\\"\\u0001\\n☃\"");
    }
}
