//! A table for people.

use mywire::Columns;
use unicode_width::UnicodeWidthStr;

use super::{Binary, Kind, Layout};
use crate::failure::Failure;

/// Rows that are held until the widths of the columns are known.
const FIRST_ROWS: usize = 500;

/// Most bytes held for them, so that memory stays flat with large values.
const FIRST_BYTES: usize = 1 << 20;

/// Columns of the width that their first rows have; a value that is wider moves its line.
pub(crate) struct Table {
    null: String,
    header: bool,
    binary: Binary,
    names: Vec<String>,
    kinds: Vec<Kind>,
    widths: Vec<usize>,
    row: Vec<String>,
    /// The first rows, until the widths are known.
    first: Option<Vec<Vec<String>>>,
    held: usize,
    rows: u64,
}

impl Table {
    pub(crate) fn new(null: Option<String>, header: bool, binary: Binary) -> Self {
        Self {
            null: null.unwrap_or_else(|| String::from("NULL")),
            header,
            binary,
            names: Vec::new(),
            kinds: Vec::new(),
            widths: Vec::new(),
            row: Vec::new(),
            first: None,
            held: 0,
            rows: 0,
        }
    }

    /// Sets the widths, and writes what was held for them.
    fn fix_widths(&mut self, out: &mut Vec<u8>) {
        let Some(rows) = self.first.take() else { return };
        let names: &[Vec<String>] = std::slice::from_ref(&self.names);
        let header = if self.header { names } else { &[] };
        self.widths = vec![0; self.names.len()];
        for row in header.iter().chain(&rows) {
            for (width, text) in self.widths.iter_mut().zip(row) {
                *width = text.width().max(*width);
            }
        }
        if self.header {
            self.rule(out);
            self.line(&self.names, true, out);
        }
        self.rule(out);
        for row in &rows {
            self.line(row, false, out);
        }
    }

    fn line(&self, row: &[String], names: bool, out: &mut Vec<u8>) {
        for ((text, width), kind) in row.iter().zip(&self.widths).zip(&self.kinds) {
            let padding = width.saturating_sub(text.width());
            let left = if kind.is_number() && !names { padding } else { 0 };
            out.extend_from_slice(b"| ");
            out.extend(std::iter::repeat_n(b' ', left));
            out.extend_from_slice(text.as_bytes());
            out.extend(std::iter::repeat_n(b' ', padding - left));
            out.push(b' ');
        }
        out.extend_from_slice(b"|\n");
    }

    fn rule(&self, out: &mut Vec<u8>) {
        for width in &self.widths {
            out.push(b'+');
            out.extend(std::iter::repeat_n(b'-', width + 2));
        }
        out.extend_from_slice(b"+\n");
    }
}

impl Layout for Table {
    fn begin(&mut self, columns: &Columns, first: bool, out: &mut Vec<u8>) -> Result<(), Failure> {
        if !first {
            out.push(b'\n');
        }
        self.names = columns.iter().map(|column| printable(&column.name())).collect();
        self.kinds = Kind::all(columns);
        self.first = Some(Vec::new());
        (self.held, self.rows) = (0, 0);
        Ok(())
    }

    fn begin_row(&mut self, _out: &mut Vec<u8>) {
        self.row.clear();
    }

    fn cell(&mut self, _place: usize, kind: Kind, value: Option<&[u8]>, _out: &mut Vec<u8>) {
        let text = match value {
            None => self.null.clone(),
            Some(bytes) if kind == Kind::Bytes && self.binary != Binary::Raw => {
                let mut text = Vec::new();
                self.binary.write(bytes, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
            Some(text) => printable(&String::from_utf8_lossy(text)),
        };
        self.held += text.len();
        self.row.push(text);
    }

    fn end_row(&mut self, out: &mut Vec<u8>) {
        self.rows += 1;
        let Some(first) = &mut self.first else { return self.line(&self.row, false, out) };
        first.push(std::mem::take(&mut self.row));
        if first.len() >= FIRST_ROWS || self.held >= FIRST_BYTES {
            self.fix_widths(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.fix_widths(out);
        self.rule(out);
        let rows = if self.rows == 1 { "row" } else { "rows" };
        out.extend_from_slice(format!("{} {rows}\n", self.rows).as_bytes());
    }

    fn left(&mut self, out: &mut Vec<u8>) {
        self.fix_widths(out);
    }
}

/// A terminal obeys control characters, also those that turn the direction of writing, and these
/// come from a database.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(is_obeyed) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut printable, letter| {
        match is_obeyed(letter) {
            true => printable.extend(letter.escape_default()),
            false => printable.push(letter),
        }
        printable
    })
}

fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_gets_through() {
        assert_eq!(printable("a\tb\u{1b}[31m\u{9b}é"), "a\\tb\\u{1b}[31m\\u{9b}é");
        assert_eq!(printable("a\u{202e}b\u{2066}\u{2069}"), "a\\u{202e}b\\u{2066}\\u{2069}");
    }
}
