//! Bulk executions that failed.

use std::fmt;
use std::ops::Range;

use super::Error;

/// How a bulk execution went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkDone {
    /// Rows of parameters that were executed.
    pub rows: u64,
    /// Rows inserted, changed or deleted by all of them.
    pub affected_rows: u64,
    /// The first id that the statement made by itself, or 0.
    pub last_insert_id: u64,
    /// How many warnings there were.
    pub warnings: u64,
}

/// A bulk execution failed at a row of parameters, or somewhere among some rows.
///
/// Rows before it were executed, and on servers that take the rows one by one also those behind
/// it that were under way.
#[derive(Debug)]
pub struct BulkError {
    pub(crate) rows: Range<u64>,
    pub(crate) error: Error,
    pub(crate) done: BulkDone,
    /// This failure, or one behind it, closed the session.
    pub(crate) lost: bool,
}

impl BulkError {
    /// The rows of parameters among which it failed, from 0; mostly one.
    #[must_use]
    pub fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    /// Why the first row that failed did.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What the rows did whose commands succeeded, before and behind it.
    #[must_use]
    pub fn done(&self) -> BulkDone {
        self.done
    }

    /// Whether no other row was executed, for certain.
    pub(super) fn is_first(&self) -> bool {
        let lost_later = self.lost && !self.error.is_fatal();
        self.rows.start == 0 && self.done == BulkDone::default() && !lost_later
    }
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows: Range { start, end }, error, .. } = self;
        match end - start {
            1 => write!(f, "row {start} of the parameters: {error}"),
            _ => write!(f, "one of the rows {start} to {} of the parameters: {error}", end - 1),
        }
    }
}

impl std::error::Error for BulkError {}
