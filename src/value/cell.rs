//! The cells of a row, one after the other, on their way to typed values.

use super::{Format, FromValue, RawValue, utf8};
use crate::columns::ColumnInfo;
use crate::error::ValueError;
use crate::wire::DecodeError;
use crate::wire::binary_row::{BinaryCells, Layout};
use crate::wire::text_row::TextCells;

/// The longest piece of a row that is checked as UTF-8 at once, in bytes: what a string that is not
/// UTF-8 behind a good one can cost in vain.
const CHECKED_AT_ONCE: usize = 1024;

/// Why a cell could not be read, in a byte, so that a good value travels in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellFault {
    /// The row ends, or what follows is no cell.
    NoCell,
    Value(ValueError),
}

impl From<ValueError> for CellFault {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

/// Walks the cells of a text row.
#[derive(Clone, Copy, Debug)]
pub struct TextWalk<'r> {
    pub(crate) cells: TextCells<'r>,
    checked: Checked<'r>,
}

/// Walks the cells of a binary row.
#[derive(Clone, Copy, Debug)]
pub struct BinaryWalk<'r> {
    pub(crate) cells: BinaryCells<'r>,
    checked: Checked<'r>,
}

impl<'r> TextWalk<'r> {
    /// Starts at a row's first cell; the columns from the one at `text_from` on are text.
    #[inline(always)]
    pub(crate) fn new(payload: &'r [u8], text_from: usize) -> Self {
        Self { cells: TextCells::new(payload), checked: Checked::new(text_from) }
    }

    /// Reads the next cell, whatever it is.
    #[inline(always)]
    pub(crate) fn read<T: FromValue<'r>>(&mut self, info: &'r ColumnInfo) -> Result<T, CellFault> {
        // By value and back, so that the walk can stay in registers around it.
        let (value, rest) = Self::read_apart(self.cells, info);
        self.cells.resume(rest);
        value
    }

    #[inline(never)]
    fn read_apart<T: FromValue<'r>>(
        mut cells: TextCells<'r>,
        info: &'r ColumnInfo,
    ) -> (Result<T, CellFault>, &'r [u8]) {
        let value = match cells.next_cell() {
            Ok(Some(bytes)) => T::from_value(RawValue::new(bytes, info, Format::Text)),
            Ok(None) => T::from_null(),
            Err(_) => return (Err(CellFault::NoCell), cells.rest()),
        };
        (value.map_err(CellFault::Value), cells.rest())
    }

    /// Reads the next cell as UTF-8 if it is one of the most: shorter than 251 bytes.
    #[inline(always)]
    pub(crate) fn short_text(&mut self, info: &ColumnInfo) -> Option<Result<&'r str, CellFault>> {
        let (from, length) = self.cells.next_short_cell_and_rest()?;
        Some(self.checked.text(from, length, info).ok_or(CellFault::Value(ValueError::Utf8)))
    }
}

impl<'r> BinaryWalk<'r> {
    /// Starts at a row's first cell; the columns from the one at `text_from` on are text.
    #[inline(always)]
    pub(crate) fn new(
        payload: &'r [u8],
        columns: usize,
        text_from: usize,
    ) -> Result<Self, DecodeError> {
        let cells = BinaryCells::new(payload, columns)?;
        Ok(Self { cells, checked: Checked::new(text_from) })
    }

    /// Reads the next cell, whatever it is.
    #[inline(always)]
    pub(crate) fn read<T: FromValue<'r>>(&mut self, info: &'r ColumnInfo) -> Result<T, CellFault> {
        // By value and back, so that the walk can stay in registers around it.
        let (value, rest) = Self::read_apart(self.cells, info);
        self.cells.resume(rest);
        value
    }

    #[inline(never)]
    fn read_apart<T: FromValue<'r>>(
        mut cells: BinaryCells<'r>,
        info: &'r ColumnInfo,
    ) -> (Result<T, CellFault>, &'r [u8]) {
        let value = match cells.next_cell(info.layout) {
            Ok(Some(bytes)) => T::from_value(RawValue::new(bytes, info, Format::Binary)),
            Ok(None) => T::from_null(),
            Err(_) => return (Err(CellFault::NoCell), cells.rest()),
        };
        (value.map_err(CellFault::Value), cells.rest())
    }

    /// Reads the next cell as UTF-8 if it is a string shorter than 251 bytes.
    #[inline(always)]
    pub(crate) fn short_text(&mut self, info: &ColumnInfo) -> Option<Result<&'r str, CellFault>> {
        if info.layout != Layout::LengthEncoded {
            return None;
        }
        let (from, length) = self.cells.next_short_cell_and_rest()?;
        Some(self.checked.text(from, length, info).ok_or(CellFault::Value(ValueError::Utf8)))
    }
}

/// What of a row is known to be UTF-8.
///
/// Where only text follows, the rest of a row is checked at once, for a check of many short strings
/// costs several times as much. The lengths between the strings are ASCII as long as they are
/// below 128; otherwise, or if another part of the rest is no text, each string is checked by
/// itself.
#[derive(Clone, Copy, Debug)]
struct Checked<'r> {
    /// The row from some cell on.
    tail: &'r str,
    /// The first column behind which there is only text.
    text_from: usize,
}

impl<'r> Checked<'r> {
    #[inline(always)]
    const fn new(text_from: usize) -> Self {
        Self { tail: "", text_from }
    }

    /// The first `length` bytes of `from`, which is the row from a cell of this column on.
    #[inline(always)]
    fn text(&mut self, from: &'r [u8], length: usize, info: &ColumnInfo) -> Option<&'r str> {
        if self.tail.len() < from.len()
            && info.place >= self.text_from
            && (length + 1..=CHECKED_AT_ONCE).contains(&from.len())
        {
            match utf8::text(from) {
                Some(tail) => self.tail = tail,
                None => self.text_from = usize::MAX,
            }
        }
        if let Some(start) = self.tail.len().checked_sub(from.len())
            && !self.tail.is_empty()
        {
            // Not at all if a character goes over its end.
            return self.tail.get(start..start + length);
        }
        utf8::text(from.get(..length)?)
    }
}
