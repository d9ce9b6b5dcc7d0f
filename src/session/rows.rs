//! The rows of a statement, streamed.

#[cfg(feature = "stream")]
use std::task::{Context, Poll, ready};

use super::chunked::ChunkedRow;
use super::trace::Span;
use super::{CancelHandle, Session, Statement};
use crate::columns::Columns;
use crate::error::{Error, Result, ServerError, TimeoutError, UsageError};
use crate::proto::{Done, Step};
use crate::row::{Batch, FromRow, Row};
use crate::wire::StatusFlags;

/// The rows of a statement, lent one by one from the session's read buffer.
///
/// Nothing is read from the server before it is asked for, and nothing is copied: memory stays
/// flat whatever the result's size and the reader's speed.
///
/// Dropping it leaves the rest unread; the session's next command skips it, see [`Session`].
/// Cancel-safe: a method whose future is dropped lost nothing, and can be called again.
#[derive(Debug)]
pub struct Rows<'s> {
    pub(super) session: &'s mut Session,
    pub(super) place: Place,
    /// The statement whose cursor has the rows.
    pub(super) cursor: Option<Statement>,
    /// How many commands wait for their replies behind the statement, if it is a pipeline's.
    behind: Option<usize>,
    /// The error that ended the statement, to be told to whoever asks again.
    failed: Option<Failed>,
    span: Span,
}

/// What ended a statement before its end.
#[derive(Clone, Debug)]
enum Failed {
    Server(Box<ServerError>),
    Timeout(TimeoutError),
    /// An error that a piece of a row was told.
    Elsewhere,
}

/// Takes the wish for a row in pieces back unless one begins: whoever drops the future can read the
/// row in any other way.
struct Asked<'s> {
    session: &'s mut Session,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.session.connection.leave_row();
    }
}

/// Where in a statement's results the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a result set: rows or its end are due.
    Rows,
    /// Behind a result, and another one follows.
    Between,
    /// Behind the last result.
    End,
}

impl<'s> Rows<'s> {
    /// `rows` tells whether the first result is a result set.
    pub(super) fn new(session: &'s mut Session, rows: bool, cursor: Option<Statement>) -> Self {
        let span = Span::none();
        let place = Place::Between;
        let mut this = Self { session, place, cursor, behind: None, failed: None, span };
        this.begin(rows);
        this
    }

    /// Says that it is a pipeline's reply, and how many commands wait for theirs behind it.
    pub(super) fn in_front_of(self, behind: usize) -> Self {
        Self { behind: Some(behind), ..self }
    }

    /// Says which span lasts for as long as the rows do.
    pub(super) fn in_span(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The columns of the result set; none if the statement returned no rows.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        self.session.connection.columns()
    }

    /// Whether the rows that are next are the OUT and INOUT parameters of a CALL that was executed
    /// through the binary protocol: one row, one column for each.
    ///
    /// Takes no row. Servers say it behind the rows unless the connection has old EOF packets, so
    /// this waits until the next row is here and, if it is the last one, the end behind it. Fails if
    /// a piece of the row was taken by [`next_chunked`](Self::next_chunked). Cancel-safe.
    pub async fn is_out_params(&mut self) -> Result<bool> {
        if self.place != Place::Rows {
            return Ok(false);
        }
        self.session.clock.enter();
        let looked = loop {
            match self.session.connection.out_params() {
                Ok(Some(out_params)) => break Ok(out_params),
                Ok(None) => {
                    if let Err(error) = self.session.more_input().await {
                        break Err(error);
                    }
                }
                Err(error) => break Err(self.session.explain(error)),
            }
        };
        self.session.clock.arrived();
        looked.inspect_err(|error| self.fail(error))
    }

    /// The last status word of the session. Behind the end of a result set, `PS_OUT_PARAMS` in it
    /// marks the OUT parameters of a CALL; [`is_out_params`](Self::is_out_params) tells before.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        self.session.status()
    }

    /// The next row, or `None` at the end of the result set.
    ///
    /// Cost: no allocation and no copy; a read only when no whole row is in the buffer. Fails if
    /// the server ends the statement with an error, after the rows before it. Cancel-safe: no row is
    /// lost.
    #[inline]
    pub async fn next(&mut self) -> Result<Option<Row<'_>>> {
        // Mostly the row is here, and no further future is made for it.
        if self.place == Place::Rows && self.session.connection.step_to_row() {
            return Ok(Some(self.session.connection.row()));
        }
        if self.advance().await? { Ok(Some(self.session.connection.row())) } else { Ok(None) }
    }

    /// All rows that are complete in the read buffer, at least one, or `None` at the end of the
    /// result set.
    ///
    /// The rows of a batch can be held together. Those that are not looked at are gone with it. An
    /// error of the server, and the end, come with the next call. Cost: no allocation, no copy, and
    /// one look at each row's header. Cancel-safe: no row is lost.
    pub async fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        if self.advance().await? { Ok(Some(self.session.connection.batch())) } else { Ok(None) }
    }

    /// The next row, to be read value by value and piece by piece, or `None` at the end of the
    /// result set. Memory does not depend on the size of the row or of a value, up to
    /// [`Limits::max_packet`](crate::Limits) bytes for the row. Cancel-safe: no row is lost, and the
    /// row can be read in any other way.
    pub async fn next_chunked(&mut self) -> Result<Option<ChunkedRow<'_>>> {
        while self.place == Place::Rows {
            let step = {
                let asked = Asked { session: &mut *self.session };
                asked.session.connection.chunk_row();
                let step = asked.session.step().await;
                if matches!(step, Ok(Step::Field)) {
                    std::mem::forget(asked);
                }
                step
            };
            match step {
                Ok(Step::Field) => {
                    let session = &mut *self.session;
                    return Ok(Some(ChunkedRow { session, fresh: true, over: false }));
                }
                step => drop(self.take(step)?),
            }
        }
        self.check()?;
        Ok(None)
    }

    /// Calls `f` with each row that is left of the result set; stops at its first error, and at the
    /// server's.
    ///
    /// Cost: as [`next_batch`](Self::next_batch); rows behind the one that `f` failed at, as far as
    /// they were in the buffer, are gone. Cancel-safe: `f` has seen each row that is gone.
    pub async fn for_each(&mut self, mut f: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
        while let Some(batch) = self.next_batch().await? {
            for row in batch {
                f(row?)?;
            }
        }
        Ok(())
    }

    /// Decodes all rows that are left of the result set. Memory grows with their number. Not
    /// cancel-safe for the rows: those that were decoded are lost with the future.
    pub async fn collect<T>(&mut self) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        let mut all = Vec::new();
        self.for_each(|row| {
            all.push(row.decode()?);
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// Skips what is left of this result and goes to the next one of the statement: `false` if
    /// there is none.
    ///
    /// The next one can be without columns: a statement that returned no rows. Cost: the rest of this
    /// result is read. Cancel-safe: the next call goes on skipping.
    pub async fn next_result(&mut self) -> Result<bool> {
        if self.place == Place::Rows {
            self.session.connection.skip_rows();
            while self.advance().await? {}
        }
        if self.place == Place::End {
            self.check()?;
            return Ok(false);
        }
        match self.session.begin_result().await {
            Ok(rows) => self.begin(rows),
            Err(error) => {
                self.fail(&error);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Skips whatever is left of the statement and tells how it ended.
    ///
    /// Reads to the end, however far that is. An error in a later result of the statement is
    /// reported here. Dropping the future is dropping the rows: what is left is left to the session's
    /// next command.
    pub async fn finish(mut self) -> Result<Done> {
        while self.next_result().await? {}
        Ok(self.session.connection.done())
    }

    /// Leaves what is left of the statement, at once: in milliseconds, however much that is. See
    /// [`Discard`](crate::Discard) for how.
    ///
    /// Dropping the rows does the same with the session's next command. The session is usable
    /// afterwards; an error says that it had to be closed. Errors of the statement are not told.
    /// Cost: up to [`Limits::max_discard`](crate::Limits) bytes are read; then a login and three
    /// round trips, on a second connection but for one. A server-side cursor stays, as
    /// [`Statement::with_fetch_size`] says. A reply of a [`Pipeline`](super::Pipeline)
    /// is only skipped, however long it is.
    pub async fn cancel(self) -> Result<()> {
        match self.behind {
            None => self.session.drain().await,
            // A kill could hit one of those behind it.
            Some(behind) => self.session.skip_until(behind).await,
        }
    }

    /// A handle that cancels this statement from elsewhere.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        let lifeline = &self.session.lifeline;
        CancelHandle::new(lifeline.clone(), lifeline.statement())
    }

    /// Goes to the next row; `false` at the end.
    async fn advance(&mut self) -> Result<bool> {
        self.session.connection.read_whole_rows()?;
        while self.place == Place::Rows {
            let step = self.session.step().await;
            if self.take(step)? {
                return Ok(true);
            }
        }
        self.check()?;
        Ok(false)
    }

    /// [`advance`](Self::advance) for callers that poll.
    #[cfg(feature = "stream")]
    pub(super) fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        self.session.connection.read_whole_rows()?;
        while self.place == Place::Rows {
            let step = ready!(self.session.poll_step(cx));
            if self.take(step)? {
                return Poll::Ready(Ok(true));
            }
        }
        self.check()?;
        Poll::Ready(Ok(false))
    }

    /// The row that was gone to last.
    #[cfg(feature = "stream")]
    pub(super) fn row(&self) -> Row<'_> {
        self.session.connection.row()
    }

    /// Notes what a step means to the result set: `true` for a row.
    fn take(&mut self, step: Result<Step>) -> Result<bool> {
        match step {
            Ok(Step::Row) => return Ok(true),
            Ok(Step::Done) if self.has_more_in_cursor() => self.fetch()?,
            Ok(Step::Done) => self.end(),
            Ok(Step::Idle) => {
                self.place = Place::End;
                self.failed.get_or_insert(Failed::Elsewhere);
            }
            Ok(_) => {}
            Err(error) => {
                self.fail(&error);
                return Err(error);
            }
        }
        Ok(false)
    }

    /// A result begins: a result set, or an OK that is over at once.
    fn begin(&mut self, rows: bool) {
        match rows {
            true => self.place = Place::Rows,
            false => self.end(),
        }
    }

    /// Whether the rows go on in the cursor. Some servers leave one flag set beside the other, so
    /// the last row's counts first (E-81).
    pub(super) fn has_more_in_cursor(&self) -> bool {
        let status = self.session.status();
        self.cursor.is_some()
            && status.contains(StatusFlags::CURSOR_EXISTS)
            && !status.contains(StatusFlags::LAST_ROW_SENT)
    }

    /// Asks for the cursor's next rows.
    fn fetch(&mut self) -> Result<()> {
        let Some(statement) = &self.cursor else { return Ok(()) };
        self.session.connection.fetch(statement.used_handle().id(), statement.fetch_size())
    }

    /// The server's error ends the statement, and comes again with every further call; a dead
    /// session keeps its place and fails by itself: a result that broke off never looks complete.
    pub(super) fn fail(&mut self, error: &Error) {
        self.span.failed(error);
        if error.is_fatal() {
            return;
        }
        self.failed = Some(match error {
            Error::Server(server) => Failed::Server(server.clone()),
            Error::Timeout(timeout) => Failed::Timeout(*timeout),
            _ => return,
        });
        self.place = Place::End;
        self.session.end_statement();
    }

    /// Fails if the statement did.
    pub(super) fn check(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(Failed::Server(error)) => Err(Error::Server(error.clone())),
            Some(Failed::Timeout(error)) => Err(Error::Timeout(*error)),
            Some(Failed::Elsewhere) => Err(UsageError::RowsOver.into()),
        }
    }

    pub(super) fn end(&mut self) {
        let more = self.session.status().contains(StatusFlags::MORE_RESULTS);
        self.place = if more { Place::Between } else { Place::End };
        if !more {
            self.session.end_statement();
        }
    }
}
