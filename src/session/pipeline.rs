//! Many commands on the way at once.

use std::collections::VecDeque;

use super::long_data::Stray;
use super::statement::{Source, Statement};
use super::{Query, Rows, Session};
use crate::error::{Result, UsageError};
use crate::params::Params;
use crate::proto::MAX_UNANSWERED;
use crate::sql::can_choose_database;
use crate::wire::statement::ParameterType;

/// How many bytes of commands wait to be written before a pipeline has no room, in bytes: enough to
/// fill a round trip on fast and long lines, and no more than one large statement (T-112).
const ROOM: usize = 1 << 20;

/// What stands in front of SQL, in bytes: the command.
const COMMAND: usize = 1;

/// What stands in front of an execution's parameters, in bytes: the command, the statement's id,
/// flags, an iteration count.
const EXECUTE: usize = 10;

/// Commands that are sent without waiting for the replies of those before them.
///
/// Replies come in the commands' order from [`next_reply`](Self::next_reply), and an error is the
/// error of its command alone: those behind it are executed all the same, because they are on
/// their way already. In a transaction this includes an error that ends it, such as a deadlock:
/// what was queued behind runs outside of the transaction, so [`Transaction::commit`] fails
/// afterwards. Where that matters, queue what may fail last, or wait for it.
///
/// Memory is bounded: a pipeline takes [`has_room`](Self::has_room) into account, and refuses more
/// with [`UsageError::PipelineFull`]. To send without an end, read replies whenever there is none:
///
/// ```no_run
/// # async fn example(session: &mut mywire::Session, ids: &[u64]) -> mywire::Result<()> {
/// let touch = session.prepare("UPDATE users SET seen = NOW() WHERE id = ?").await?;
/// let mut pipeline = session.pipeline();
/// for id in ids {
///     while !pipeline.has_room() {
///         if let Some(reply) = pipeline.next_reply().await {
///             reply?.finish().await?;
///         }
///     }
///     pipeline.query(&touch, (id,)).await?;
/// }
/// while let Some(reply) = pipeline.next_reply().await {
///     reply?.finish().await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping a pipeline leaves its replies unread; the session's next command skips them, see
/// [`Session`]. Commands whose replies were not read may or may not have been executed. They are
/// never killed, because a kill could hit another one of them: more of them than
/// [`Limits`](crate::Limits) allows to be skipped closes the session.
///
/// For the same reason [`Config::statement_timeout`](crate::Config::statement_timeout) does not
/// count in a pipeline, and a [`CancelHandle`](super::CancelHandle) for the session's next statement
/// keeps it from beginning and does nothing later.
///
/// Some proxies lose commands that come before the last one was answered. With
/// [`Config::pipelining`](crate::Config::pipelining) off, a pipeline keeps the same contract and
/// sends each command after the reply of the one before.
///
/// [`Transaction::commit`]: super::Transaction::commit
#[derive(Debug)]
pub struct Pipeline<'s> {
    session: &'s mut Session,
    /// How many of the commands given to the connection have replies that did not begin.
    due: usize,
    /// Commands that wait for the reply of the one before.
    held: VecDeque<Held>,
    held_bytes: usize,
    /// One of the commands may choose another default database.
    moving: bool,
    /// The session died, and that was told.
    over: bool,
}

/// A command that was not given to the connection yet.
#[derive(Debug)]
enum Held {
    Query(Box<[u8]>),
    Execute { statement: Statement, flags: u8, parameters: Box<[u8]> },
    Ping,
}

impl Session {
    /// Begins a pipeline: commands that do not wait for each other. Cost: nothing by itself.
    pub fn pipeline(&mut self) -> Pipeline<'_> {
        let held = VecDeque::new();
        Pipeline { session: self, due: 0, held, held_bytes: 0, moving: false, over: false }
    }

    /// Uses up the statement's number for what no kill may hit, and that has no time of its own.
    /// Fails if it was cancelled before.
    pub(super) fn begin_unkillable(&mut self) -> Result<()> {
        let begun = self.lifeline.begin();
        self.end_statement();
        begun
    }
}

impl Pipeline<'_> {
    /// Queues a statement, as [`Session::query`] runs it.
    ///
    /// Writes what the transport takes at once, and waits for nothing; except that SQL with
    /// parameters which is not in the session's cache has to be prepared, which takes a round trip,
    /// and works only while nothing is queued: otherwise it fails with
    /// [`UsageError::NotPrepared`]. Behind a `USE` nothing is in the cache until all replies were
    /// read, because the names in it would mean those of the database before. Rows of the reply are
    /// always streamed: a statement's fetch size does not count here.
    ///
    /// A cached statement that the server has to prepare anew (errors 1243, 1615, 3144) is not tried
    /// again, as [`Session::query`] does: those behind it are on their way. The error is the reply,
    /// and it leaves the cache.
    ///
    /// Fails, with nothing queued, as [`Session::query`] does before it sends, and if there is no
    /// room. Cancel-safe: the statement is queued or not.
    pub async fn query(&mut self, query: impl Query, params: impl Params) -> Result<()> {
        self.prepare_queue().await?;
        match query.source() {
            Source::Sql(sql) if params.count() == 0 => self.queue_text(sql)?,
            Source::Sql(sql) => {
                let known = if self.moving { None } else { self.session.statement_at_hand(sql) };
                let statement = match known {
                    Some(statement) => statement,
                    None if self.is_empty() => self.session.cached(sql).await?.0,
                    None => return Err(UsageError::NotPrepared.into()),
                };
                self.queue_execution(&statement, &params).await?;
            }
            Source::Statement(statement) => self.queue_execution(statement, &params).await?,
        }
        self.session.write_some().await;
        Ok(())
    }

    /// [`query`](Self::query) of a statement; see [`encode`](crate::params::encode) for its types.
    pub(super) async fn execute(
        &mut self,
        statement: &Statement,
        params: &impl Params,
        types: &mut Vec<ParameterType>,
        taken: bool,
    ) -> Result<()> {
        self.prepare_queue().await?;
        self.queue_typed(statement, params, types, taken).await?;
        self.session.write_some().await;
        Ok(())
    }

    /// Queues an execution with many rows of parameters, which `rows` appends; on MariaDB. Without
    /// pipelining it may only be the one command.
    pub(super) async fn bulk(
        &mut self,
        statement: &Statement,
        flags: u16,
        rows: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.prepare_queue().await?;
        self.session.check_owner(statement)?;
        let handle = statement.used_handle();
        if handle.long_data().stray() != Stray::Nothing {
            self.session.reset_handle(statement, handle).await?;
        }
        drop(handle.take_types());
        self.session.connection.execute_bulk(handle.id(), flags, rows)?;
        statement.note_execution();
        self.due += 1;
        self.session.write_some().await;
        Ok(())
    }

    /// Queues a ping; its reply is one without columns. Waits for nothing, and fails, with nothing
    /// queued, if there is no room. Cancel-safe: the ping is queued or not.
    pub async fn ping(&mut self) -> Result<()> {
        self.prepare_queue().await?;
        if self.is_sent_at_once() {
            self.session.connection.ping()?;
            self.due += 1;
        } else {
            self.held.push_back(Held::Ping);
        }
        self.session.write_some().await;
        Ok(())
    }

    /// The reply of the next command, in their order, or `None` when all were given. What was left
    /// of the one before is skipped.
    ///
    /// Writes while it waits, so that neither side waits for the other (T-40). A fatal error is the
    /// answer to all commands whose replies did not come, and the last thing told. Cancel-safe: no
    /// reply is lost.
    pub async fn next_reply(&mut self) -> Option<Result<Rows<'_>>> {
        match self.begin_reply().await {
            Ok(Some(rows)) => Some(Ok(Rows::new(self.session, rows, None).in_front_of(self.due))),
            Ok(None) => None,
            Err(error) => {
                if error.is_fatal() {
                    self.over = true;
                    self.due = 0;
                    self.held.clear();
                    self.held_bytes = 0;
                }
                Some(Err(error))
            }
        }
    }

    /// Whether another command can be queued before a reply is read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.len() < MAX_UNANSWERED
            && self.held_bytes + self.session.connection.send_buf().len() < ROOM
    }

    /// How many replies there are to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due + self.held.len()
    }

    /// Whether the replies of all commands were given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest command, in bytes.
    pub(super) fn max_command(&self) -> usize {
        self.session.config.limits.max_command
    }

    /// Makes the session ready for a command of this pipeline.
    async fn prepare_queue(&mut self) -> Result<()> {
        if self.is_empty() {
            self.session.settle().await?;
            self.moving = false;
            return self.session.begin_unkillable();
        }
        self.session.check_transaction()?;
        if !self.has_room() {
            return Err(UsageError::PipelineFull { max: MAX_UNANSWERED, max_bytes: ROOM }.into());
        }
        Ok(())
    }

    /// Whether commands do not wait for the replies of those before.
    fn is_sent_at_once(&self) -> bool {
        self.session.config.pipelining || self.is_empty() && self.session.connection.is_idle()
    }

    fn queue_text(&mut self, sql: &str) -> Result<()> {
        if self.is_sent_at_once() {
            self.session.connection.query(sql.as_bytes())?;
            self.due += 1;
        } else {
            self.check_length(COMMAND + sql.len())?;
            self.held_bytes += sql.len();
            self.held.push_back(Held::Query(sql.as_bytes().into()));
        }
        self.moving |= can_choose_database(sql);
        Ok(())
    }

    /// Fails if a command that waits cannot be sent later.
    fn check_length(&self, length: usize) -> Result<()> {
        match self.max_command() {
            max if length > max => {
                let max = u64::try_from(max).unwrap_or(u64::MAX);
                Err(UsageError::TooLong { what: "statement", max }.into())
            }
            _ => Ok(()),
        }
    }

    /// Queues an execution, and with it the types of its parameters: whether the server took those
    /// of one that is not answered yet, nobody knows (E-89).
    async fn queue_execution(&mut self, statement: &Statement, params: &impl Params) -> Result<()> {
        self.queue_typed(statement, params, &mut Vec::new(), false).await
    }

    /// Queues an execution; see [`encode`](crate::params::encode) for its types.
    async fn queue_typed(
        &mut self,
        statement: &Statement,
        params: &impl Params,
        types: &mut Vec<ParameterType>,
        taken: bool,
    ) -> Result<()> {
        self.session.check_owner(statement)?;
        statement.check_count(params)?;
        let plain = statement.clone().with_fetch_size(0);
        let handle = match self.session.handle_at_hand(&plain) {
            Some(handle) => handle,
            None if self.is_empty() => self.session.handle(&plain).await?,
            None => return Err(UsageError::NotPrepared.into()),
        };
        let stray = handle.long_data().check(params)?;
        match stray {
            Stray::Nothing => {}
            _ if self.is_empty() => self.session.reset_handle(&plain, handle).await?,
            Stray::Value(index) => return Err(UsageError::LongDataLeft { index }.into()),
            // The execution in doubt is on its way.
            Stray::InDoubt => {}
        }
        // MariaDB prepares a USE as well.
        self.moving |= statement.can_choose_database();
        if self.is_sent_at_once() {
            drop(handle.take_types());
            let id = handle.id();
            self.session.send_execute(id, 0, params, types, taken)?;
            statement.note_execution();
            handle.long_data().give();
            self.due += 1;
        } else {
            let mut parameters = Vec::new();
            let flags = self.session.encode_execute(params, types, taken, &mut parameters)?;
            self.check_length(EXECUTE + parameters.len())?;
            self.held_bytes += parameters.len();
            let parameters = parameters.into();
            handle.long_data().give();
            self.held.push_back(Held::Execute { statement: plain, flags, parameters });
        }
        Ok(())
    }

    /// Waits for the next reply to begin: `true` for a result set.
    async fn begin_reply(&mut self) -> Result<Option<bool>> {
        if self.over {
            return Ok(None);
        }
        self.session.skip_until(self.due).await?;
        if self.due == 0 && !self.release()? {
            return Ok(None);
        }
        let statement = self.session.connection.statement_due();
        let begun = self.session.begin_result().await;
        self.due -= 1;
        if let (Err(error), Some(statement)) = (&begun, statement) {
            self.session.spoils_cached_id(statement, error);
        }
        begun.map(Some)
    }

    /// Gives the next held command to the connection; `false` if there is none.
    fn release(&mut self) -> Result<bool> {
        let connection = &mut self.session.connection;
        match self.held.pop_front() {
            None => return Ok(false),
            Some(Held::Ping) => connection.ping()?,
            Some(Held::Query(sql)) => {
                self.held_bytes -= sql.len();
                connection.query(&sql)?;
            }
            Some(Held::Execute { statement, flags, parameters }) => {
                self.held_bytes -= parameters.len();
                // It was at hand when it was queued.
                let handle = statement.used_handle();
                drop(handle.take_types());
                connection.execute(handle.id(), flags, |out| {
                    out.extend_from_slice(&parameters);
                    Ok(())
                })?;
                statement.note_execution();
            }
        }
        self.due += 1;
        Ok(true)
    }
}
