//! Rows of a cursor that are put aside, so that the session can run other commands.

use std::sync::Arc;

use super::rows::{Place, Rows};
use super::{Session, Statement};
use crate::columns::Columns;
use crate::error::{Result, UsageError};
use crate::proto::{Kept, Step};

/// The most memory that rows put aside take, in bytes: a fetch of thousands of usual rows, and few
/// enough for many sessions.
const MAX_KEPT: usize = 64 << 20;

/// The rows of a cursor, put aside by [`Rows::suspend`] and taken up again by [`Session::resume`].
///
/// The server keeps the cursor and its result until the statement is executed again, reset or
/// closed, or the session is; dropping this value alone does not tell it.
#[derive(Debug)]
pub struct Cursor {
    statement: Statement,
    columns: Arc<Columns>,
    /// Rows that were fetched and not read.
    kept: Kept,
    /// Whether the server has more.
    more: bool,
    /// The statement's executions when the rows were put aside.
    executions: u64,
}

impl Cursor {
    /// The columns of the rows.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How many rows were fetched and not read yet. They are in memory; all others are the server's.
    #[must_use]
    pub fn fetched(&self) -> u32 {
        self.kept.rows()
    }
}

impl Rows<'_> {
    /// Puts the rows of a cursor aside, so that the session can run other commands;
    /// [`Session::resume`] goes on with them, and no row is lost.
    ///
    /// The statement needs a fetch size, see
    /// [`Statement::with_fetch_size`](super::Statement::with_fetch_size). What is left of the last
    /// fetch is read and kept in memory, at most 64 MiB; nothing is kept behind the last row of a
    /// fetch. No round trip.
    ///
    /// Fails if no cursor has the rows, if a row is being read in pieces, if the rest of the fetch
    /// is too large, or with the server's error; the rows are then left, and the session is usable.
    /// Not cancel-safe for the rows: a dropped future leaves them.
    pub async fn suspend(mut self) -> Result<Cursor> {
        self.check()?;
        self.session.connection.read_whole_rows()?;
        let statement = self.cursor.clone().ok_or(UsageError::NoCursor)?;
        let columns = self.session.connection.shared_columns();
        if columns.is_empty() || self.place == Place::Between {
            return Err(UsageError::NoCursor.into());
        }
        let mut kept = Kept::default();
        let mut more = false;
        while self.place == Place::Rows {
            let step = self.session.due_step().await;
            match step.inspect_err(|error| self.fail(error))? {
                Step::Row => {
                    kept.push(self.session.connection.row().payload());
                    if kept.size() > MAX_KEPT {
                        return Err(UsageError::TooManyRowsAside { max: MAX_KEPT }.into());
                    }
                }
                Step::Done => {
                    more = self.has_more_in_cursor();
                    self.end();
                }
                _ => {}
            }
        }
        if self.place == Place::Between {
            return Err(UsageError::NoCursor.into());
        }
        let executions = statement.executions();
        Ok(Cursor { statement, columns, kept, more, executions })
    }
}

impl Session {
    /// Goes on with rows that were put aside.
    ///
    /// Cost: nothing if rows are kept; else the fetch of the next ones, whose rows are read as they
    /// are asked for. Fails, with nothing sent, if the cursor is another session's, or was lost when
    /// this one was reset, or if its statement was executed again or reset meanwhile. What else
    /// closes it on the server is the server's error at the next fetch (1421). Neither
    /// [`Config::statement_timeout`](crate::Config::statement_timeout) nor a
    /// [`CancelHandle`](super::CancelHandle) ends them. The session is in order if the future is
    /// dropped, and the cursor is lost: execute the statement again.
    pub async fn resume(&mut self, cursor: Cursor) -> Result<Rows<'_>> {
        let Cursor { statement, columns, kept, more, executions } = cursor;
        self.check_owner(&statement)?;
        if statement.executions() != executions {
            return Err(UsageError::CursorClosed.into());
        }
        self.settle().await?;
        self.begin_unkillable()?;
        if kept.rows() == 0 && more {
            self.connection.share_columns(columns);
            let (id, rows) = (statement.used_handle().id(), statement.fetch_size());
            self.connection.fetch(id, rows)?;
        } else {
            self.connection.replay(columns, kept, more)?;
        }
        Ok(Rows::new(self, true, Some(statement)))
    }
}
