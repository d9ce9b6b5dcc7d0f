//! The table's columns that the file has.

use mywire::blocking::Session;
use mywire::error::ServerError;

use crate::failure::Failure;
use crate::output::{Binary, Kind, is_base64};

/// Most columns that the names of a message are listed of.
const LISTED_COLUMNS: usize = 20;

/// ER_BAD_FIELD_ERROR: the table has no such column.
const BAD_FIELD: u16 = 1054;

/// The columns of the table that are loaded, in the file's order.
pub(crate) struct Target {
    names: Vec<String>,
    forms: Vec<Form>,
}

/// How the values of a column are written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the server takes them.
    Text,
    /// 0x and hexadecimal digits.
    Hex,
    Base64,
    /// A decimal number for a BIT column, where LOAD DATA would take the digits for bytes.
    Bits,
}

impl Target {
    /// Asks the server about the columns of these names, or about all.
    pub(crate) fn find(
        session: &mut Session,
        table: &str,
        names: &[String],
        binary: Binary,
    ) -> Result<Self, Failure> {
        let list = match names {
            [] => String::from("*"),
            names => names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", "),
        };
        let rows = session
            .query(&*format!("SELECT {list} FROM {} LIMIT 0", quote_table(table)), ())
            .map_err(|error| match error.as_server().map(ServerError::code) {
                // The first line may hold values.
                Some(BAD_FIELD) if !names.is_empty() => Failure::work(format_args!(
                    "{error} (--columns names the columns of the file, --no-header says that its \
                     first line holds values)"
                )),
                _ => Failure::from(error),
            })?;
        let names = rows.columns().iter().map(|column| column.name().into_owned()).collect();
        let form = |kind| match (kind, binary) {
            (Kind::Bytes, Binary::Hex) => Form::Hex,
            (Kind::Bytes, Binary::Base64) => Form::Base64,
            (Kind::Bit, _) => Form::Bits,
            _ => Form::Text,
        };
        let forms = Kind::all(rows.columns()).into_iter().map(form).collect();
        rows.finish()?;
        Ok(Self { names, forms })
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn form(&self, place: usize) -> Form {
        self.forms.get(place).copied().unwrap_or(Form::Text)
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// The names, for messages.
    pub(crate) fn list(&self) -> String {
        let more = if self.names.len() > LISTED_COLUMNS { ", …" } else { "" };
        let names: Vec<&str> = self.names.iter().take(LISTED_COLUMNS).map(String::as_str).collect();
        format!("{}{more}", names.join(", "))
    }

    /// What stands behind the options of LOAD DATA: the columns, and how their values are read.
    pub(crate) fn load_clause(&self) -> String {
        let (mut fields, mut set) = (Vec::new(), Vec::new());
        for (place, (name, &form)) in self.names.iter().zip(&self.forms).enumerate() {
            let name = quote(name);
            if form == Form::Text {
                fields.push(name);
                continue;
            }
            fields.push(format!("@mywire{place}"));
            set.push(format!("{name} = {}", form.expression(&format!("@mywire{place}"))));
        }
        let set = if set.is_empty() { String::new() } else { format!(" SET {}", set.join(", ")) };
        format!("({}){set}", fields.join(", "))
    }

    /// What stands behind INSERT INTO and the table.
    pub(crate) fn insert_clause(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| quote(name)).collect();
        let values: Vec<_> = self.forms.iter().map(|form| form.expression("?")).collect();
        format!("({}) VALUES ({})", names.join(", "), values.join(", "))
    }
}

impl Form {
    /// What the server makes of the value by.
    fn expression(self, value: &str) -> String {
        match self {
            Self::Text => value.to_owned(),
            Self::Hex => format!("UNHEX({value})"),
            Self::Base64 => format!("FROM_BASE64({value})"),
            Self::Bits => format!("CAST({value} AS UNSIGNED)"),
        }
    }

    /// What of the value is sent, or what it should have been: the server would make NULL, or 0, of
    /// what it cannot read.
    pub(crate) fn check(self, value: &[u8]) -> Result<&[u8], &'static str> {
        match self {
            Self::Text => Ok(value),
            Self::Hex => value
                .strip_prefix(b"0x")
                .filter(|digits| digits.len().is_multiple_of(2))
                .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                .ok_or("0x and an even number of hexadecimal digits (see --binary)"),
            Self::Base64 if is_base64(value) => Ok(value),
            Self::Base64 => Err("base 64 (see --binary)"),
            Self::Bits if is_u64(value) => Ok(value),
            Self::Bits => Err("a decimal number of at most 64 bits"),
        }
    }
}

fn is_u64(text: &[u8]) -> bool {
    let digits = text.iter().all(u8::is_ascii_digit);
    digits && std::str::from_utf8(text).is_ok_and(|text| text.parse::<u64>().is_ok())
}

/// An identifier of any letters.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `table` or `database.table`.
pub(crate) fn quote_table(name: &str) -> String {
    match name.split_once('.') {
        Some((database, table)) => format!("{}.{}", quote(database), quote(table)),
        None => quote(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t74_names_cannot_leave_their_quotes() {
        assert_eq!(quote_table("a`b.c d"), "`a``b`.`c d`");
        let target = Target {
            names: vec!["a`".into(), "b".into(), "c".into()],
            forms: vec![Form::Text, Form::Hex, Form::Bits],
        };
        assert_eq!(
            target.load_clause(),
            "(`a```, @mywire1, @mywire2) SET `b` = UNHEX(@mywire1), `c` = CAST(@mywire2 AS UNSIGNED)"
        );
        assert_eq!(
            target.insert_clause(),
            "(`a```, `b`, `c`) VALUES (?, UNHEX(?), CAST(? AS UNSIGNED))"
        );
    }

    #[test]
    fn what_the_server_would_silently_misread_is_refused() {
        assert_eq!(Form::Hex.check(b"0x0aFF"), Ok(&b"0aFF"[..]));
        assert_eq!(Form::Hex.check(b"0x"), Ok(&b""[..]));
        for wrong in ["", "0xa", "0xgg", "ab"] {
            assert!(Form::Hex.check(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Form::Bits.check(b"18446744073709551615").is_ok());
        for wrong in ["", "-1", "18446744073709551616", "b'1'"] {
            assert!(Form::Bits.check(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
