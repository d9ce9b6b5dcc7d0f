//! Transactions that end with their guard.

use std::ops::{Deref, DerefMut};

use super::Session;
use super::trace::Span;
use crate::error::{Error, Result, UsageError};

/// What one transaction may see of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsolationLevel {
    /// Rows that others have not committed.
    ReadUncommitted,
    /// Rows that others commit meanwhile.
    ReadCommitted,
    /// The rows as they were at the first read.
    RepeatableRead,
    /// As if there were no others.
    Serializable,
}

/// How a transaction begins. The default takes the session's own settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionOptions {
    isolation: Option<IsolationLevel>,
    read_only: Option<bool>,
    consistent_snapshot: bool,
}

impl TransactionOptions {
    /// Sets what the transaction may see of others.
    #[must_use]
    pub const fn isolation(mut self, level: IsolationLevel) -> Self {
        self.isolation = Some(level);
        self
    }

    /// Sets whether the transaction only reads.
    #[must_use]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = Some(read_only);
        self
    }

    /// Takes the snapshot at once instead of at the first read; means something under
    /// [`IsolationLevel::RepeatableRead`].
    #[must_use]
    pub const fn consistent_snapshot(mut self) -> Self {
        self.consistent_snapshot = true;
        self
    }

    /// What applies to the next transaction, to be sent before it.
    fn set_transaction(self) -> Option<String> {
        let level = match self.isolation? {
            IsolationLevel::ReadUncommitted => "READ UNCOMMITTED",
            IsolationLevel::ReadCommitted => "READ COMMITTED",
            IsolationLevel::RepeatableRead => "REPEATABLE READ",
            IsolationLevel::Serializable => "SERIALIZABLE",
        };
        Some(format!("SET TRANSACTION ISOLATION LEVEL {level}"))
    }

    fn start_transaction(self) -> String {
        let mut modes = Vec::new();
        if self.consistent_snapshot {
            modes.push("WITH CONSISTENT SNAPSHOT");
        }
        match self.read_only {
            Some(true) => modes.push("READ ONLY"),
            Some(false) => modes.push("READ WRITE"),
            None => {}
        }
        format!("START TRANSACTION {}", modes.join(", "))
    }
}

/// An open transaction, or a savepoint in one. It is the session, so statements run on it.
///
/// Dropping it without [`commit`](Self::commit) undoes it: the rollback goes out before the
/// session's next command. Statements that commit by themselves, such as DDL, do so here too.
///
/// A deadlock ends the whole transaction on the server (T-94). Statements after it would commit by
/// themselves, so they are refused, as is the commit, until the guard is rolled back or dropped. The
/// error alone is no proof, for a procedure can `SIGNAL` it: the rollback goes out all the same.
/// [`Session::reset`] and [`Session::change_user`] end it as well: the commit fails, and what runs
/// in between commits by itself.
#[derive(Debug)]
pub struct Transaction<'s> {
    session: &'s mut Session,
    guard: Guard,
}

/// What there is to undo, of either front.
#[derive(Debug)]
pub(crate) struct Guard {
    /// 0 for the transaction, n for the nth savepoint within.
    depth: usize,
    open: bool,
}

/// What a session knows of the transaction that a guard stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Guarded {
    /// There is no guard.
    #[default]
    Nothing,
    Open,
    /// A lock wait timed out, which rolls back the statement or, with
    /// `innodb_rollback_on_timeout`, everything: the next status word tells.
    InDoubt,
    /// The server has most likely ended the transaction, and the guard is still there. Its end sends
    /// a ROLLBACK: errors do not prove that everything is undone, and it costs nothing if it is.
    Ended,
}

impl Session {
    /// Begins a transaction.
    ///
    /// Fails with [`UsageError::TransactionOpen`] within another, which the server would commit: one of
    /// a guard, of SQL, or, with `autocommit` off, of whatever ran before. Cost: one round trip; two if
    /// the server's last status word says that one is open. Cancel-safe: one that was begun and not waited for
    /// is rolled back before the next command.
    pub async fn begin(&mut self) -> Result<Transaction<'_>> {
        self.begin_with(TransactionOptions::default()).await
    }

    /// Begins a transaction as `options` say. Cost: one round trip; all goes out in one write.
    /// Cancel-safe as [`begin`](Self::begin).
    pub async fn begin_with(&mut self, options: TransactionOptions) -> Result<Transaction<'_>> {
        let guard = self.begin_guard(options).await?;
        Ok(Transaction { session: self, guard })
    }

    pub(crate) async fn begin_guard(&mut self, options: TransactionOptions) -> Result<Guard> {
        let span = Span::on("begin", self);
        span.run(self.begin_now(options)).await
    }

    async fn begin_now(&mut self, options: TransactionOptions) -> Result<Guard> {
        self.settle().await?;
        if self.guarded != Guarded::Nothing {
            return Err(UsageError::TransactionOpen.into());
        }
        if self.in_transaction() {
            // An error that has ended it since came without a status word.
            self.connection.ping()?;
            self.finish_command().await?;
            if self.in_transaction() {
                return Err(UsageError::TransactionOpen.into());
            }
        }
        let first = options.set_transaction();
        if let Some(sql) = &first {
            self.connection.query(sql.as_bytes())?;
            if !self.config.pipelining {
                self.finish_command().await?;
            }
        }
        self.connection.query(options.start_transaction().as_bytes())?;
        // From here on a dropped future leaves a transaction that may be open.
        self.rollback = Some(0);
        if first.is_some() && self.config.pipelining {
            self.finish_command().await?;
        }
        self.finish_command().await?;
        self.rollback = None;
        self.guarded = Guarded::Open;
        Ok(Guard { depth: 0, open: true })
    }

    /// Notes what an error means to the transaction.
    pub(super) fn note_transaction(&mut self, error: &Error) {
        // Deadlock, MariaDB's changed snapshot, and a full lock table roll all of it back; the same
        // codes by SIGNAL, or of a user lock's deadlock on MariaDB, do not.
        if error.as_server().is_some_and(|e| matches!(e.code(), 1213 | 1020 | 1206)) {
            self.lose_transaction();
        }
        if self.guarded == Guarded::Open && error.as_server().is_some_and(|e| e.code() == 1205) {
            self.guarded = Guarded::InDoubt;
        }
    }

    /// Asks the server whether the transaction is still there, if that is in doubt: the status word
    /// behind a lock wait's timeout is not sent with the error.
    pub(super) async fn resolve_doubt(&mut self) -> Result<()> {
        if self.guarded == Guarded::InDoubt {
            self.connection.ping()?;
            self.finish_command().await?;
            self.guarded = if self.in_transaction() { Guarded::Open } else { Guarded::Ended };
        }
        Ok(())
    }

    /// Notes that the server has ended the transaction.
    pub(super) fn lose_transaction(&mut self) {
        if matches!(self.guarded, Guarded::Open | Guarded::InDoubt) {
            self.guarded = Guarded::Ended;
        }
    }

    /// Fails if a command would run outside of the transaction that it was meant for.
    pub(super) fn check_transaction(&self) -> Result<()> {
        match self.guarded {
            Guarded::Nothing | Guarded::Open | Guarded::InDoubt => Ok(()),
            Guarded::Ended => Err(UsageError::TransactionEnded.into()),
        }
    }

    /// What undoes a transaction whose guard was dropped.
    pub(super) fn rollback_sql(depth: usize) -> String {
        match depth {
            0 => "ROLLBACK".to_owned(),
            depth => format!("ROLLBACK TO SAVEPOINT mywire_{depth}"),
        }
    }
}

/// Whether the server no longer has a savepoint: it went with its transaction, which something has
/// ended meanwhile.
pub(super) fn is_unknown_savepoint(error: &Error) -> bool {
    error.as_server().is_some_and(|error| error.code() == 1305)
}

impl Transaction<'_> {
    /// Makes everything permanent; for a savepoint, a part of the transaction around it.
    ///
    /// If the connection is lost before the answer, nobody knows whether it was committed: the
    /// error's [`was_sent`](crate::Error::was_sent) is `Maybe`. Nor does anybody if the future is
    /// dropped: it is committed or rolled back, as a whole, and the session is in order.
    ///
    /// Cost: one round trip.
    pub async fn commit(mut self) -> Result<()> {
        self.guard.commit(self.session).await
    }

    /// Undoes everything since it began.
    ///
    /// Cost: one round trip, two if a lock wait that timed out leaves open what there is to undo; none
    /// for a savepoint whose transaction the server has undone. Cancel-safe: if the future is
    /// dropped, the rollback goes out before the
    /// session's next command.
    pub async fn rollback(mut self) -> Result<()> {
        self.guard.rollback(self.session).await
    }

    /// Sets a savepoint: what follows can be undone by itself.
    ///
    /// Cost: one round trip. Cancel-safe: a savepoint that nobody waited for is no more than a part
    /// of the transaction.
    pub async fn savepoint(&mut self) -> Result<Transaction<'_>> {
        let guard = self.guard.savepoint(self.session).await?;
        Ok(Transaction { session: self.session, guard })
    }
}

impl Guard {
    pub(crate) async fn commit(&mut self, session: &mut Session) -> Result<()> {
        let span = Span::on("commit", session);
        span.run(self.commit_now(session)).await
    }

    async fn commit_now(&mut self, session: &mut Session) -> Result<()> {
        if session.guarded == Guarded::Nothing {
            // The server would say OK, of nothing: a reset, or another account, has undone it.
            return Err(UsageError::TransactionEnded.into());
        }
        let sql = match self.depth {
            0 => "COMMIT".to_owned(),
            depth => format!("RELEASE SAVEPOINT mywire_{depth}"),
        };
        self.end(session, &sql).await
    }

    pub(crate) async fn rollback(&mut self, session: &mut Session) -> Result<()> {
        let span = Span::on("rollback", session);
        span.run(self.rollback_now(session)).await
    }

    async fn rollback_now(&mut self, session: &mut Session) -> Result<()> {
        session.drain().await?;
        session.resolve_doubt().await?;
        match session.guarded {
            // The savepoint went with the transaction, whose own guard sees to the rest.
            Guarded::Ended if self.depth > 0 => return Ok(()),
            Guarded::Ended => {
                self.open = false;
                session.guarded = Guarded::Nothing;
                session.rollback = Some(0);
                return session.settle().await;
            }
            // A reset was; what one that was refused has left is undone here.
            Guarded::Nothing => return session.settle().await,
            Guarded::Open | Guarded::InDoubt => {}
        }
        let sql = Session::rollback_sql(self.depth);
        self.end(session, &sql).await
    }

    pub(crate) async fn savepoint(&self, session: &mut Session) -> Result<Self> {
        let depth = self.depth + 1;
        let span = Span::on("savepoint", session);
        span.run(session.command(&format!("SAVEPOINT mywire_{depth}"))).await?;
        Ok(Self { depth, open: true })
    }

    /// Ends it. Whatever the answer, or if nobody waits for it, the guard has nothing to undo any
    /// more unless the server refused.
    async fn end(&mut self, session: &mut Session, sql: &str) -> Result<()> {
        session.command(sql).await?;
        self.open = false;
        if self.depth == 0 {
            session.guarded = Guarded::Nothing;
        }
        Ok(())
    }

    /// Has the session undo what was not ended.
    pub(crate) fn leave(&self, session: &mut Session) {
        if !self.open || session.guarded == Guarded::Nothing {
            return;
        }
        let ended = session.guarded == Guarded::Ended;
        session.rollback = match session.rollback {
            // The transaction's own guard sees to it.
            _ if ended && self.depth > 0 => None,
            Some(other) => Some(other.min(self.depth)),
            None => Some(self.depth),
        };
        if self.depth == 0 {
            session.guarded = Guarded::Nothing;
        }
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
        self.guard.leave(self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_sql() {
        let plain = TransactionOptions::default();
        assert_eq!(plain.start_transaction().trim(), "START TRANSACTION");
        assert_eq!(plain.set_transaction(), None);
        let all =
            plain.isolation(IsolationLevel::RepeatableRead).read_only(true).consistent_snapshot();
        assert_eq!(
            all.start_transaction(),
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
        );
        let level = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
        assert_eq!(all.set_transaction().as_deref(), Some(level));
    }
}
