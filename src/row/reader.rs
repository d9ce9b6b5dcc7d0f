//! A row read value by value.

use std::fmt;

use super::{Cells, Row};
use crate::error::Result;
use crate::value::FromValue;

/// Reads a row's values one after the other; see [`Row::reader`].
#[derive(Clone, Copy)]
pub struct RowReader<'r> {
    cells: Cells<'r>,
}

impl<'r> RowReader<'r> {
    pub(super) fn new(row: Row<'r>) -> Self {
        Self { cells: row.cells() }
    }

    /// Reads the next value. Fails if it does not fit the type, and goes on behind it all the same;
    /// or if there is none.
    #[inline]
    pub fn read<T: FromValue<'r>>(&mut self) -> Result<T> {
        let left = self.cells.infos.len();
        self.cells.read().inspect_err(|_| self.resume(left))
    }

    /// Goes past the next value, whatever it is.
    pub fn skip(&mut self) -> Result<()> {
        self.cells.skip()
    }

    /// How many values are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.cells.infos.len()
    }

    /// Fails if the row's bytes do not end where its last value does. Values that are left are not
    /// looked at, but for their form.
    pub fn finish(mut self) -> Result<()> {
        while self.left() > 0 {
            self.skip()?;
        }
        self.cells.finish()
    }

    /// Goes behind the value that could not be read when `left` values were left.
    #[cold]
    fn resume(&mut self, left: usize) {
        self.cells = self.cells.row.cells();
        // A row that ends before stays there, and fails again.
        while self.left() >= left.max(1) && self.skip().is_ok() {}
    }
}

impl fmt::Debug for RowReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader").field("left", &self.left()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::columns::Columns;
    use crate::error::{Error, UsageError, ValueError};
    use crate::value::Format;
    use crate::wire::{ColumnDefinition, ColumnFlags, ColumnType, ExtendedMetadata, TextRow};

    fn columns(types: &[ColumnType]) -> Arc<Columns> {
        let mut columns = Columns::default();
        for &column_type in types {
            columns.push(&ColumnDefinition {
                catalog: b"def",
                schema: b"",
                table: b"",
                org_table: b"",
                name: b"c",
                org_name: b"",
                extended: ExtendedMetadata::default(),
                collation: 45,
                length: 5,
                column_type,
                flags: ColumnFlags::default(),
                decimals: 0,
            });
        }
        Arc::new(columns)
    }

    fn text_row(cells: &[Option<&[u8]>]) -> Vec<u8> {
        let mut payload = Vec::new();
        TextRow::encode(cells.iter().copied(), &mut payload);
        payload
    }

    #[test]
    fn values_that_do_not_fit_are_skipped() {
        let types = [ColumnType::LONG, ColumnType::VAR_STRING, ColumnType::LONG];
        let columns = columns(&types);
        let payload = text_row(&[Some(b"300"), None, Some(b"7")]);
        let mut reader = Row::new(&payload, &columns, Format::Text).reader();
        let reason = |error| match error {
            Error::Column(error) => (error.index(), error.reason()),
            other => panic!("{other}"),
        };
        assert_eq!(reason(reader.read::<u8>().unwrap_err()), (0, ValueError::Range));
        assert_eq!(reader.left(), 2);
        assert_eq!(reason(reader.read::<&str>().unwrap_err()), (1, ValueError::Null));
        assert_eq!(reader.read::<u8>().unwrap(), 7);
        assert!(matches!(
            reader.read::<u8>(),
            Err(Error::Usage(UsageError::NoSuchIndex { index: 3, columns: 3 }))
        ));
        reader.finish().unwrap();
    }

    #[test]
    fn e76_rows_of_another_length_are_errors() {
        let columns = columns(&[ColumnType::LONG; 2]);
        let payload = text_row(&[Some(b"1")]);
        let mut reader = Row::new(&payload, &columns, Format::Text).reader();
        assert_eq!(reader.read::<u8>().unwrap(), 1);
        for _ in 0..2 {
            assert!(reader.read::<u8>().is_err());
            assert!(reader.skip().is_err());
        }
        assert!(reader.finish().is_err());
        let payload = text_row(&[Some(b"1"), Some(b"2"), Some(b"3")]);
        assert!(Row::new(&payload, &columns, Format::Text).reader().finish().is_err());
    }
}
