//! The rows of a statement, streamed.

use std::iter::FusedIterator;

use super::{ChunkedRow, now};
use crate::columns::Columns;
use crate::error::Result;
use crate::proto::Done;
use crate::row::{Batch, FromRow, OwnedRow, Row};
use crate::session::Cursor;
use crate::wire::StatusFlags;

/// The rows of a statement, lent one by one from the session's read buffer.
///
/// Nothing is read from the server before it is asked for, and nothing is copied: memory stays
/// flat whatever the result's size and the reader's speed. [`next`](Self::next) in a loop lends
/// each row until the next one; `for row in rows` gives [`OwnedRow`]s instead, which can be kept.
///
/// Dropping it leaves the rest unread; the session's next command skips it, see
/// [`Session`](super::Session).
#[derive(Debug)]
pub struct Rows<'s>(pub(super) crate::session::Rows<'s>);

impl Rows<'_> {
    /// The columns of the result set; none if the statement returned no rows.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        self.0.columns()
    }

    /// The last status word of the session. Behind the end of a result set, `PS_OUT_PARAMS` in it
    /// marks the OUT parameters of a CALL.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        self.0.status()
    }

    /// The next row, or `None` at the end of the result set.
    ///
    /// Cost: no allocation and no copy; a read only when no whole row is in the buffer. Fails if
    /// the server ends the statement with an error, after the rows before it.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "rows are lent, which iterators cannot do")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        now(self.0.next())
    }

    /// All rows that are complete in the read buffer, at least one, or `None` at the end of the
    /// result set.
    ///
    /// The rows of a batch can be held together. Those that are not looked at are gone with it. An
    /// error of the server, and the end, come with the next call. Cost: no allocation, no copy, and
    /// one look at each row's header.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        now(self.0.next_batch())
    }

    /// The next row, to be read value by value and piece by piece, or `None` at the end of the
    /// result set. Memory does not depend on the size of the row or of a value, up to
    /// [`Limits::max_packet`](crate::Limits) bytes for the row.
    pub fn next_chunked(&mut self) -> Result<Option<ChunkedRow<'_>>> {
        Ok(now(self.0.next_chunked())?.map(ChunkedRow))
    }

    /// Calls `f` with each row that is left of the result set; stops at its first error, and at the
    /// server's.
    pub fn for_each(&mut self, f: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
        now(self.0.for_each(f))
    }

    /// Decodes all rows that are left of the result set. Memory grows with their number.
    pub fn collect<T>(&mut self) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        now(self.0.collect())
    }

    /// Whether the rows that are next are the OUT and INOUT parameters of a CALL that was executed
    /// through the binary protocol: one row, one column for each.
    ///
    /// Takes no row. Servers say it behind the rows unless the connection has old EOF packets, so
    /// this waits until the next row is here and, if it is the last one, the end behind it. Fails if
    /// a piece of the row was taken by [`next_chunked`](Self::next_chunked).
    pub fn is_out_params(&mut self) -> Result<bool> {
        now(self.0.is_out_params())
    }

    /// Puts the rows of a cursor aside, so that the session can run other commands;
    /// [`Session::resume`](super::Session::resume) goes on with them, and no row is lost.
    ///
    /// The statement needs a fetch size, see
    /// [`Statement::with_fetch_size`](crate::Statement::with_fetch_size). What is left of the last
    /// fetch is read and kept in memory, at most 64 MiB; nothing is kept behind the last row of a
    /// fetch. No round trip.
    ///
    /// Fails if no cursor has the rows, if a row is being read in pieces, if the rest of the fetch
    /// is too large, or with the server's error; the rows are then left, and the session is usable.
    pub fn suspend(self) -> Result<Cursor> {
        now(self.0.suspend())
    }

    /// Skips what is left of this result and goes to the next one of the statement: `false` if
    /// there is none.
    ///
    /// The next one can be without columns: a statement that returned no rows.
    pub fn next_result(&mut self) -> Result<bool> {
        now(self.0.next_result())
    }

    /// Skips whatever is left of the statement and tells how it ended.
    ///
    /// Reads to the end, however far that is. An error in a later result of the statement is
    /// reported here.
    pub fn finish(self) -> Result<Done> {
        now(self.0.finish())
    }
}

impl<'s> IntoIterator for Rows<'s> {
    type Item = Result<OwnedRow>;
    type IntoIter = IntoIter<'s>;

    /// The rows that are left of the result set, owned. Cost: one allocation a row.
    fn into_iter(self) -> IntoIter<'s> {
        IntoIter { rows: self, over: false }
    }
}

/// The rows of a result set, owned: an iterator that ends at the first error, which it gives.
#[derive(Debug)]
pub struct IntoIter<'s> {
    rows: Rows<'s>,
    over: bool,
}

impl<'s> IntoIter<'s> {
    /// The rows that were not asked for yet, to be lent again, or to go to the next result.
    #[must_use]
    pub fn into_rows(self) -> Rows<'s> {
        self.rows
    }
}

impl Iterator for IntoIter<'_> {
    type Item = Result<OwnedRow>;

    fn next(&mut self) -> Option<Result<OwnedRow>> {
        if self.over {
            return None;
        }
        let row = self.rows.next().map(|row| row.map(|row| row.to_owned())).transpose();
        self.over = !matches!(row, Some(Ok(_)));
        row
    }
}

impl FusedIterator for IntoIter<'_> {}
