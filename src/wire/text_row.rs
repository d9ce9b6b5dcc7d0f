//! A row of the text protocol.

use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

const MESSAGE: &str = "text row";

/// A row: for each column a length-encoded string, or 0xFB for NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRow<'a> {
    payload: &'a [u8],
}

impl<'a> TextRow<'a> {
    /// Takes a payload as a row of `columns` columns, after a check that it is one.
    pub fn decode(payload: &'a [u8], columns: usize) -> Result<Self, DecodeError> {
        let mut cells = TextCells::new(payload);
        for _ in 0..columns {
            cells.next_cell()?;
        }
        cells.finish()?;
        Ok(Self { payload })
    }

    /// Appends a row's payload.
    pub fn encode<'c>(cells: impl IntoIterator<Item = Option<&'c [u8]>>, out: &mut Vec<u8>) {
        for cell in cells {
            match cell {
                Some(bytes) => out.put_lenenc_bytes(bytes),
                None => out.put_u8(0xFB),
            }
        }
    }

    /// The cells in their order; `None` is NULL.
    #[must_use]
    pub const fn cells(&self) -> TextCells<'a> {
        TextCells::new(self.payload)
    }
}

/// Walks the cells of a row. Each is checked when it is reached.
#[derive(Clone, Copy, Debug)]
pub struct TextCells<'a> {
    rest: &'a [u8],
}

impl<'a> TextCells<'a> {
    /// Starts at a row's first cell.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// The bytes not walked yet.
    #[inline(always)]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on behind a cell that a copy of this walk took, whose rest is `rest`.
    #[inline(always)]
    pub(crate) const fn resume(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// The next cell; an error when the row has none left.
    #[inline]
    pub fn next_cell(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.next_short_cell() {
            Some(cell) => Ok(Some(cell)),
            None => self.next_long_cell(),
        }
    }

    /// The next cell if it is one of the most: shorter than 251 bytes, with one byte of length.
    #[inline]
    pub(crate) fn next_short_cell(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.rest.split_first()?;
        if length > 0xFA {
            return None;
        }
        let (cell, rest) = rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        Some(cell)
    }

    /// The next cell if it has one to eight bytes, with as many of those behind it as make eight;
    /// `None`, and nothing is taken, if it is longer, shorter or NULL, or if the row ends before.
    #[inline(always)]
    pub(crate) fn next_word(&mut self) -> Option<(u8, [u8; 8])> {
        let &[length @ 1..=8, ref word @ ..] = self.rest.first_chunk::<9>()? else { return None };
        self.rest = self.rest.get(usize::from(length)..)?.get(1..)?;
        Some((length, *word))
    }

    /// The next cell's bytes together with all that stand behind it, and its length, if that is
    /// one byte; see [`next_short_cell`](Self::next_short_cell).
    #[inline(always)]
    pub(crate) fn next_short_cell_and_rest(&mut self) -> Option<(&'a [u8], usize)> {
        let (&length, from) = self.rest.split_first()?;
        if length > 0xFA {
            return None;
        }
        self.rest = from.get(usize::from(length)..)?;
        Some((from, usize::from(length)))
    }

    /// Takes the next cell if it is NULL.
    #[inline(always)]
    pub(crate) fn next_is_null(&mut self) -> bool {
        let Some((0xFB, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        true
    }

    /// The next cell, whatever it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn next_long_cell(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let mut reader = Reader::new(self.rest, MESSAGE);
        let cell = reader.lenenc_bytes_or_null()?;
        self.rest = reader.rest();
        Ok(cell)
    }

    /// Fails unless every byte of the row was walked (E-76).
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::new(MESSAGE, Malformed::TrailingBytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_every_length_class() {
        let long = vec![b'x'; 70_000];
        let middle = vec![b'y'; 251];
        let cells = [Some(&b""[..]), None, Some(b"abc"), Some(&middle), Some(&long), None];
        let mut payload = Vec::new();
        TextRow::encode(cells, &mut payload);
        let row = TextRow::decode(&payload, cells.len()).unwrap();
        let mut walk = row.cells();
        for cell in cells {
            assert_eq!(walk.next_cell(), Ok(cell));
        }
        walk.finish().unwrap();
    }

    #[test]
    fn e76_shorter_and_longer_rows_are_errors() {
        let mut payload = Vec::new();
        TextRow::encode([Some(&b"abc"[..]), None], &mut payload);
        assert_eq!(TextRow::decode(&payload, 3).unwrap_err().malformed, Malformed::Truncated);
        assert_eq!(TextRow::decode(&payload, 1).unwrap_err().malformed, Malformed::TrailingBytes);
        for length in 0..payload.len() {
            assert!(TextRow::decode(&payload[..length], 2).is_err());
        }
        assert!(TextRow::decode(&[0xFF], 1).is_err());
    }
}
