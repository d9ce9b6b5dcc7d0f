//! The session.

use std::io::{Read, Write};

use super::{Pipeline, Rows, Transaction, now};
use crate::attributes::QueryAttributes;
use crate::config::{Compression, Config};
use crate::error::{BulkDone, Result};
use crate::params::Params;
use crate::proto::{Done, TransactionState};
use crate::row::FromRow;
use crate::session::{BulkRow, Cursor, Front, Query, Statement, StdInput, TransactionOptions};
use crate::wire::{SessionState, StatusFlags};

/// A session with a server, for code without a runtime.
///
/// One statement runs at a time: [`Rows`] borrow the session until they are read or dropped, so a
/// second command meanwhile does not compile:
///
/// ```compile_fail,E0499
/// # fn example(mut session: mywire::blocking::Session) -> mywire::Result<()> {
/// let mut rows = session.query("SELECT 1", ())?;
/// session.ping()?;
/// rows.next()?;
/// # Ok(())
/// # }
/// ```
///
/// Rows that were not read are left by the next command: skipped, up to
/// [`Limits::max_discard`](crate::Limits) bytes and for [`Limits::max_skip_time`](crate::Limits);
/// beyond that the statement is killed on the server, or the session closes with an error that says
/// so, see [`Discard`](crate::Discard).
///
/// **Errors.** [`Error::is_fatal`](crate::Error::is_fatal) tells whether the session is still
/// usable. A dead one answers every call with an error and writes nothing.
///
/// Dropping a session closes it; [`close`](Self::close) does so in order.
#[derive(Debug)]
pub struct Session(pub(super) crate::session::Session);

impl Session {
    /// Opens a session with the server that a URL names; see [`Config`] for the form of URLs.
    ///
    /// Cost: the handshake and nothing more, unless a collation, a server's statement timeout or
    /// [`Config::identify`] is configured, which take one round trip together. Fails within [`Config::connect_timeout`], but for the time that the system takes
    /// to look up the host.
    pub fn connect(url: &str) -> Result<Self> {
        Self::connect_with(&url.parse()?)
    }

    /// Opens a session as `config` says; see [`connect`](Self::connect).
    pub fn connect_with(config: &Config) -> Result<Self> {
        now(crate::session::Session::connect_in(Front::Blocking, config)).map(Self)
    }

    /// Opens a session over the caller's own transport, which is taken for a network, and for one
    /// to the host of `config`. A proxy's tunnel is one.
    ///
    /// Its methods have to wait: one that reports `WouldBlock` fails. No timeout of the
    /// configuration applies, so the transport should have its own; and where it holds less than
    /// what both sides send at once, they wait for each other, because it cannot be read while it
    /// is written to.
    pub fn from_stream<S>(stream: S, config: &Config) -> Result<Self>
    where
        S: Read + Write + Send + 'static,
    {
        now(crate::session::Session::over_std(stream, config)).map(Self)
    }

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
    /// Fails with the server's error, or, with nothing sent, if the number of parameters is wrong,
    /// one cannot be sent, the whole exceeds 1 GiB, or the statement is another session's.
    pub fn query(&mut self, query: impl Query, params: impl Params) -> Result<Rows<'_>> {
        now(self.0.query(query, params)).map(Rows)
    }

    /// Runs a statement to its end and tells how it went; see [`query`](Self::query). Rows that it
    /// returns are skipped.
    pub fn execute(&mut self, query: impl Query, params: impl Params) -> Result<Done> {
        now(self.0.execute(query, params))
    }

    /// Runs a statement that returns exactly one row, and decodes it; see [`query`](Self::query).
    ///
    /// No row and more than one are errors; the session is usable after both.
    pub fn fetch_one<T>(&mut self, query: impl Query, params: impl Params) -> Result<T>
    where
        T: for<'r> FromRow<'r>,
    {
        now(self.0.fetch_one(query, params))
    }

    /// Runs a statement that returns at most one row, and decodes it; see [`query`](Self::query).
    ///
    /// More than one row is an error; the session is usable after it.
    pub fn fetch_optional<T>(&mut self, query: impl Query, params: impl Params) -> Result<Option<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        now(self.0.fetch_optional(query, params))
    }

    /// Runs a statement and decodes all rows of its first result; see [`query`](Self::query).
    ///
    /// Memory grows with the result; [`query`](Self::query) streams it instead.
    pub fn fetch_all<T>(&mut self, query: impl Query, params: impl Params) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        now(self.0.fetch_all(query, params))
    }

    /// Prepares a statement. Cost: one round trip.
    pub fn prepare(&mut self, sql: &str) -> Result<Statement> {
        now(self.0.prepare(sql))
    }

    /// Sends the value of a parameter from a reader, of any length, before the statement is
    /// executed.
    ///
    /// `parameter` is its place, from 0; the execution then takes
    /// [`LongData`](crate::LongData) in its place. Memory stays flat: the reader is asked for more
    /// only as the server takes it. The server's own limits hold (`max_allowed_packet`), and their
    /// errors come with the execution.
    ///
    /// If the reader fails, what the server has of the values is dropped, and the error says so
    /// with [`IoTask::ReadValue`](crate::error::IoTask); the session is usable. Gives the number of
    /// bytes sent.
    pub fn send_long_data(
        &mut self,
        statement: &Statement,
        parameter: u16,
        reader: impl Read,
    ) -> Result<u64> {
        now(self.0.send_pieces(statement, parameter, StdInput(reader)))
    }

    /// Runs a `LOAD DATA LOCAL INFILE` or `LOAD XML LOCAL INFILE` statement with the data of a
    /// reader.
    ///
    /// All that the asynchronous session's method of this name says holds: it needs
    /// [`Config::local_infile`], memory stays flat, the name in the statement is free text, and if
    /// the reader fails the session is closed, so that the server does not take a part of the data
    /// for the whole.
    pub fn load_local(&mut self, sql: &str, reader: impl Read) -> Result<Done> {
        now(self.0.load(sql, StdInput(reader)))
    }

    /// Drops what the server has of a statement's values, and closes its cursor. Cost: one round
    /// trip.
    pub fn reset_statement(&mut self, statement: &Statement) -> Result<()> {
        now(self.0.reset_statement(statement))
    }

    /// Goes on with rows that were put aside.
    ///
    /// Cost: nothing if rows are kept; else the fetch of the next ones, whose rows are read as they
    /// are asked for. Fails, with nothing sent, if the cursor is another session's, or was lost when
    /// this one was reset, or if its statement was executed again or reset meanwhile. What else
    /// closes it on the server is the server's error at the next fetch (1421).
    pub fn resume(&mut self, cursor: Cursor) -> Result<Rows<'_>> {
        now(self.0.resume(cursor)).map(Rows)
    }

    /// Begins a pipeline: commands that do not wait for each other. Cost: nothing by itself.
    pub fn pipeline(&mut self) -> Pipeline<'_> {
        Pipeline(self.0.pipeline())
    }

    /// Executes a statement once for each row of parameters.
    ///
    /// MariaDB gets many rows in one command, up to 1 MiB of them; other servers, and statements
    /// that return rows, one command for each, without waiting in between. Rows are taken from the
    /// iterator as there is room, so memory stays flat. A parameter can be a
    /// [`BulkValue`](crate::BulkValue).
    ///
    /// The first failure ends it with [`Error::Bulk`](crate::Error::Bulk), which names the row and
    /// tells what was done. It is not undone: begin a transaction for that.
    pub fn bulk<P: Params>(
        &mut self,
        statement: &Statement,
        rows: impl IntoIterator<Item = P>,
    ) -> Result<BulkDone> {
        now(self.0.bulk(statement, rows))
    }

    /// [`bulk`](Self::bulk), with what each row's execution did: its insert id above all.
    ///
    /// Cost: a closure call for each row; MariaDB before 11.5 cannot tell, so there each row is a
    /// command of its own.
    pub fn bulk_each<P: Params>(
        &mut self,
        statement: &Statement,
        rows: impl IntoIterator<Item = P>,
        each: impl FnMut(BulkRow),
    ) -> Result<BulkDone> {
        now(self.0.bulk_each(statement, rows, each))
    }

    /// Begins a transaction. Cost: one round trip.
    pub fn begin(&mut self) -> Result<Transaction<'_>> {
        self.begin_with(TransactionOptions::default())
    }

    /// Begins a transaction as `options` say. Cost: one round trip; all goes out in one write.
    pub fn begin_with(&mut self, options: TransactionOptions) -> Result<Transaction<'_>> {
        let guard = now(self.0.begin_guard(options))?;
        Ok(Transaction { session: self, guard })
    }

    /// Asks whether the server is there. Cost: one round trip; the server's idle timer starts anew.
    pub fn ping(&mut self) -> Result<()> {
        now(self.0.ping())
    }

    /// Makes `database` the default database.
    pub fn use_database(&mut self, database: &str) -> Result<()> {
        now(self.0.use_database(database))
    }

    /// Makes the session as good as new: rolls back, drops temporary tables, user variables,
    /// prepared statements and locks, and takes the server's values for session variables. The
    /// default database stays, and the character set is utf8mb4 again.
    ///
    /// Cost: one round trip; both commands go out in one write.
    pub fn reset(&mut self) -> Result<()> {
        now(self.0.reset())
    }

    /// Logs in as the account of `config` on the connection that is there (COM_CHANGE_USER), and
    /// makes the session as good as new, as [`reset`](Self::reset) does.
    ///
    /// Of `config` count the user, the passwords, the database (none if none is named), the
    /// collation, the connection attributes and what is said about plugins; all else stays as it is.
    ///
    /// Cost: two round trips for the login, more for some plugins, and one for the character set.
    ///
    /// A refusal by the server leaves the session dead: MySQL closes the connection then, and
    /// MariaDB would go on as an account that was reset and not left. A configuration that is not
    /// valid is refused before anything is sent, and the session lives.
    pub fn change_user(&mut self, config: &Config) -> Result<()> {
        now(self.0.change_user(config))
    }

    /// Says good-bye to the server and closes the transport. Never waits for long: a peer that does
    /// not take the farewell loses it.
    pub fn close(self) -> Result<()> {
        now(self.0.close())
    }

    /// Sets the attributes that go with every later statement, until others are set. Needs
    /// [`Config::query_attributes`]; says whether the server takes them: MySQL does from 8.0.26 on.
    pub fn set_query_attributes(&mut self, attributes: QueryAttributes) -> bool {
        self.0.set_query_attributes(attributes)
    }

    /// The last global transaction ids that the server told of, see [`Done::gtids`].
    #[must_use]
    pub fn gtids(&self) -> Option<&str> {
        self.0.gtids()
    }

    /// What the open transaction has done so far, with `session_track_transaction_info`; `None`
    /// while the server has told nothing.
    #[must_use]
    pub fn transaction_state(&self) -> Option<TransactionState> {
        self.0.transaction_state()
    }

    /// The URL of the server that this one would rather have asked (MariaDB from 11.3 on). It is
    /// told, not followed.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.0.redirect_url()
    }

    /// What the server told of the session's state at the login.
    #[must_use]
    pub fn login_state(&self) -> SessionState<'_> {
        self.0.login_state()
    }

    /// The server's version as it calls itself.
    #[must_use]
    pub fn server_version(&self) -> &str {
        self.0.server_version()
    }

    /// Whether the server looks like a MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.0.is_mariadb()
    }

    /// The session's id on the server, as its greeting gave it: 32 bits of it, and a proxy's behind
    /// a proxy. `SELECT CONNECTION_ID()` knows better.
    #[must_use]
    pub fn connection_id(&self) -> u32 {
        self.0.connection_id()
    }

    /// The last status word that the server sent.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        self.0.status()
    }

    /// The default database, as far as the server tells.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.0.database()
    }

    /// Whether a transaction is open, according to the last status word.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.0.in_transaction()
    }

    /// How many warnings the last statement left; `SHOW WARNINGS` lists them.
    #[must_use]
    pub fn warnings(&self) -> u16 {
        self.0.warnings()
    }

    /// Whether the bytes on the wire are encrypted by TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.is_encrypted()
    }

    /// What compresses the bytes on the wire, if anything does.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        self.0.compression()
    }

    /// The authentication plugin that logged the session in.
    #[must_use]
    pub fn auth_plugin(&self) -> &'static str {
        self.0.auth_plugin()
    }

    /// Whether the session died of an error.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.is_dead()
    }
}
