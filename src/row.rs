//! Rows: lent from the read buffer, or owned.

#[cfg(feature = "serde")]
mod deserialize;
mod reader;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use reader::RowReader;

use crate::columns::{ColumnInfo, Columns, type_name};
use crate::error::{ColumnError, Error, Result, UsageError, ValueError};
use crate::value::{BinaryWalk, CellFault, Format, FromValue, RawValue, TextWalk};

/// A row of a result set, lent from the read buffer.
///
/// It is a few words: nothing was copied, and nothing was decoded yet. Values borrow `'r`, the
/// buffer, not this handle; to keep a row longer, [`to_owned`](Self::to_owned) it.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    payload: &'r [u8],
    columns: &'r Arc<Columns>,
    format: Format,
}

impl<'r> Row<'r> {
    pub(crate) const fn new(payload: &'r [u8], columns: &'r Arc<Columns>, format: Format) -> Self {
        Self { payload, columns, format }
    }

    /// The row's columns.
    #[must_use]
    pub fn columns(&self) -> &'r Columns {
        self.columns
    }

    /// Reads the whole row as a tuple, or as a single value if it has one column.
    ///
    /// This walks the row once: the fastest way. Fails if the number of columns differs, or a value
    /// does not fit its type; the session is not affected.
    #[inline]
    pub fn decode<T: FromRow<'r>>(&self) -> Result<T> {
        T::from_row(*self)
    }

    /// Reads one value, by the column's place (from 0) or its name.
    ///
    /// Cost: walks the row up to the column; a name costs a look at each column's name as well.
    pub fn get<T: FromValue<'r>>(&self, column: impl ColumnIndex) -> Result<T> {
        let index = column.position(self.columns)?;
        let mut cells = self.cells();
        for _ in 0..index {
            cells.skip()?;
        }
        cells.read()
    }

    /// [`get`](Self::get) by the name that it has where `get` panics. Neither does here.
    pub fn try_get<T: FromValue<'r>>(&self, column: impl ColumnIndex) -> Result<T> {
        self.get(column)
    }

    /// One value's bytes as they came, `None` for NULL: the text that the server shows.
    pub fn raw(&self, column: impl ColumnIndex) -> Result<Option<&'r [u8]>> {
        let index = column.position(self.columns)?;
        let mut cells = self.cells();
        for _ in 0..index {
            cells.skip()?;
        }
        Ok(cells.next_value()?.1)
    }

    /// Reads the values one after the other, each as a type of its own: what
    /// [`decode`](Self::decode) does, for any number of columns and types told by what came before.
    ///
    /// ```no_run
    /// # async fn example(rows: &mut mywire::Rows<'_>) -> mywire::Result<()> {
    /// while let Some(row) = rows.next().await? {
    ///     let mut reader = row.reader();
    ///     let id: u64 = reader.read()?;
    ///     let name: &str = reader.read()?;
    ///     reader.finish()?;
    /// #   let _ = (id, name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn reader(&self) -> RowReader<'r> {
        RowReader::new(*self)
    }

    /// The values in their order, each as it came; `None` is NULL. Ends after an error.
    pub fn iter(&self) -> impl Iterator<Item = Result<Option<RawValue<'r>>>> + use<'r> {
        let format = self.format;
        let mut cells = Some(self.cells());
        std::iter::from_fn(move || {
            let walk = cells.as_mut()?;
            if walk.infos.is_empty() {
                return cells.take()?.finish().err().map(Err);
            }
            let value = walk.next_value();
            if value.is_err() {
                cells = None;
            }
            Some(value.map(|(info, bytes)| bytes.map(|bytes| RawValue::new(bytes, info, format))))
        })
    }

    /// Copies the row out of the buffer. Cost: one allocation for its bytes; the columns are
    /// shared.
    #[must_use]
    pub fn to_owned(&self) -> OwnedRow {
        OwnedRow {
            payload: Bytes::copy_from_slice(self.payload),
            columns: self.columns.clone(),
            format: self.format,
        }
    }

    /// The row's payload as it came.
    #[must_use]
    pub const fn payload(&self) -> &'r [u8] {
        self.payload
    }

    /// Why a column's value cannot be read.
    #[cold]
    #[inline(never)]
    fn error<T>(&self, info: &ColumnInfo, fault: CellFault) -> Error {
        match fault {
            CellFault::Value(reason) => {
                column_error(self.columns, info.place, reason, std::any::type_name::<T>())
            }
            CellFault::NoCell => self.form_error(info.place),
        }
    }

    /// The row does not have the form that its columns demand. The packets are in step all the same,
    /// so the session is.
    #[cold]
    fn form_error(&self, index: usize) -> Error {
        column_error(self.columns, index, ValueError::Row, "a value")
    }

    #[inline(always)]
    fn cells(&self) -> Cells<'r> {
        let text_from = self.columns.text_from(self.format);
        let walk = match self.format {
            Format::Text => Walk::Text(TextWalk::new(self.payload, text_from)),
            Format::Binary => match BinaryWalk::new(self.payload, self.columns.len(), text_from) {
                Ok(walk) => Walk::Binary(walk),
                Err(_) => Walk::Broken,
            },
        };
        Cells { row: *self, walk, infos: self.columns.infos() }
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("columns", &self.columns.len())
            .field("bytes", &self.payload.len())
            .finish()
    }
}

/// Walks a row's values together with its columns.
#[derive(Clone, Copy)]
struct Cells<'r> {
    row: Row<'r>,
    walk: Walk<'r>,
    /// The columns not walked yet.
    infos: &'r [ColumnInfo],
}

/// Where in a row a walk is.
#[derive(Clone, Copy)]
enum Walk<'r> {
    Text(TextWalk<'r>),
    Binary(BinaryWalk<'r>),
    /// The row does not begin as one.
    Broken,
}

impl<'r> Cells<'r> {
    #[inline]
    fn next_value(&mut self) -> Result<(&'r ColumnInfo, Option<&'r [u8]>)> {
        let Some((info, infos)) = self.infos.split_first() else { return Err(self.behind_last()) };
        let cell = match &mut self.walk {
            Walk::Text(walk) => walk.cells.next_cell(),
            Walk::Binary(walk) => walk.cells.next_cell(info.layout),
            Walk::Broken => return Err(self.row_error()),
        };
        let cell = cell.map_err(|_| self.row_error())?;
        self.infos = infos;
        Ok((info, cell))
    }

    fn skip(&mut self) -> Result<()> {
        self.next_value().map(drop)
    }

    /// Reads the next value.
    #[inline]
    fn read<T: FromValue<'r>>(&mut self) -> Result<T> {
        let Some((info, infos)) = self.infos.split_first() else { return Err(self.behind_last()) };
        let value = match &mut self.walk {
            Walk::Text(walk) => T::read_text(walk, info),
            Walk::Binary(walk) => T::read_binary(walk, info),
            Walk::Broken => Err(CellFault::NoCell),
        };
        let value = value.map_err(|fault| self.row.error::<T>(info, fault))?;
        self.infos = infos;
        Ok(value)
    }

    /// Fails unless the row ends here (E-76).
    #[inline]
    fn finish(self) -> Result<()> {
        let finished = match self.walk {
            Walk::Text(walk) => walk.cells.finish(),
            Walk::Binary(walk) => walk.cells.finish(),
            Walk::Broken => return Err(self.row_error()),
        };
        finished.map_err(|_| self.row_error())
    }

    /// An error about the row's form, found at the value that is next or behind the last one.
    #[cold]
    fn row_error(&self) -> Error {
        self.row.form_error(self.index())
    }

    #[cold]
    fn behind_last(&self) -> Error {
        let columns = self.row.columns.len();
        UsageError::NoSuchIndex { index: columns, columns }.into()
    }

    /// The place of the value that is next, or of the last one.
    fn index(&self) -> usize {
        let columns = self.row.columns.len();
        columns.saturating_sub(self.infos.len()).min(columns.saturating_sub(1))
    }
}

#[cold]
fn column_error(
    columns: &Columns,
    index: usize,
    reason: ValueError,
    rust_type: &'static str,
) -> Error {
    let (Some(column), Some(info)) = (columns.get(index), columns.infos().get(index)) else {
        return UsageError::NoSuchIndex { index, columns: columns.len() }.into();
    };
    ColumnError {
        index,
        name: column.name().into(),
        column_type: info.column_type,
        type_name: type_name(info),
        // The paths of the standard library say nothing that the names do not.
        rust_type: match rust_type {
            "alloc::string::String" => "String",
            "alloc::vec::Vec<u8>" => "Vec<u8>",
            other => other,
        },
        reason,
    }
    .into()
}

/// A type that a whole row can be read as: tuples, and single values for rows of one column.
pub trait FromRow<'r>: Sized {
    /// Reads the row.
    fn from_row(row: Row<'r>) -> Result<Self>;
}

impl<'r, T: FromValue<'r>> FromRow<'r> for T {
    #[inline]
    fn from_row(row: Row<'r>) -> Result<Self> {
        let (value,) = row.decode()?;
        Ok(value)
    }
}

impl<'r> FromRow<'r> for OwnedRow {
    fn from_row(row: Row<'r>) -> Result<Self> {
        Ok(row.to_owned())
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident)+;)+) => {
        $(impl<'r, $($name: FromValue<'r>),+> FromRow<'r> for ($($name,)+) {
            #[inline]
            #[expect(non_snake_case, reason = "a column is called as its type")]
            fn from_row(row: Row<'r>) -> Result<Self> {
                let infos = row.columns.infos();
                let Ok([$($name),+]) = <&[ColumnInfo; $count]>::try_from(infos) else {
                    return Err(UsageError::ColumnCount { row: infos.len(), wanted: $count }.into());
                };
                let text_from = row.columns.text_from(row.format);
                match row.format {
                    Format::Text => {
                        let mut walk = TextWalk::new(row.payload, text_from);
                        let tuple = ($(match <$name>::read_text(&mut walk, $name) {
                            Ok(value) => value,
                            Err(fault) => return Err(row.error::<$name>($name, fault)),
                        },)+);
                        match walk.cells.finish() {
                            Ok(()) => Ok(tuple),
                            Err(_) => Err(row.form_error($count - 1)),
                        }
                    }
                    Format::Binary => {
                        let Ok(mut walk) = BinaryWalk::new(row.payload, $count, text_from) else {
                            return Err(row.form_error(0));
                        };
                        let tuple = ($(match <$name>::read_binary(&mut walk, $name) {
                            Ok(value) => value,
                            Err(fault) => return Err(row.error::<$name>($name, fault)),
                        },)+);
                        match walk.cells.finish() {
                            Ok(()) => Ok(tuple),
                            Err(_) => Err(row.form_error($count - 1)),
                        }
                    }
                }
            }
        })+
    };
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
    13: A B C D E F G H I J K L M;
    14: A B C D E F G H I J K L M N;
    15: A B C D E F G H I J K L M N O;
    16: A B C D E F G H I J K L M N O P;
}

#[cfg(feature = "serde")]
fn check_columns(row: &Row<'_>, wanted: usize) -> Result<()> {
    if row.columns.len() == wanted {
        return Ok(());
    }
    Err(UsageError::ColumnCount { row: row.columns.len(), wanted }.into())
}

/// A way to name a column: its place from 0, or its name.
pub trait ColumnIndex: sealed::Sealed {
    /// The column's place.
    #[doc(hidden)]
    fn position(&self, columns: &Columns) -> Result<usize>;
}

impl ColumnIndex for usize {
    fn position(&self, columns: &Columns) -> Result<usize> {
        if *self < columns.len() {
            return Ok(*self);
        }
        Err(UsageError::NoSuchIndex { index: *self, columns: columns.len() }.into())
    }
}

impl ColumnIndex for &str {
    fn position(&self, columns: &Columns) -> Result<usize> {
        columns.position(self).ok_or_else(|| {
            let columns = columns.names();
            UsageError::NoSuchColumn { name: (*self).into(), columns: columns.into() }.into()
        })
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for &str {}
}

/// A row of its own: it outlives the result set and the session. Cheap to clone.
#[derive(Clone)]
pub struct OwnedRow {
    payload: Bytes,
    columns: Arc<Columns>,
    format: Format,
}

impl OwnedRow {
    /// The row as one that is lent, with all its methods.
    #[must_use]
    pub fn as_row(&self) -> Row<'_> {
        Row::new(&self.payload, &self.columns, self.format)
    }

    /// See [`Row::decode`].
    pub fn decode<'r, T: FromRow<'r>>(&'r self) -> Result<T> {
        self.as_row().decode()
    }

    /// See [`Row::get`].
    pub fn get<'r, T: FromValue<'r>>(&'r self, column: impl ColumnIndex) -> Result<T> {
        self.as_row().get(column)
    }

    /// See [`Row::try_get`].
    pub fn try_get<'r, T: FromValue<'r>>(&'r self, column: impl ColumnIndex) -> Result<T> {
        self.get(column)
    }

    /// The row's columns.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl fmt::Debug for OwnedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_row().fmt(f)
    }
}

/// Rows that are complete in the read buffer, lent together.
///
/// A plain iterator: its rows can be held together, sorted, or handed to threads. Rows that are not
/// looked at are gone with the batch.
#[derive(Clone, Copy)]
pub struct Batch<'b> {
    /// The first row, which may have been joined from several packets.
    first: Option<&'b [u8]>,
    /// Whole packets, each with its header and each one row.
    packets: &'b [u8],
    rows: usize,
    columns: &'b Arc<Columns>,
    format: Format,
}

impl<'b> Batch<'b> {
    pub(crate) const fn new(
        first: Option<&'b [u8]>,
        packets: &'b [u8],
        rows: usize,
        columns: &'b Arc<Columns>,
        format: Format,
    ) -> Self {
        Self { first, packets, rows, columns, format }
    }

    /// The rows' columns.
    #[must_use]
    pub fn columns(&self) -> &'b Columns {
        self.columns
    }

    /// How many rows are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row is left; a fresh batch has at least one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl<'b> Iterator for Batch<'b> {
    type Item = Result<Row<'b>>;

    #[inline]
    fn next(&mut self) -> Option<Result<Row<'b>>> {
        let payload = match self.first.take() {
            Some(first) => first,
            None => {
                let (&[a, b, c, _], rest) = self.packets.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok()?;
                let (payload, rest) = rest.split_at_checked(length)?;
                self.packets = rest;
                payload
            }
        };
        self.rows = self.rows.saturating_sub(1);
        Some(Ok(Row::new(payload, self.columns, self.format)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rows, Some(self.rows))
    }
}

impl ExactSizeIterator for Batch<'_> {}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("rows", &self.rows).finish_non_exhaustive()
    }
}
