//! Prepared statements and the session's cache of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::Session;
use super::long_data::LongData;
use super::trace::Span;
use crate::columns::Columns;
use crate::error::{Error, Result, ServerError, UsageError};
use crate::named::NamedSql;
use crate::params::Params;
use crate::proto::Step;
use crate::sql::{can_choose_database, changes_rows};
use crate::wire::PrepareOk;
use crate::wire::statement::ParameterType;

/// Too many prepared statements on the server.
const TOO_MANY_STATEMENTS: u16 = 1461;

/// The server does not know the statement.
const UNKNOWN_STATEMENT: u16 = 1243;

/// What executions fail with, again and again, until the statement is prepared anew: 1615 says so;
/// 3144 is MySQL's when it took a parameter for a number once, which a JSON column then refuses.
/// Both can come from the middle of a procedure or of many rows, so they do not prove that nothing
/// was executed.
const SPOILT: [u16; 2] = [1615, 3144];

/// A prepared statement of one session. Cheap to clone.
///
/// When the last clone is dropped, the server's statement is closed together with the session's
/// next command: no round trip, and no runtime in `Drop`.
#[derive(Clone)]
pub struct Statement {
    prepared: Arc<Prepared>,
    fetch_size: u32,
}

struct Prepared {
    sql: Box<str>,
    /// The default database that it was prepared in.
    database: Option<Box<str>>,
    parameters: usize,
    columns: Arc<Columns>,
    first: Handle,
    /// Whether the first handle is executed with a cursor; see [`Session::handle`].
    first_has_cursor: OnceLock<bool>,
    /// The statement prepared once more, for the executions that the first is not for.
    second: OnceLock<Handle>,
    /// Counts what closes the statement's cursor: executions and resets.
    executions: AtomicU64,
}

/// A statement on the server.
pub(super) struct Handle {
    id: u32,
    /// The types of the parameters that the server knows; empty if it may not know any.
    types: Mutex<Vec<ParameterType>>,
    long_data: Mutex<LongData>,
    closing: Arc<Closing>,
}

/// The ids of statements that nobody has any more, to be closed by the session that prepared them.
/// Sessions are told apart by it; a reset, which loses all statements, begins a new one.
#[derive(Debug, Default)]
pub(super) struct Closing {
    ids: Mutex<Vec<u32>>,
}

impl Statement {
    /// How many parameters the statement has.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.prepared.parameters
    }

    /// The columns that the statement returned when it was prepared; none if it returns no rows,
    /// or for a CALL. [`Rows::columns`](super::Rows::columns) has those of an execution, which can
    /// differ after an ALTER TABLE (E-62).
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.prepared.columns
    }

    /// The statement with a server-side cursor: `rows` rows are fetched at a time, each time with
    /// one round trip. 0 is the statement without one, which streams.
    ///
    /// A cursor lets the server finish with the tables while the rows are read slowly; the server
    /// keeps the whole result for it. Otherwise streaming is faster and cheaper for both. Rows of a
    /// cursor can be put aside for other commands: [`Rows::suspend`](super::Rows::suspend).
    ///
    /// Rows that are left early leave the cursor, and what the server keeps for it, until the statement
    /// is executed again, reset ([`Session::reset_statement`]) or closed.
    ///
    /// On MySQL a statement that is executed both with a fetch size and without one is prepared
    /// twice: its first execution in the other way costs one round trip more.
    #[must_use]
    pub fn with_fetch_size(mut self, rows: u32) -> Self {
        self.fetch_size = rows;
        self
    }

    /// Fails unless there is a parameter for each `?`.
    pub(super) fn check_count(&self, params: &impl Params) -> Result<()> {
        let (wanted, given) = (self.parameters(), params.count());
        if wanted == given {
            return Ok(());
        }
        Err(UsageError::ParameterCount { statement: wanted, given }.into())
    }

    pub(super) fn fetch_size(&self) -> u32 {
        self.fetch_size
    }

    /// Whether executions ask for a cursor. Only what returns rows can have one: MySQL refuses it
    /// for others with error 1210.
    pub(super) fn has_cursor(&self) -> bool {
        self.fetch_size > 0 && !self.prepared.columns.is_empty()
    }

    /// Whether an execution can change the default database.
    pub(super) fn can_choose_database(&self) -> bool {
        self.prepared.parameters == 0
            && self.prepared.columns.is_empty()
            && can_choose_database(&self.prepared.sql)
    }

    /// Whether it is an INSERT, REPLACE, UPDATE or DELETE.
    pub(super) fn changes_rows(&self) -> bool {
        changes_rows(&self.prepared.sql)
    }

    pub(super) fn note_execution(&self) {
        self.prepared.executions.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the statement's cursor was closed.
    pub(super) fn executions(&self) -> u64 {
        self.prepared.executions.load(Ordering::Relaxed)
    }

    /// The handle that the last execution with this statement's fetch size used.
    pub(super) fn used_handle(&self) -> &Handle {
        let prepared = &self.prepared;
        match prepared.second.get() {
            Some(second) if prepared.first_has_cursor.get() != Some(&self.has_cursor()) => second,
            _ => &prepared.first,
        }
    }

    /// All that the server knows the statement as.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> {
        [Some(&self.prepared.first), self.prepared.second.get()].into_iter().flatten()
    }
}

impl Handle {
    fn new(id: u32, closing: Arc<Closing>) -> Self {
        Self { id, types: Mutex::default(), long_data: Mutex::default(), closing }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Takes the types that the server knows. They are to be put back once an execution has shown
    /// that the server took them: an execution that nobody waited for may or may not have.
    pub(super) fn take_types(&self) -> Vec<ParameterType> {
        std::mem::take(&mut self.types.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put_types(&self, types: Vec<ParameterType>) {
        *self.types.lock().unwrap_or_else(PoisonError::into_inner) = types;
    }

    /// What the server has of the parameters' values already.
    pub(super) fn long_data(&self) -> MutexGuard<'_, LongData> {
        self.long_data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("id", &self.prepared.first.id)
            .field("parameters", &self.prepared.parameters)
            .field("columns", &self.prepared.columns)
            .field("fetch_size", &self.fetch_size)
            .finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.closing.add(self.id);
    }
}

impl Closing {
    pub(super) fn add(&self, id: u32) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Session {
    /// Prepares a statement. Cost: one round trip. Cancel-safe: see [`Session`].
    ///
    /// Nothing runs meanwhile that could be killed: no [`CancelHandle`](super::CancelHandle) and no
    /// [`Config::statement_timeout`](crate::Config::statement_timeout) ends a preparation, only
    /// [`Config::read_timeout`](crate::Config::read_timeout). One that is left is skipped, or, if it
    /// does not end, the session is closed.
    ///
    /// At the server's limit of statements (error 1461) the session gives back those that only its
    /// cache keeps, and tries once more.
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement> {
        let span = Span::on("prepare", self);
        span.run(self.prepare_now(sql)).await
    }

    async fn prepare_now(&mut self, sql: &str) -> Result<Statement> {
        let first = self.prepare_or_evict(sql).await?;
        let parameters = self.connection.prepared().unwrap_or_default().parameters;
        let prepared = Prepared {
            sql: sql.into(),
            database: self.connection.server().database().map(Into::into),
            parameters: usize::from(parameters),
            columns: self.connection.shared_columns(),
            first,
            first_has_cursor: OnceLock::new(),
            second: OnceLock::new(),
            executions: AtomicU64::default(),
        };
        Ok(Statement { prepared: Arc::new(prepared), fetch_size: 0 })
    }

    async fn prepare_handle(&mut self, sql: &str) -> Result<Handle> {
        self.settle().await?;
        self.connection.prepare(sql.as_bytes())?;
        while self.due_step().await? != Step::Prepared {}
        let PrepareOk { statement, .. } = self.connection.prepared().unwrap_or_default();
        Ok(Handle::new(statement, self.closing.clone()))
    }

    /// What the server knows a statement as, for an execution with its fetch size or without one.
    ///
    /// MySQL 9.7 answers an execution without a cursor by one row and no end if the statement was
    /// executed with a cursor since it, or the server by itself, prepared it, whatever was closed
    /// or reset meanwhile (`protocol-spec/statements.md`). So there a statement that is used in
    /// both ways is prepared twice.
    pub(super) async fn handle<'s>(&mut self, statement: &'s Statement) -> Result<&'s Handle> {
        let prepared = &*statement.prepared;
        if self.is_mariadb() || prepared.columns.is_empty() {
            return Ok(&prepared.first);
        }
        let cursor = statement.has_cursor();
        if *prepared.first_has_cursor.get_or_init(|| cursor) == cursor {
            return Ok(&prepared.first);
        }
        if let Some(second) = prepared.second.get() {
            return Ok(second);
        }
        // The names in it would mean those of another database.
        if prepared.database.as_deref() != self.connection.server().database() {
            return Err(UsageError::OtherDatabase.into());
        }
        let second = self.prepare_or_evict(&prepared.sql).await?;
        Ok(prepared.second.get_or_init(|| second))
    }

    /// [`handle`](Self::handle) without a cursor, if it takes no round trip.
    pub(super) fn handle_at_hand<'s>(&self, statement: &'s Statement) -> Option<&'s Handle> {
        let prepared = &*statement.prepared;
        if self.is_mariadb() || prepared.columns.is_empty() {
            return Some(&prepared.first);
        }
        match prepared.first_has_cursor.get_or_init(|| false) {
            false => Some(&prepared.first),
            true => prepared.second.get(),
        }
    }

    /// The cached statement of this SQL. Servers bind a statement's names to the default database
    /// of when it was prepared, so it is one of the present database.
    pub(super) fn statement_at_hand(&mut self, sql: &str) -> Option<Statement> {
        self.statements.follow(self.connection.server().database());
        self.statements.get(sql)
    }

    /// The statement of this SQL in a session that is settled: the cached one, or a new one; and
    /// which of both.
    pub(super) async fn cached(&mut self, sql: &str) -> Result<(Statement, bool)> {
        if let Some(statement) = self.statement_at_hand(sql) {
            return Ok((statement, true));
        }
        // Room is made before: at a server's limit there would be none for the new one (E-90).
        self.statements.make_room();
        let statement = self.prepare(sql).await?;
        self.statements.put(sql, &statement);
        Ok((statement, false))
    }

    /// [`prepare_handle`](Self::prepare_handle) that makes room on the server if there is none:
    /// nothing was executed, so it is tried again.
    async fn prepare_or_evict(&mut self, sql: &str) -> Result<Handle> {
        match self.prepare_handle(sql).await {
            Err(error) if is_code(&error, TOO_MANY_STATEMENTS) && !self.statements.is_empty() => {
                self.statements.clear();
                self.prepare_handle(sql).await
            }
            prepared => prepared,
        }
    }

    /// Drops a cached statement that only preparing anew mends, if the error is about one; `true` if
    /// it also says that nothing was executed.
    pub(super) fn spoils_cached(
        &mut self,
        sql: &str,
        statement: &Statement,
        error: &Error,
    ) -> bool {
        if is_spoilt(error) {
            self.statements.remove(sql);
        }
        // From within a procedure, which can execute statements of SQL, it proves nothing.
        is_code(error, UNKNOWN_STATEMENT)
            && (statement.changes_rows() || is_about(error, statement))
    }

    /// [`spoils_cached`](Self::spoils_cached) for an execution of the statement with this id.
    pub(super) fn spoils_cached_id(&mut self, statement: u32, error: &Error) {
        if is_spoilt(error) {
            self.statements.remove_id(statement);
        }
    }

    /// Closes the statements that nobody has any more, in front of the next command.
    pub(super) fn close_dropped_statements(&mut self) -> Result<()> {
        for id in self.closing.take() {
            self.connection.close_statement(id)?;
        }
        Ok(())
    }

    /// After a reset the server knows none of the statements. Gives what
    /// [`remember_statements`](Self::remember_statements) takes.
    pub(super) fn forget_statements(&mut self) -> Arc<Closing> {
        let forgotten = std::mem::take(&mut self.closing);
        self.statements.clear();
        forgotten
    }

    /// The server has refused the reset. Those of the cache are closed with the next command.
    pub(super) fn remember_statements(&mut self, forgotten: Arc<Closing>) {
        self.closing = forgotten;
    }

    pub(super) fn check_owner(&self, statement: &Statement) -> Result<()> {
        if Arc::ptr_eq(&self.closing, &statement.prepared.first.closing) {
            return Ok(());
        }
        Err(UsageError::ForeignStatement.into())
    }
}

fn is_spoilt(error: &Error) -> bool {
    let code = error.as_server().map(ServerError::code);
    code.is_some_and(|code| SPOILT.contains(&code) || code == UNKNOWN_STATEMENT)
}

/// Whether the error that a statement is not known is about this one. Servers say which one it is in
/// every language, and `EXECUTE` or `DEALLOCATE PREPARE` if that was SQL.
fn is_about(error: &Error, statement: &Statement) -> bool {
    let message = error.as_server().map(ServerError::message).unwrap_or_default();
    let mut ids = statement.handles().map(Handle::id);
    ids.any(|id| message.contains(&format!("({id})")))
        && !message.contains("EXECUTE")
        && !message.contains("DEALLOCATE")
}

fn is_code(error: &Error, code: u16) -> bool {
    error.as_server().is_some_and(|error| error.code() == code)
}

/// Prepared statements by their SQL, the least recently used one first to go.
#[derive(Debug)]
pub(super) struct StatementCache {
    entries: HashMap<Box<str>, Entry>,
    capacity: usize,
    /// The default database that they were prepared in.
    database: Option<String>,
    /// Counts the uses.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    statement: Statement,
    used: u64,
}

impl StatementCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, database: None, clock: 0 }
    }

    /// Drops all statements if the default database is not the one that they were prepared in.
    fn follow(&mut self, database: Option<&str>) {
        if self.database.as_deref() != database {
            self.clear();
            self.database = database.map(str::to_owned);
        }
    }

    fn get(&mut self, sql: &str) -> Option<Statement> {
        let entry = self.entries.get_mut(sql)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.statement.clone())
    }

    /// Drops statements until there is room for one.
    fn make_room(&mut self) {
        while !self.entries.is_empty() && self.entries.len() >= self.capacity {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(sql) = oldest.map(|(sql, _)| sql.clone()) else { return };
            self.entries.remove(&sql);
        }
    }

    fn put(&mut self, sql: &str, statement: &Statement) {
        if self.capacity == 0 {
            return;
        }
        self.clock += 1;
        let entry = Entry { statement: statement.clone(), used: self.clock };
        self.entries.insert(sql.into(), entry);
    }

    fn remove(&mut self, sql: &str) {
        self.entries.remove(sql);
    }

    fn remove_id(&mut self, id: u32) {
        self.entries.retain(|_, entry| entry.statement.handles().all(|handle| handle.id != id));
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn clear(&mut self) {
        self.entries.clear();
    }
}

/// What a command runs: SQL text, with named parameters or without, or a prepared statement.
pub trait Query: sealed::Sealed {
    #[doc(hidden)]
    fn source(&self) -> Source<'_>;
}

#[doc(hidden)]
#[derive(Debug)]
pub enum Source<'q> {
    Sql(&'q str),
    Statement(&'q Statement),
}

impl Query for &str {
    fn source(&self) -> Source<'_> {
        Source::Sql(self)
    }
}

impl Query for &String {
    fn source(&self) -> Source<'_> {
        Source::Sql(self)
    }
}

impl Query for &NamedSql {
    fn source(&self) -> Source<'_> {
        Source::Sql(self.sql())
    }
}

impl Query for &Statement {
    fn source(&self) -> Source<'_> {
        Source::Statement(self)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for &String {}
    impl Sealed for &super::NamedSql {}
    impl Sealed for &super::Statement {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(id: u32, closing: &Arc<Closing>) -> Statement {
        let first = Handle::new(id, closing.clone());
        let prepared = Prepared {
            sql: "".into(),
            database: None,
            parameters: 0,
            columns: Arc::default(),
            first,
            first_has_cursor: OnceLock::new(),
            second: OnceLock::new(),
            executions: AtomicU64::default(),
        };
        Statement { prepared: Arc::new(prepared), fetch_size: 0 }
    }

    #[test]
    fn e90_the_least_recently_used_statement_goes_first() {
        let closing = Arc::default();
        let mut cache = StatementCache::new(2);
        for (sql, id) in [("a", 1), ("b", 2)] {
            cache.make_room();
            cache.put(sql, &statement(id, &closing));
        }
        assert_eq!(cache.get("a").map(|statement| statement.prepared.first.id), Some(1));
        cache.make_room();
        assert_eq!(closing.take(), [2]);
        cache.put("c", &statement(3, &closing));
        assert!(cache.get("b").is_none());
        assert!(cache.get("a").is_some() && cache.get("c").is_some());
    }

    #[test]
    fn the_last_clone_closes() {
        let closing = Arc::default();
        let one = statement(7, &closing);
        let other = one.clone().with_fetch_size(5);
        drop(one);
        assert!(closing.take().is_empty());
        drop(other);
        assert_eq!(closing.take(), [7]);
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let closing = Arc::default();
        let mut cache = StatementCache::new(0);
        cache.make_room();
        cache.put("a", &statement(1, &closing));
        assert!(cache.get("a").is_none());
        assert_eq!(closing.take(), [1]);
    }
}
