//! Sockets, timeouts, and the session over [`Connection`]: the tokio front, and what the blocking
//! front wraps.

mod bulk;
mod cancel;
mod change_user;
mod chunked;
mod clock;
mod connect;
mod cursor;
mod dial;
mod driver;
mod execute;
mod facts;
mod input;
mod leave;
mod lifeline;
mod load;
mod long_data;
mod pipeline;
#[cfg(feature = "pool")]
mod pool;
mod redirect;
mod route;
#[cfg(feature = "stream")]
mod row_stream;
mod rows;
mod setup;
mod statement;
#[cfg(feature = "blocking")]
mod std_stream;
mod stream;
mod time;
mod trace;
mod transaction;

use std::sync::Arc;

pub use bulk::BulkRow;
pub use cancel::CancelHandle;
pub use chunked::{ChunkedRow, Field};
#[cfg(feature = "blocking")]
pub(crate) use connect::Front;
pub use cursor::Cursor;
#[cfg(feature = "blocking")]
pub(crate) use input::Std as StdInput;
pub use pipeline::Pipeline;
#[cfg(feature = "pool")]
pub use pool::{Pool, PoolHooks, PoolStatus, PooledSession};
#[cfg(feature = "stream")]
pub use row_stream::RowStream;
pub use rows::Rows;
pub use statement::{Query, Statement};
#[cfg(feature = "blocking")]
pub(crate) use transaction::Guard;
pub use transaction::{IsolationLevel, Transaction, TransactionOptions};

use crate::attributes::QueryAttributes;
use crate::config::{Compression, Config};
use crate::error::{Result, UsageError};
use crate::params::Params;
use crate::proto::{Connection, Done, Step};
use crate::row::FromRow;
use crate::setup::after_reset;
use crate::wire::{Execute, StatusFlags};
use clock::{Alarm, Clock};
use leave::{Absorbing, Leaving};
use lifeline::Lifeline;
use route::Identity;
use statement::{Closing, Source, StatementCache};
use stream::Stream;
use trace::Span;
use transaction::{Guarded, is_unknown_savepoint};

/// A session with a server.
///
/// One statement runs at a time: [`Rows`] borrow the session until they are read or dropped, so a
/// second command meanwhile does not compile:
///
/// ```compile_fail,E0499
/// # async fn example(mut session: mywire::Session) -> mywire::Result<()> {
/// let mut rows = session.query("SELECT 1", ()).await?;
/// session.ping().await?;
/// rows.next().await?;
/// # Ok(())
/// # }
/// ```
///
/// while it does once they are gone:
///
/// ```no_run
/// # async fn example(mut session: mywire::Session) -> mywire::Result<()> {
/// let mut rows = session.query("SELECT 1", ()).await?;
/// rows.next().await?;
/// session.ping().await?;
/// # Ok(())
/// # }
/// ```
///
/// **Leaving early.** Every method may be dropped at any await, and rows before their end. What was
/// under way is settled by the next method: what is still due is read and thrown away, up to
/// [`Limits::max_discard`](crate::Limits) bytes and for [`Limits::max_skip_time`](crate::Limits).
/// Beyond that the statement is killed on the server, which takes milliseconds however much is left,
/// or the session closes with an error that says so: see [`Discard`](crate::Discard). A later
/// statement never sees an earlier one's rows.
///
/// A dropped statement may or may not have been executed, once at most. A future that was never
/// polled has sent nothing. One that was polled has written its statement to the socket, unless that
/// took none of it, as when its buffers are full: then, and when only a part was written, the next
/// method writes the rest, and the statement is executed in front of it. Nothing takes it back, for
/// TLS has counted its bytes; a session that is closed or dropped instead sends nothing more of it.
///
/// **Errors.** [`Error::is_fatal`](crate::Error::is_fatal) tells whether the session is still usable.
/// A dead one answers
/// every call with an error and writes nothing.
///
/// Dropping a session closes it; [`close`](Self::close) does so in order.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    stream: Stream,
    config: Arc<Config>,
    /// How the server is called in errors.
    peer: Box<str>,
    /// Bytes received since the session was opened.
    received: u64,
    /// Bytes were written and not flushed yet.
    flush_due: bool,
    /// Why writing failed, until reading has shown whether the server said more about it.
    write_error: Option<std::io::Error>,
    statements: StatementCache,
    closing: Arc<Closing>,
    /// A transaction, or the savepoint of this depth in it, whose guard is gone: to be undone
    /// before the next command.
    rollback: Option<usize>,
    guarded: Guarded,
    /// The setup is to be sent before the next command, because the user changed, or nobody heard
    /// what came of it behind a reset.
    setup_due: bool,
    clock: Clock,
    /// The timer of what is being left, and when it is due: a blocking stream waits no longer.
    alarm: Alarm,
    wake: Option<std::time::Instant>,
    leaving: Option<Leaving>,
    /// The no-op that takes a kill which may come too late.
    absorbing: Absorbing,
    lifeline: Arc<Lifeline>,
    identity: Option<Identity>,
}

impl Session {
    /// Runs a statement and streams what it returns.
    ///
    /// SQL without parameters goes out as it is, through the text protocol; with parameters, one
    /// for each `?`, it is prepared first unless the session's cache has it, and executed through
    /// the binary protocol. A [`Statement`] is always executed through the binary protocol.
    ///
    /// Cost: one write, and one more round trip if the statement has to be prepared; reads as the
    /// rows are asked for. Nothing is buffered beyond the session's read buffer, and the server
    /// waits while nobody reads. A statement that returns no rows gives [`Rows`] without columns.
    ///
    /// Text is UTF-8, that of parameters too. Where SQL has made the session's character set another
    /// one, SQL of more than ASCII is not sent ([`UsageError::ForeignCharacterSet`]); string parameters
    /// are, as they are, and the server takes them for its own character set's: give it bytes there.
    ///
    /// Fails with the server's error, or, with nothing sent, if the number of parameters is wrong,
    /// one cannot be sent, the whole exceeds 1 GiB, or the statement is another session's.
    /// Cancel-safe: see [`Session`].
    pub async fn query(&mut self, query: impl Query, params: impl Params) -> Result<Rows<'_>> {
        let span = Span::statement(self, &query);
        let rows = span.run(self.begin_query(query, params)).await?;
        Ok(rows.in_span(span))
    }

    async fn begin_query(&mut self, query: impl Query, params: impl Params) -> Result<Rows<'_>> {
        self.settle().await?;
        self.lifeline.begin()?;
        self.clock.begin_statement();
        match self.start(query.source(), &params).await {
            Ok((begun, cursor)) => Ok(Rows::new(self, begun, cursor)),
            Err(error) => {
                self.end_statement();
                Err(error)
            }
        }
    }

    /// Sends a statement and waits for its first result: whether that has rows, and the statement
    /// whose cursor has more of them.
    async fn start(
        &mut self,
        source: Source<'_>,
        params: &impl Params,
    ) -> Result<(bool, Option<Statement>)> {
        match source {
            Source::Sql(sql) if params.count() == 0 => {
                self.lifeline.run()?;
                self.connection.query(sql.as_bytes())?;
                Ok((self.begin_result().await?, None))
            }
            Source::Sql(sql) => Ok((self.run_cached(sql, params).await?, None)),
            Source::Statement(statement) => {
                let begun = self.run(statement, params).await?;
                Ok((begun, statement.has_cursor().then(|| statement.clone())))
            }
        }
    }

    async fn run_cached(&mut self, sql: &str, params: &impl Params) -> Result<bool> {
        let (statement, known) = self.cached(sql).await?;
        match self.run(&statement, params).await {
            Err(error) if self.spoils_cached(sql, &statement, &error) && known => {
                // The server does not know the statement, so it did not execute it (K-24).
                drop(statement);
                self.settle().await?;
                let (statement, _) = self.cached(sql).await?;
                let begun = self.run(&statement, params).await;
                if let Err(error) = &begun {
                    self.spoils_cached(sql, &statement, error);
                }
                begun
            }
            begun => begun,
        }
    }

    /// Executes a statement in a session that is settled; `true` if its first result is a result
    /// set.
    async fn run(&mut self, statement: &Statement, params: &impl Params) -> Result<bool> {
        self.check_owner(statement)?;
        statement.check_count(params)?;
        let handle = self.handle(statement).await?;
        self.settle_long_data(statement, handle, params).await?;
        self.lifeline.run()?;
        let flags = if statement.has_cursor() { Execute::CURSOR_READ_ONLY } else { 0 };
        let mut types = handle.take_types();
        self.send_execute(handle.id(), flags, params, &mut types, true)?;
        statement.note_execution();
        handle.long_data().give();
        let begun = self.begin_result().await?;
        handle.put_types(types);
        handle.long_data().clear();
        Ok(begun)
    }

    /// Runs a statement to its end and tells how it went; see [`query`](Self::query). Rows that it
    /// returns are skipped.
    ///
    /// Cost: as [`query`](Self::query), and whatever the server sends is read. Cancel-safe: see [`Session`].
    pub async fn execute(&mut self, query: impl Query, params: impl Params) -> Result<Done> {
        self.query(query, params).await?.finish().await
    }

    /// Runs a statement that returns exactly one row, and decodes it; see [`query`](Self::query).
    ///
    /// No row and more than one are errors; the session is usable after both. Cancel-safe: see
    /// [`Session`].
    pub async fn fetch_one<T>(&mut self, query: impl Query, params: impl Params) -> Result<T>
    where
        T: for<'r> FromRow<'r>,
    {
        self.fetch_optional(query, params).await?.ok_or_else(|| UsageError::NoRow.into())
    }

    /// Runs a statement that returns at most one row, and decodes it; see [`query`](Self::query).
    ///
    /// More than one row is an error; the session is usable after it. Cancel-safe: see
    /// [`Session`].
    pub async fn fetch_optional<T>(
        &mut self,
        query: impl Query,
        params: impl Params,
    ) -> Result<Option<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        let mut rows = self.query_rows(query, params).await?;
        let Some(row) = rows.next().await? else {
            // An error behind the empty result is the statement's too.
            rows.finish().await?;
            return Ok(None);
        };
        let value = row.decode()?;
        if rows.next().await?.is_some() {
            return Err(UsageError::ManyRows.into());
        }
        rows.finish().await?;
        Ok(Some(value))
    }

    /// Runs a statement and decodes all rows of its first result; see [`query`](Self::query).
    ///
    /// Memory grows with the result; [`query`](Self::query) streams it instead. Cancel-safe: see
    /// [`Session`].
    pub async fn fetch_all<T>(&mut self, query: impl Query, params: impl Params) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        let mut rows = self.query_rows(query, params).await?;
        let all = rows.collect().await?;
        rows.finish().await?;
        Ok(all)
    }

    /// [`query`](Self::query) for statements that must return rows.
    async fn query_rows(&mut self, query: impl Query, params: impl Params) -> Result<Rows<'_>> {
        let rows = self.query(query, params).await?;
        if rows.columns().is_empty() {
            return Err(UsageError::NoResultSet.into());
        }
        Ok(rows)
    }

    /// Asks whether the server is there. Cost: one round trip; the server's idle timer starts anew.
    /// Cancel-safe: see [`Session`].
    pub async fn ping(&mut self) -> Result<()> {
        let span = Span::on("ping", self);
        span.run(async {
            self.settle().await?;
            self.connection.ping()?;
            self.finish_command().await.map(drop)
        })
        .await
    }

    /// Makes `database` the default database.
    ///
    /// Cost: one round trip. Fails with the server's error, and the default database stays, or, with
    /// nothing sent, if the name has a NUL. Cancel-safe: see [`Session`].
    pub async fn use_database(&mut self, database: &str) -> Result<()> {
        if database.contains('\0') {
            return Err(UsageError::Nul { what: "database name" }.into());
        }
        self.settle().await?;
        self.connection.init_db(database.as_bytes())?;
        self.finish_command().await.map(drop)
    }

    /// Makes the session as good as new: rolls back, drops temporary tables, user variables,
    /// prepared statements and locks, and takes the server's values for session variables. Query
    /// attributes are forgotten. The default database stays, the character set is utf8mb4 again, and
    /// what the configuration says of the session holds again: collation, SQL mode, time zone, init
    /// commands.
    ///
    /// A [`Transaction`] that this is called on is over: its commit fails with
    /// [`UsageError::TransactionEnded`].
    ///
    /// Cost: one round trip; all commands go out in one write. Cancel-safe: see [`Session`]; a reset
    /// that was begun happens.
    pub async fn reset(&mut self) -> Result<()> {
        self.settle().await?;
        self.connection.reset_connection()?;
        let statements = self.forget_statements();
        self.set_query_attributes(QueryAttributes::default());
        let config = Arc::clone(&self.config);
        self.setup_due = true;
        let parts = self.begin_setup(after_reset(&config, self.is_mariadb()))?;
        if std::mem::take(&mut self.guarded) != Guarded::Nothing {
            // Should the server refuse, or nobody wait for its answer, the guard counts as dropped.
            self.rollback = Some(0);
        }
        if let Err(error) = self.finish_command().await {
            // Nothing was reset: the server still has the statements, and the caller hears of it.
            self.setup_due = false;
            self.remember_statements(statements);
            return Err(error);
        }
        self.rollback = None;
        let finished = self.finish_setup(parts).await;
        self.setup_due = false;
        finished
    }

    /// Says good-bye to the server and closes the transport. Never waits for long: a peer that does
    /// not take the farewell loses it. Never fails. If the future is dropped, so is the session,
    /// which closes it as well.
    pub async fn close(mut self) -> Result<()> {
        self.close_in_order().await;
        Ok(())
    }

    /// The server's version as it calls itself.
    #[must_use]
    pub fn server_version(&self) -> &str {
        self.connection.server().version()
    }

    /// Whether the server looks like a MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.connection.server().is_mariadb()
    }

    /// The session's id on the server, as its greeting gave it: 32 bits of it, and a proxy's behind
    /// a proxy. `SELECT CONNECTION_ID()` knows better.
    #[must_use]
    pub fn connection_id(&self) -> u32 {
        self.connection.server().connection_id()
    }

    /// The last status word that the server sent.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        self.connection.server().status()
    }

    /// The default database, as far as the server tells.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.connection.server().database()
    }

    /// Whether a transaction is open, according to the last status word.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.status().contains(StatusFlags::IN_TRANS)
    }

    /// How many warnings the last statement left; `SHOW WARNINGS` lists them.
    #[must_use]
    pub fn warnings(&self) -> u16 {
        self.connection.done().warnings
    }

    /// Whether the bytes on the wire are encrypted by TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.connection.is_encrypted()
    }

    /// What compresses the bytes on the wire, if anything does.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        self.connection.compression()
    }

    /// The authentication plugin that logged the session in, of several factors the last one; empty
    /// if the server changed the user without asking for anything, as it does for accounts of a Unix
    /// socket.
    #[must_use]
    pub fn auth_plugin(&self) -> &'static str {
        self.connection.server().auth_plugin()
    }

    /// Whether the session died of an error.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.connection.is_dead()
    }

    /// Waits for the next result of the command in progress: `true` if it is a result set, `false`
    /// if it was an OK.
    async fn begin_result(&mut self) -> Result<bool> {
        loop {
            match self.due_step().await? {
                Step::Columns => return Ok(true),
                Step::Done => return Ok(false),
                _ => {}
            }
        }
    }

    /// Runs a statement of the session's own, which is never killed.
    async fn command(&mut self, sql: &str) -> Result<Done> {
        self.settle().await?;
        self.connection.query(sql.as_bytes())?;
        self.finish_command().await
    }

    /// The statement in progress is over.
    fn end_statement(&mut self) {
        self.lifeline.end();
        self.clock.end_statement();
    }

    /// Skips what is left of the replies in front of the last `due` commands.
    async fn skip_until(&mut self, due: usize) -> Result<()> {
        while self.connection.unanswered() > due {
            self.connection.skip_rows();
            match self.step().await {
                // It was about what nobody looked at.
                Err(error) if !error.is_fatal() => {}
                step => drop(step?),
            }
        }
        Ok(())
    }

    /// Waits for the end of a command that returns no rows.
    async fn finish_command(&mut self) -> Result<Done> {
        while self.due_step().await? != Step::Done {}
        Ok(self.connection.done())
    }

    /// Brings the session to where a command can be given: what an earlier one left is read and
    /// thrown away, statements that nobody has are closed, and a transaction whose guard was
    /// dropped is undone.
    async fn settle(&mut self) -> Result<()> {
        self.drain().await?;
        self.settle_setup().await?;
        self.resolve_doubt().await?;
        self.check_transaction()?;
        self.close_dropped_statements()?;
        if let Some(depth) = self.rollback {
            self.connection.query(Self::rollback_sql(depth).as_bytes())?;
            match self.finish_command().await {
                Err(error) if depth > 0 && is_unknown_savepoint(&error) => self.lose_transaction(),
                outcome => drop(outcome?),
            }
            self.rollback = None;
        }
        self.check_transaction()
    }

    /// Bytes received and inflated so far.
    fn worked_through(&self) -> u64 {
        self.received.saturating_add(self.connection.inflated())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.lifeline.close();
        // A farewell keeps the server from counting an aborted client. It is offered, not waited
        // for: an unread reply would stand in its way anyway.
        if !self.connection.is_dead() && self.connection.is_idle() && self.connection.quit().is_ok()
        {
            let _ = self.stream.try_write(self.connection.send_buf());
        }
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;

    /// Sessions and everything that waits on them can move between threads.
    #[expect(dead_code, reason = "it only has to compile")]
    fn futures_are_send(session: &mut Session) {
        fn check<T: Send>(_: T) {}

        check(Session::connect("mysql://"));
        check(Session::from_stream(tokio::io::empty(), &Config::default()));
        check(session.query("", ()));
        check(session.fetch_all::<(u64, String)>("", ()));
        check(session.reset());
        check(session.change_user(&Config::default()));
        let handle = session.cancel_handle();
        check(async move { handle.cancel().await });
        check(async {
            let mut rows = session.query("", ()).await?;
            while let Some(row) = rows.next().await? {
                let _: (u64, &str) = row.decode()?;
            }
            while let Some(batch) = rows.next_batch().await? {
                tokio::task::yield_now().await;
                assert!(!batch.is_empty());
            }
            rows.finish().await
        });
    }

    #[test]
    fn sessions_are_send() {
        static_assertions::assert_impl_all!(Session: Send);
        static_assertions::assert_impl_all!(Rows<'_>: Send);
        #[cfg(feature = "stream")]
        static_assertions::assert_impl_all!(RowStream<'_>: Send, Unpin);
        static_assertions::assert_impl_all!(CancelHandle: Send, Sync, Clone);
    }
}
