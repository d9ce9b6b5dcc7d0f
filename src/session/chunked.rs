//! Rows value by value, and values piece by piece.

use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use super::Session;
use crate::columns::Column;
use crate::error::{Error, Result, UsageError};
use crate::proto::{FieldHead, Step};

/// A row that is read value by value: neither it nor a value has to fit into memory.
///
/// Dropping it leaves the rest of the row, which is dropped as it arrives when the next row is
/// asked for. Cancel-safe: a dropped future lost nothing.
#[derive(Debug)]
pub struct ChunkedRow<'r> {
    pub(super) session: &'r mut Session,
    /// The first value has begun and was not given out.
    pub(super) fresh: bool,
    pub(super) over: bool,
}

impl ChunkedRow<'_> {
    /// The next value, or `None` behind the last one. What was not read of the one before is
    /// dropped as it arrives.
    ///
    /// Cost: no allocation; reads until the value's length is here. Cancel-safe: see [`ChunkedRow`].
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>> {
        if self.over {
            return Ok(None);
        }
        if !self.fresh {
            self.session.connection.skip_field();
            loop {
                match self.session.due_step().await? {
                    Step::Field => break,
                    Step::RowEnd => {
                        self.over = true;
                        return Ok(None);
                    }
                    _ => {}
                }
            }
        }
        self.fresh = false;
        let head = self.session.connection.field();
        let head = head.unwrap_or(FieldHead { index: 0, length: None });
        let left = head.length.unwrap_or(0);
        Ok(Some(Field { session: self.session, head, left, given: 0 }))
    }
}

impl Drop for ChunkedRow<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.session.connection.leave_row();
        }
    }
}

/// A value of a [`ChunkedRow`], in the form of its row's protocol; see
/// [`RawValue::bytes`](crate::RawValue::bytes).
///
/// It can also be read as a stream of bytes: an `AsyncRead`. Then the time between a poll that found
/// nothing and the next one counts against [`Config::statement_timeout`](crate::Config::statement_timeout).
pub struct Field<'f> {
    session: &'f mut Session,
    head: FieldHead,
    /// Bytes behind the last piece. The connection's own count is gone once the row broke off, and a
    /// value that broke off never looks complete.
    left: u64,
    /// Bytes of the last piece that `AsyncRead` gave out.
    given: usize,
}

impl Field<'_> {
    /// The column's place, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.head.index
    }

    /// The value's column.
    #[must_use]
    pub fn column(&self) -> Option<Column<'_>> {
        self.session.connection.columns().get(self.head.index)
    }

    /// Whether the value is NULL.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.head.length.is_none()
    }

    /// The value's length in bytes; 0 for NULL.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.head.length.unwrap_or(0)
    }

    /// Whether the value has no bytes: it is NULL or an empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next piece of the value, or `None` behind the last one; none for NULL.
    ///
    /// Pieces are what the read buffer holds, up to some hundred KiB. Cost: no copy and no
    /// allocation. Cancel-safe: a dropped future lost nothing.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>> {
        if self.given > 0 {
            // `AsyncRead` gave a part of the piece: here is its rest.
            let given = std::mem::take(&mut self.given);
            if given < self.session.connection.chunk().len() {
                return Ok(self.session.connection.chunk().get(given..));
            }
        }
        if self.left == 0 {
            return Ok(None);
        }
        while self.session.due_step().await? != Step::Chunk {}
        self.note_piece();
        Ok(Some(self.session.connection.chunk()))
    }

    /// Notes that a piece came.
    fn note_piece(&mut self) {
        let piece = u64::try_from(self.session.connection.chunk().len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(piece);
    }
}

impl Field<'_> {
    /// Copies the next bytes of the value; 0 of them behind the last one, or if there is no room.
    pub(crate) fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let piece = self.session.connection.chunk().get(self.given..).unwrap_or_default();
            if self.given > 0 && !piece.is_empty() {
                return Poll::Ready(Ok(self.copy(buf)));
            }
            if self.left == 0 {
                return Poll::Ready(Ok(0));
            }
            match ready!(self.session.poll_step(cx)) {
                Ok(Step::Chunk) => {
                    self.given = 0;
                    self.note_piece();
                    return Poll::Ready(Ok(self.copy(buf)));
                }
                Ok(Step::Idle) => return Poll::Ready(Err(into_io(UsageError::RowsOver.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(into_io(error))),
            }
        }
    }

    /// Copies what fits of the piece, from where it was left.
    fn copy(&mut self, buf: &mut [u8]) -> usize {
        let piece = self.session.connection.chunk().get(self.given..).unwrap_or_default();
        let n = piece.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), piece.get(..n)) {
            to.copy_from_slice(from);
        }
        self.given += n;
        n
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for Field<'_> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.poll_copy(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("head", &self.head).finish_non_exhaustive()
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => io::Error::new(error.io_error().kind(), error),
        error => io::Error::other(error),
    }
}
