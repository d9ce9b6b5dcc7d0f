//! Transactions that end with their guard.

use std::ops::{Deref, DerefMut};

use super::{Session, now};
use crate::error::Result;
use crate::session::Guard;

/// An open transaction, or a savepoint in one. It is the session, so statements run on it.
///
/// Dropping it without [`commit`](Self::commit) undoes it: the rollback goes out before the
/// session's next command. Statements that commit by themselves, such as DDL, do so here too.
///
/// A deadlock ends the whole transaction on the server (T-94). Statements after it would commit by
/// themselves, so they are refused, as is the commit, until the guard is rolled back or dropped.
#[derive(Debug)]
pub struct Transaction<'s> {
    pub(super) session: &'s mut Session,
    pub(super) guard: Guard,
}

impl Transaction<'_> {
    /// Makes everything permanent; for a savepoint, a part of the transaction around it.
    ///
    /// If the connection is lost before the answer, nobody knows whether it was committed: the
    /// error's [`was_sent`](crate::Error::was_sent) is `Maybe`.
    pub fn commit(mut self) -> Result<()> {
        now(self.guard.commit(&mut self.session.0))
    }

    /// Undoes everything since it began.
    pub fn rollback(mut self) -> Result<()> {
        now(self.guard.rollback(&mut self.session.0))
    }

    /// Sets a savepoint: what follows can be undone by itself.
    pub fn savepoint(&mut self) -> Result<Transaction<'_>> {
        let guard = now(self.guard.savepoint(&mut self.session.0))?;
        Ok(Transaction { session: self.session, guard })
    }
}

impl Deref for Transaction<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.guard.leave(&mut self.session.0);
    }
}
