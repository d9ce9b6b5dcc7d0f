//! CSV and TSV.

use mywire::Columns;

use super::{Binary, Kind, Layout};
use crate::failure::Failure;

/// How values are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 4180, where NULL is what is not quoted: by default nothing at all, while an empty text is
    /// `""`.
    Csv,
    /// What `mysql --batch` writes and LOAD DATA reads, with `\N` for NULL.
    Tsv,
}

/// Rows as lines, values with a separator between them.
pub(crate) struct Delimited {
    form: Form,
    null: Vec<u8>,
    header: bool,
    binary: Binary,
    /// Bytes as text, which can be the text of NULL as well.
    encoded: Vec<u8>,
}

impl Delimited {
    pub(crate) const fn new(form: Form, null: Vec<u8>, header: bool, binary: Binary) -> Self {
        Self { form, null, header, binary, encoded: Vec::new() }
    }

    fn separate(&self, place: usize, out: &mut Vec<u8>) {
        if place > 0 {
            out.push(match self.form {
                Form::Csv => b',',
                Form::Tsv => b'\t',
            });
        }
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.form {
            Form::Csv => write_quoted(text, &self.null, out),
            Form::Tsv => write_escaped(text, out),
        }
    }

    /// Whether a value of this kind can need quotes or escapes.
    fn is_text(&self, kind: Kind) -> bool {
        kind.is_free_text() || (self.form == Form::Csv && !self.null.is_empty())
    }
}

impl Layout for Delimited {
    fn begin(&mut self, columns: &Columns, first: bool, out: &mut Vec<u8>) -> Result<(), Failure> {
        if !first {
            out.push(b'\n');
        }
        if self.header {
            for (place, column) in columns.iter().enumerate() {
                self.separate(place, out);
                self.text(column.name_bytes(), out);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn begin_row(&mut self, _out: &mut Vec<u8>) {}

    fn cell(&mut self, place: usize, kind: Kind, value: Option<&[u8]>, out: &mut Vec<u8>) {
        self.separate(place, out);
        match value {
            None => out.extend_from_slice(&self.null),
            Some(bytes) if kind == Kind::Bytes && self.binary != Binary::Raw => {
                self.encoded.clear();
                self.binary.write(bytes, &mut self.encoded);
                self.text(&self.encoded, out);
            }
            Some(text) if self.is_text(kind) => self.text(text, out),
            Some(text) => out.extend_from_slice(text),
        }
    }

    fn end_row(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// Appends text in quotes where RFC 4180 wants them, and where it could be taken for NULL.
fn write_quoted(text: &[u8], null: &[u8], out: &mut Vec<u8>) {
    // Without a way out of the loop it looks at many bytes at a time.
    let special = text.iter().fold(false, |special, byte| {
        special | (*byte == b',') | (*byte == b'"') | (*byte == b'\n') | (*byte == b'\r')
    });
    if !special && text != null && !text.is_empty() {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for (place, piece) in text.split(|&byte| byte == b'"').enumerate() {
        if place > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece);
    }
    out.push(b'"');
}

/// Appends text with the escapes of `mysql --batch` and LOAD DATA.
pub(crate) fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| b"\t\n\r\0\\".contains(byte)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (letter, behind) = match special.split_first() {
            Some((b'\t', behind)) => (b't', behind),
            Some((b'\n', behind)) => (b'n', behind),
            Some((b'\r', behind)) => (b'r', behind),
            Some((0, behind)) => (b'0', behind),
            Some((_, behind)) => (b'\\', behind),
            None => break,
        };
        out.extend_from_slice(&[b'\\', letter]);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_never_taken_for_a_text() {
        let write = |null: &str, values: &[Option<&str>]| {
            let mut csv = Delimited::new(Form::Csv, null.into(), true, Binary::Hex);
            let mut out = Vec::new();
            for (place, value) in values.iter().enumerate() {
                csv.cell(place, Kind::Text, value.map(str::as_bytes), &mut out);
            }
            String::from_utf8(out).unwrap()
        };
        let values =
            [None, Some(""), Some("\\N"), Some("a\"b"), Some("c,d"), Some("e\nf"), Some("é")];
        assert_eq!(write("", &values), ",\"\",\\N,\"a\"\"b\",\"c,d\",\"e\nf\",é");
        assert_eq!(write("\\N", &values), "\\N,\"\",\"\\N\",\"a\"\"b\",\"c,d\",\"e\nf\",é");
    }

    #[test]
    fn tsv_escapes_what_load_data_understands() {
        let mut out = Vec::new();
        write_escaped(b"a\tb\nc\\d\0e\rf", &mut out);
        assert_eq!(out, b"a\\tb\\nc\\\\d\\0e\\rf");
    }
}
