//! A row of the binary protocol.

use super::code::ColumnType;
use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

const MESSAGE: &str = "binary row";

/// The first byte of a row.
pub const ROW: u8 = 0x00;

/// The bits of a NULL bitmap that rows leave unused in front of the first column's.
const BITMAP_OFFSET: usize = 2;

/// How the values of a column are laid out in binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// That many bytes: 1, 2, 4 or 8.
    Fixed(u8),
    /// A byte of length, 0 to 12, and as many bytes.
    Temporal,
    /// A length-encoded string.
    LengthEncoded,
    /// Nothing: the column is always NULL.
    Nothing,
    /// Not known: nothing behind such a value can be found.
    Unknown,
}

impl Layout {
    /// The layout of a column type's values.
    #[must_use]
    pub const fn of(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::TINY | ColumnType::BOOL => Self::Fixed(1),
            ColumnType::SHORT | ColumnType::YEAR => Self::Fixed(2),
            ColumnType::LONG | ColumnType::INT24 | ColumnType::FLOAT => Self::Fixed(4),
            ColumnType::LONGLONG | ColumnType::DOUBLE => Self::Fixed(8),
            ColumnType::DATE
            | ColumnType::NEWDATE
            | ColumnType::TIME
            | ColumnType::DATETIME
            | ColumnType::TIMESTAMP => Self::Temporal,
            ColumnType::DECIMAL
            | ColumnType::NEWDECIMAL
            | ColumnType::VARCHAR
            | ColumnType::VAR_STRING
            | ColumnType::STRING
            | ColumnType::BIT
            | ColumnType::VECTOR
            | ColumnType::JSON
            | ColumnType::ENUM
            | ColumnType::SET
            | ColumnType::TINY_BLOB
            | ColumnType::MEDIUM_BLOB
            | ColumnType::LONG_BLOB
            | ColumnType::BLOB
            | ColumnType::GEOMETRY => Self::LengthEncoded,
            ColumnType::NULL => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

/// A row: a NULL bitmap, then the values that are not NULL, each in its column's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinaryRow<'a> {
    payload: &'a [u8],
}

impl<'a> BinaryRow<'a> {
    /// Takes a payload as a row of columns of these layouts, after a check that it is one.
    pub fn decode(payload: &'a [u8], layouts: &[Layout]) -> Result<Self, DecodeError> {
        let mut cells = BinaryCells::new(payload, layouts.len())?;
        for &layout in layouts {
            cells.next_cell(layout)?;
        }
        cells.finish()?;
        Ok(Self { payload })
    }

    /// Appends a row's payload. Each cell is the value's bytes without a length.
    pub fn encode<'c>(
        cells: impl ExactSizeIterator<Item = (Layout, Option<&'c [u8]>)> + Clone,
        out: &mut Vec<u8>,
    ) {
        out.put_u8(ROW);
        let bitmap = out.len();
        out.resize(bitmap.saturating_add(bitmap_len(cells.len())), 0);
        for (index, (_, cell)) in cells.clone().enumerate() {
            let (byte, mask) = bit(index);
            if let (None, Some(byte)) = (cell, out.get_mut(bitmap.saturating_add(byte))) {
                *byte |= mask;
            }
        }
        for (layout, cell) in cells {
            let Some(cell) = cell else { continue };
            match layout {
                Layout::Temporal => out.put_u8(u8::try_from(cell.len()).unwrap_or(u8::MAX)),
                Layout::LengthEncoded | Layout::Unknown => {
                    out.put_lenenc_bytes(cell);
                    continue;
                }
                Layout::Fixed(_) | Layout::Nothing => {}
            }
            out.extend_from_slice(cell);
        }
    }

    /// The cells in their order.
    pub fn cells(&self, columns: usize) -> Result<BinaryCells<'a>, DecodeError> {
        BinaryCells::new(self.payload, columns)
    }
}

/// Walks the cells of a row. Each is checked when it is reached.
#[derive(Clone, Copy, Debug)]
pub struct BinaryCells<'a> {
    bitmap: &'a [u8],
    rest: &'a [u8],
    index: usize,
}

impl<'a> BinaryCells<'a> {
    /// Starts at a row's first cell.
    #[inline(always)]
    pub fn new(payload: &'a [u8], columns: usize) -> Result<Self, DecodeError> {
        let error = |malformed| DecodeError::new(MESSAGE, malformed);
        let (&header, rest) = payload.split_first().ok_or_else(|| error(Malformed::Truncated))?;
        if header != ROW {
            return Err(error(Malformed::Header(header)));
        }
        let (bitmap, rest) = rest
            .split_at_checked(bitmap_len(columns))
            .ok_or_else(|| error(Malformed::Truncated))?;
        Ok(Self { bitmap, rest, index: 0 })
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
        self.index = self.index.saturating_add(1);
    }

    /// The next cell's bytes without their length; `None` is NULL.
    #[inline(always)]
    pub fn next_cell(&mut self, layout: Layout) -> Result<Option<&'a [u8]>, DecodeError> {
        let (byte, mask) = bit(self.index);
        self.index = self.index.saturating_add(1);
        match self.bitmap.get(byte) {
            Some(bits) if bits & mask == 0 => {}
            Some(_) => return Ok(None),
            None => return Err(DecodeError::new(MESSAGE, Malformed::Truncated)),
        }
        match layout {
            Layout::Fixed(length) => self.take(usize::from(length)).map(Some),
            Layout::LengthEncoded => self.take_length_encoded().map(Some),
            Layout::Temporal => {
                let length = self.take(1)?.first().copied().unwrap_or_default();
                self.take(usize::from(length)).map(Some)
            }
            Layout::Nothing => Ok(None),
            Layout::Unknown => Err(DecodeError::new(MESSAGE, Malformed::Field("column type"))),
        }
    }

    /// Takes the next cell if it is NULL.
    #[inline(always)]
    pub(crate) fn next_is_null(&mut self) -> bool {
        let (byte, mask) = bit(self.index);
        let null = self.bitmap.get(byte).is_some_and(|bits| bits & mask != 0);
        if null {
            self.index = self.index.saturating_add(1);
        }
        null
    }

    /// The next cell, which is `N` bytes wide; `None`, and nothing is taken, if it is NULL or the
    /// row ends before.
    #[inline(always)]
    pub(crate) fn next_fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (byte, mask) = bit(self.index);
        if self.bitmap.get(byte)? & mask != 0 {
            return None;
        }
        let (cell, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        self.index = self.index.saturating_add(1);
        Some(*cell)
    }

    /// The bytes of the next cell, which is a date or a time; `None`, and nothing is taken, if it is
    /// NULL or the row ends before.
    #[inline(always)]
    pub(crate) fn next_temporal(&mut self) -> Option<&'a [u8]> {
        let (byte, mask) = bit(self.index);
        if self.bitmap.get(byte)? & mask != 0 {
            return None;
        }
        let (&length, rest) = self.rest.split_first()?;
        let (cell, rest) = rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        self.index = self.index.saturating_add(1);
        Some(cell)
    }

    /// The bytes of the next cell, which is a string, together with all that stand behind it, and
    /// its length, if that is one byte; `None`, and nothing is taken, otherwise.
    #[inline(always)]
    pub(crate) fn next_short_cell_and_rest(&mut self) -> Option<(&'a [u8], usize)> {
        let (byte, mask) = bit(self.index);
        if self.bitmap.get(byte)? & mask != 0 {
            return None;
        }
        let (&length, from) = self.rest.split_first()?;
        if length > 0xFA {
            return None;
        }
        self.rest = from.get(usize::from(length)..)?;
        self.index = self.index.saturating_add(1);
        Some((from, usize::from(length)))
    }

    /// Fails unless every byte of the row was walked (E-76).
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(DecodeError::new(MESSAGE, Malformed::TrailingBytes))
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((cell, rest)) => {
                self.rest = rest;
                Ok(cell)
            }
            None => Err(DecodeError::new(MESSAGE, Malformed::Truncated)),
        }
    }

    #[inline]
    fn take_length_encoded(&mut self) -> Result<&'a [u8], DecodeError> {
        if let Some((&length @ 0..=0xFA, rest)) = self.rest.split_first()
            && let Some((cell, rest)) = rest.split_at_checked(usize::from(length))
        {
            self.rest = rest;
            return Ok(cell);
        }
        let mut reader = Reader::new(self.rest, MESSAGE);
        let cell = reader.lenenc_bytes()?;
        self.rest = reader.rest();
        Ok(cell)
    }
}

/// The length of a row's NULL bitmap, in bytes.
#[must_use]
pub const fn bitmap_len(columns: usize) -> usize {
    columns.saturating_add(BITMAP_OFFSET + 7) / 8
}

/// Whether a row's NULL bitmap has this column's bit set.
#[must_use]
pub fn is_null(bitmap: &[u8], column: usize) -> bool {
    let (byte, mask) = bit(column);
    bitmap.get(byte).is_some_and(|bits| bits & mask != 0)
}

/// The byte and the bit of a column in a row's NULL bitmap.
const fn bit(column: usize) -> (usize, u8) {
    let bit = column.saturating_add(BITMAP_OFFSET);
    (bit / 8, 1 << (bit % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(cells: &[(Layout, Option<&[u8]>)]) -> Vec<u8> {
        let mut out = Vec::new();
        BinaryRow::encode(cells.iter().copied(), &mut out);
        out
    }

    #[test]
    fn e61_null_bits_around_the_byte_boundaries() {
        for columns in 0..=20 {
            for null in 0..columns {
                let cells: Vec<(Layout, Option<&[u8]>)> = (0..columns)
                    .map(|column| (Layout::Fixed(1), (column != null).then_some(&[7][..])))
                    .collect();
                let payload = encoded(&cells);
                assert_eq!(payload.len(), 1 + (columns + 9) / 8 + columns - 1);
                let mut walk = BinaryCells::new(&payload, columns).unwrap();
                for &(layout, cell) in &cells {
                    assert_eq!(walk.next_cell(layout), Ok(cell), "{columns} columns, {null} NULL");
                }
                walk.finish().unwrap();
            }
        }
    }

    #[test]
    fn cells_of_every_layout_round_trip() {
        let long = vec![b'x'; 70_000];
        let cells = [
            (Layout::Fixed(8), Some(&[1, 2, 3, 4, 5, 6, 7, 8][..])),
            (Layout::Temporal, Some(&[][..])),
            (Layout::Temporal, Some(&[0; 11][..])),
            (Layout::LengthEncoded, Some(&long[..])),
            (Layout::LengthEncoded, None),
            (Layout::Nothing, None),
            (Layout::Fixed(2), Some(&[9, 9][..])),
        ];
        let payload = encoded(&cells);
        let layouts = cells.map(|(layout, _)| layout);
        let row = BinaryRow::decode(&payload, &layouts).unwrap();
        let mut walk = row.cells(cells.len()).unwrap();
        for (layout, cell) in cells {
            assert_eq!(walk.next_cell(layout), Ok(cell));
        }
        walk.finish().unwrap();
    }

    #[test]
    fn e76_shorter_and_longer_rows_are_errors() {
        let layouts = [Layout::Fixed(4), Layout::LengthEncoded, Layout::Temporal];
        let payload = encoded(&[
            (layouts[0], Some(&[1, 2, 3, 4])),
            (layouts[1], Some(b"abc")),
            (layouts[2], Some(&[0; 7])),
        ]);
        assert!(BinaryRow::decode(&payload, &layouts).is_ok());
        for length in 0..payload.len() {
            assert!(BinaryRow::decode(&payload[..length], &layouts).is_err(), "length {length}");
        }
        let longer = [&payload[..], &[0]].concat();
        let error = BinaryRow::decode(&longer, &layouts).unwrap_err();
        assert_eq!(error.malformed, Malformed::TrailingBytes);
        assert!(BinaryRow::decode(&[1, 0], &[]).is_err());
    }

    #[test]
    fn e77_an_unknown_type_is_not_guessed() {
        let layouts = [Layout::of(ColumnType(200))];
        let payload = encoded(&[(Layout::LengthEncoded, Some(b"x"))]);
        assert!(BinaryRow::decode(&payload, &layouts).is_err());
    }
}
