//! Prepared statements and the session's cache of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;
use super::trace::Span;
use crate::columns::Columns;
use crate::error::{Result, UsageError};
use crate::named::NamedSql;
use crate::proto::Step;
use crate::wire::PrepareOk;
use crate::wire::statement::ParameterType;

/// Too many prepared statements on the server.
const TOO_MANY_STATEMENTS: u16 = 1461;

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
    id: u32,
    parameters: usize,
    columns: Columns,
    /// The types of the parameters that the server knows; empty if it may not know any.
    types: Mutex<Vec<ParameterType>>,
    /// Whether an execution asked for a cursor.
    had_cursor: AtomicBool,
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
    /// keeps the whole result for it. Otherwise streaming is faster and cheaper for both.
    #[must_use]
    pub fn with_fetch_size(mut self, rows: u32) -> Self {
        self.fetch_size = rows;
        self
    }

    pub(super) fn id(&self) -> u32 {
        self.prepared.id
    }

    pub(super) fn fetch_size(&self) -> u32 {
        self.fetch_size
    }

    /// How many rows an execution asks for at a time, 0 without a cursor.
    ///
    /// Only what returns rows can have a cursor: MySQL refuses one for others with error 1210. And
    /// once a statement's cursor was left before its end, MySQL 9.7 answers an execution without
    /// one by columns and no rows' end, even after COM_STMT_RESET; so that is a cursor, too, whose
    /// rows are fetched all together.
    pub(super) fn rows_at_a_time(&self, mariadb: bool) -> u32 {
        let had_cursor = &self.prepared.had_cursor;
        match self.fetch_size {
            _ if self.prepared.columns.is_empty() => 0,
            0 if !mariadb && had_cursor.load(Ordering::Relaxed) => u32::MAX,
            0 => 0,
            rows => {
                had_cursor.store(true, Ordering::Relaxed);
                rows
            }
        }
    }

    /// Takes the types that the server knows. They are to be put back once an execution has shown
    /// that the server took them: an execution that nobody waited for may or may not have.
    pub(super) fn take_types(&self) -> Vec<ParameterType> {
        std::mem::take(&mut self.prepared.types.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put_types(&self, types: Vec<ParameterType>) {
        *self.prepared.types.lock().unwrap_or_else(PoisonError::into_inner) = types;
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("id", &self.prepared.id)
            .field("parameters", &self.prepared.parameters)
            .field("columns", &self.prepared.columns)
            .field("fetch_size", &self.fetch_size)
            .finish()
    }
}

impl Drop for Prepared {
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
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement> {
        let span = Span::on("prepare", self);
        span.run(self.prepare_now(sql)).await
    }

    async fn prepare_now(&mut self, sql: &str) -> Result<Statement> {
        self.settle().await?;
        self.connection.prepare(sql.as_bytes())?;
        while self.step().await? != Step::Prepared {}
        let PrepareOk { statement, parameters, .. } =
            self.connection.prepared().unwrap_or_default();
        let prepared = Prepared {
            id: statement,
            parameters: usize::from(parameters),
            columns: self.connection.columns().clone(),
            types: Mutex::default(),
            had_cursor: AtomicBool::default(),
            closing: self.closing.clone(),
        };
        Ok(Statement { prepared: Arc::new(prepared), fetch_size: 0 })
    }

    /// The statement of this SQL: the cached one, or a new one.
    pub(super) async fn cached(&mut self, sql: &str) -> Result<Statement> {
        self.drain().await?;
        // Servers bind a statement's names to the default database of when it was prepared.
        self.statements.follow(self.connection.server().database());
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement);
        }
        // Room is made before: at a server's limit there would be none for the new one (E-90).
        self.statements.make_room();
        let statement = match self.prepare(sql).await {
            Err(error) if error.as_server().is_some_and(|e| e.code() == TOO_MANY_STATEMENTS) => {
                // Nothing was executed: give the server back what this session has, and try again.
                self.statements.clear();
                self.prepare(sql).await?
            }
            prepared => prepared?,
        };
        self.statements.put(sql, &statement);
        Ok(statement)
    }

    /// Closes the statements that nobody has any more, in front of the next command.
    pub(super) fn close_dropped_statements(&mut self) -> Result<()> {
        for id in self.closing.take() {
            self.connection.close_statement(id)?;
        }
        Ok(())
    }

    /// After a reset the server knows none of the statements.
    pub(super) fn forget_statements(&mut self) {
        self.closing = Arc::default();
        self.statements.clear();
    }

    pub(super) fn check_owner(&self, statement: &Statement) -> Result<()> {
        if Arc::ptr_eq(&self.closing, &statement.prepared.closing) {
            return Ok(());
        }
        Err(UsageError::ForeignStatement.into())
    }
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
        let prepared = Prepared {
            id,
            parameters: 0,
            columns: Columns::default(),
            types: Mutex::default(),
            had_cursor: AtomicBool::default(),
            closing: closing.clone(),
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
        assert_eq!(cache.get("a").map(|statement| statement.id()), Some(1));
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
