//! Rows value by value, and values piece by piece.

use std::fmt;
use std::io::{self, Read};
use std::task::{Context, Poll, Waker};

use super::now;
use crate::columns::Column;
use crate::error::Result;

/// A row that is read value by value: neither it nor a value has to fit into memory.
///
/// Dropping it leaves the rest of the row, which is dropped as it arrives when the next row is
/// asked for.
#[derive(Debug)]
pub struct ChunkedRow<'r>(pub(super) crate::session::ChunkedRow<'r>);

impl ChunkedRow<'_> {
    /// The next value, or `None` behind the last one. What was not read of the one before is
    /// dropped as it arrives.
    pub fn next_field(&mut self) -> Result<Option<Field<'_>>> {
        Ok(now(self.0.next_field())?.map(Field))
    }
}

/// A value of a [`ChunkedRow`], in the form of its row's protocol; see
/// [`RawValue::bytes`](crate::RawValue::bytes).
///
/// It can also be read as a stream of bytes: a [`Read`].
pub struct Field<'f>(crate::session::Field<'f>);

impl Field<'_> {
    /// The column's place, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.0.index()
    }

    /// The value's column.
    #[must_use]
    pub fn column(&self) -> Option<Column<'_>> {
        self.0.column()
    }

    /// Whether the value is NULL.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The value's length in bytes; 0 for NULL.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether the value has no bytes: it is NULL or an empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next piece of the value, or `None` behind the last one; none for NULL.
    ///
    /// Pieces are what the read buffer holds, up to some hundred KiB. Cost: no copy and no
    /// allocation.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>> {
        now(self.0.chunk())
    }
}

impl Read for Field<'_> {
    /// Reads what comes next of the value; 0 behind its end. An error of the session comes as the
    /// inner error.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.poll_copy(&mut Context::from_waker(Waker::noop()), buf) {
            Poll::Ready(read) => read,
            Poll::Pending => Err(io::Error::other(super::pending())),
        }
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
