//! Rows as text: delimited, JSON, or a table.

mod base64;
mod cell;
mod delimited;
mod json;
mod sink;
mod table;

use clap::ValueEnum;
use mywire::Columns;

pub(crate) use base64::is_base64;
pub(crate) use cell::{Kind, each_cell};
pub(crate) use delimited::{Delimited, Form, write_escaped};
pub(crate) use json::Json;
pub(crate) use sink::Sink;
pub(crate) use table::{Table, printable};

use crate::failure::Failure;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Csv,
    Tsv,
    Json,
    Ndjson,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Binary {
    Hex,
    Base64,
    Raw,
}

impl Binary {
    /// Appends bytes so written.
    pub(crate) fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Hex => {
                const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
                out.extend_from_slice(b"0x");
                let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or(b'?');
                out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
            }
            Self::Base64 => base64::write(bytes, out),
            Self::Raw => out.extend_from_slice(bytes),
        }
    }
}

/// What makes text of result sets. Each method appends to `out`.
pub(crate) trait Layout {
    /// A result set begins; `first` if it is the first one of the statement.
    fn begin(&mut self, columns: &Columns, first: bool, out: &mut Vec<u8>) -> Result<(), Failure>;

    fn begin_row(&mut self, out: &mut Vec<u8>);

    /// The next value of the row, from place 0 on.
    fn cell(&mut self, place: usize, kind: Kind, value: Option<&[u8]>, out: &mut Vec<u8>);

    fn end_row(&mut self, out: &mut Vec<u8>);

    /// The result set is over.
    fn end(&mut self, out: &mut Vec<u8>);

    /// The result set is left half-way: the rows that are held back are still to be written.
    fn left(&mut self, _out: &mut Vec<u8>) {}
}

/// What a text of CSV cannot hold without quotes.
pub(crate) const CSV_BREAKS: &[char] = &[',', '"', '\r', '\n'];

/// Refuses a text for NULL, which stands without quotes and escapes, that would break its record.
pub(crate) fn check_null(null: &str, breaks: &[char]) -> Result<(), Failure> {
    match null.chars().find(|letter| breaks.contains(letter)) {
        None => Ok(()),
        Some(letter) => Err(Failure::usage(format_args!(
            "--null: {letter:?} in the text of NULL would break the record; choose a text without it"
        ))),
    }
}
