//! One statement, many rows of parameters.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;

use super::Session;
use super::pipeline::Pipeline;
use super::statement::Statement;
use crate::error::{BulkDone, BulkError, Error, Result};
use crate::params::{Params, encode_bulk};
use crate::proto::Done;
use crate::wire::statement::ParameterType;
use crate::wire::{BulkExecute, Capabilities, ColumnType};

/// How long a command with many rows may get, in bytes: long enough to make a round trip cheap, and
/// far below what servers take by default (`max_allowed_packet`: 16 MiB). A larger row is sent by
/// itself.
const BATCH: usize = 1 << 20;

/// What stands in front of the rows, in bytes: the command, the statement's id, flags.
const HEADER: usize = 7;

/// Asks MariaDB 10.7 and later which row of a command was the one that failed, from 1.
const FAILED_ROW: &str = "BEGIN NOT ATOMIC DECLARE failed BIGINT UNSIGNED DEFAULT 0; \
    GET DIAGNOSTICS CONDITION 1 failed = ROW_NUMBER; SELECT failed; END";

/// What the execution of one row of parameters did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkRow {
    /// The row of parameters, from 0.
    pub row: u64,
    /// Rows inserted, changed or deleted.
    pub affected_rows: u64,
    /// The id that the statement made by itself, or 0.
    pub last_insert_id: u64,
}

impl Session {
    /// Executes a statement once for each row of parameters.
    ///
    /// MariaDB gets many rows of an INSERT, REPLACE, UPDATE or DELETE in one command
    /// (COM_STMT_BULK_EXECUTE), up to 1 MiB of them; other servers, statements that return rows, and
    /// other statements, one command for each, without waiting in between.
    /// Replies are read while more is written, and rows are taken from the iterator as there is
    /// room, so memory stays flat and neither side waits for the other (T-40). Rows that the
    /// statement returns are skipped. A parameter can be a [`BulkValue`](crate::BulkValue).
    ///
    /// The first failure ends it with [`Error::Bulk`], which names the row and tells what was done.
    /// It is not undone: begin a transaction for that. A row that cannot be sent ends it as well;
    /// those before it are executed. Without a transaction, MariaDB undoes the rows of the
    /// command that failed, in tables that can, and keeps those before; MySQL keeps all rows but
    /// those that failed, also some behind the first one that were under way.
    ///
    /// Neither [`Config::statement_timeout`](crate::Config::statement_timeout) nor a
    /// [`CancelHandle`](super::CancelHandle) ends it, as in a [`Pipeline`].
    /// Cancel-safe: see [`Session`]; some of the rows may have been executed.
    ///
    /// ```no_run
    /// # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
    /// let insert = session.prepare("INSERT INTO users (id, name) VALUES (?, ?)").await?;
    /// let mut tx = session.begin().await?;
    /// let done = tx.bulk(&insert, [(1, "Ada"), (2, "Grace")]).await?;
    /// tx.commit().await?;
    /// assert_eq!(done.affected_rows, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bulk<P: Params>(
        &mut self,
        statement: &Statement,
        rows: impl IntoIterator<Item = P>,
    ) -> Result<BulkDone> {
        let many = self.takes_many_rows(statement);
        self.run_bulk(statement, many.then_some(0), rows.into_iter(), |_| {}).await
    }

    /// [`bulk`](Self::bulk), with what each row's execution did: its insert id above all.
    ///
    /// Cost: a closure call for each row; MariaDB before 11.5 cannot tell, so there each row is a
    /// command of its own. Cancel-safe as [`bulk`](Self::bulk).
    pub async fn bulk_each<P: Params>(
        &mut self,
        statement: &Statement,
        rows: impl IntoIterator<Item = P>,
        each: impl FnMut(BulkRow),
    ) -> Result<BulkDone> {
        let tells = Capabilities::MARIADB_BULK_UNIT_RESULTS;
        let many =
            self.takes_many_rows(statement) && self.connection.capabilities().contains(tells);
        let flags = many.then_some(BulkExecute::UNIT_RESULTS);
        self.run_bulk(statement, flags, rows.into_iter(), each).await
    }

    fn takes_many_rows(&self, statement: &Statement) -> bool {
        let capable = Capabilities::MARIADB_STMT_BULK_OPERATIONS;
        self.connection.capabilities().contains(capable)
            && statement.parameters() > 0
            && statement.columns().is_empty()
            // Others it refuses with error 1295.
            && statement.changes_rows()
    }

    async fn run_bulk<P: Params>(
        &mut self,
        statement: &Statement,
        flags: Option<u16>,
        rows: impl Iterator<Item = P>,
        each: impl FnMut(BulkRow),
    ) -> Result<BulkDone> {
        let pipelining = self.config.pipelining;
        let mut bulk = Bulk {
            pipeline: self.pipeline(),
            statement,
            flags,
            rows: rows.peekable(),
            each,
            taken: 0,
            types: Vec::new(),
            last_types: Vec::new(),
            types_since: 0,
            sent: VecDeque::new(),
            done: BulkDone::default(),
            failed: None,
            lost: false,
        };
        loop {
            // One command with many rows at a time: nothing runs behind one that fails, and what
            // the server says of it is still there to be asked for.
            let at_once = pipelining && bulk.flags.is_none();
            let room = bulk.sent.is_empty() || at_once && bulk.pipeline.has_room();
            if room && bulk.failed.is_none() && bulk.rows.peek().is_some() {
                let next = bulk.taken;
                if let Err(error) = bulk.send().await {
                    // Of many rows it is the first: others are the next command's first.
                    bulk.fail(next..next + 1, error);
                }
            } else if !bulk.receive().await {
                break;
            }
        }
        match bulk.failed {
            None => Ok(bulk.done),
            Some((rows, error)) => {
                let (done, lost) = (bulk.done, bulk.lost);
                Err(Error::Bulk(Box::new(BulkError { rows, error, done, lost })))
            }
        }
    }
}

/// A bulk execution under way.
struct Bulk<'s, 'q, I: Iterator, F> {
    pipeline: Pipeline<'s>,
    statement: &'q Statement,
    /// The flags of commands with many rows, if there are such.
    flags: Option<u16>,
    rows: Peekable<I>,
    each: F,
    /// How many rows were taken from the iterator.
    taken: u64,
    /// The types of the last row that was sent as a command of its own, and the row since which
    /// they hold.
    types: Vec<ParameterType>,
    last_types: Vec<ParameterType>,
    types_since: u64,
    /// The rows of each command that is not answered.
    sent: VecDeque<Range<u64>>,
    done: BulkDone,
    failed: Option<(Range<u64>, Error)>,
    /// A failure, not only the first one, closed the session.
    lost: bool,
}

impl<P: Params, I: Iterator<Item = P>, F: FnMut(BulkRow)> Bulk<'_, '_, I, F> {
    /// Sends the next rows.
    async fn send(&mut self) -> Result<()> {
        let first = self.taken;
        match self.flags {
            Some(flags) => {
                let max = self.pipeline.max_command();
                let Self { statement, rows, taken, .. } = self;
                let fill = |out: &mut Vec<u8>| fill(statement, rows, taken, max, out);
                self.pipeline.bulk(statement, BulkExecute::SEND_TYPES | flags, fill).await?;
            }
            None => {
                let Some(params) = self.rows.peek() else { return Ok(()) };
                // An answer shows that the server took the types that came with its row.
                let taken = self.done.rows > self.types_since;
                self.last_types.clone_from(&self.types);
                self.pipeline.execute(self.statement, params, &mut self.types, taken).await?;
                if self.types != self.last_types {
                    self.types_since = self.taken;
                }
                self.rows.next();
                self.taken += 1;
            }
        }
        self.sent.push_back(first..self.taken);
        Ok(())
    }

    /// Takes the next reply; `false` when there are no more, which is early after a fatal error.
    async fn receive(&mut self) -> bool {
        let Some(rows) = self.sent.pop_front() else { return false };
        match self.reply(rows.clone()).await {
            Ok(None) => return false,
            Ok(Some(done)) => {
                self.done.rows += rows.end - rows.start;
                self.done.affected_rows += done.affected_rows;
                self.done.warnings += u64::from(done.warnings);
                if self.done.last_insert_id == 0 {
                    self.done.last_insert_id = done.last_insert_id;
                }
            }
            Err(error) => {
                let rows = self.failed_row(rows, &error).await;
                self.fail(rows, error);
            }
        }
        true
    }

    /// The row at which a command failed, as far as the server tells.
    async fn failed_row(&mut self, rows: Range<u64>, error: &Error) -> Range<u64> {
        if error.as_server().is_none() || error.is_fatal() || rows.end - rows.start == 1 {
            return rows;
        }
        let row = async {
            self.pipeline.query(FAILED_ROW, ()).await?;
            let Some(reply) = self.pipeline.next_reply().await else { return Ok(0) };
            let mut found = reply?;
            match found.next().await? {
                Some(row) => row.decode::<u64>(),
                None => Ok(0),
            }
        };
        // Older servers do not know; then it is one of them all.
        let number = Result::<u64>::unwrap_or(row.await, 0);
        match rows.clone().nth(usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX)) {
            Some(row) if number > 0 => row..row + 1,
            _ => rows,
        }
    }

    async fn reply(&mut self, sent: Range<u64>) -> Result<Option<Done>> {
        let Some(reply) = self.pipeline.next_reply().await else { return Ok(None) };
        let mut rows = reply?;
        if self.flags.is_none_or(|flags| flags == 0) {
            let done = rows.finish().await?;
            let (affected_rows, last_insert_id) = (done.affected_rows, done.last_insert_id);
            (self.each)(BulkRow { row: sent.start, affected_rows, last_insert_id });
            return Ok(Some(done));
        }
        let (mut total, mut first) = (0_u64, 0);
        let mut numbers = sent;
        while let Some(row) = rows.next().await? {
            let (last_insert_id, affected_rows) = row.decode::<(u64, u64)>()?;
            total = total.saturating_add(affected_rows);
            if first == 0 {
                first = last_insert_id;
            }
            if let Some(row) = numbers.next() {
                (self.each)(BulkRow { row, affected_rows, last_insert_id });
            }
        }
        let mut done = rows.finish().await?;
        (done.affected_rows, done.last_insert_id) = (total, first);
        Ok(Some(done))
    }

    /// Notes the failure of the first row that failed: one that could not be sent fails before the
    /// server has told of those in front of it.
    fn fail(&mut self, rows: Range<u64>, error: Error) {
        self.lost |= error.is_fatal();
        let known = self.failed.as_ref();
        if known.is_none_or(|(known, _)| rows.start < known.start) {
            self.failed = Some((rows, error));
        }
    }
}

/// Appends types and as many rows as one command of at most `max` bytes may have, at least one. Fails
/// only at the first one: what cannot be sent behind it is the next command's failure, and those
/// before it are executed.
fn fill<P: Params>(
    statement: &Statement,
    rows: &mut Peekable<impl Iterator<Item = P>>,
    taken: &mut u64,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let mut types = vec![None; statement.parameters()];
    out.resize(start + 2 * types.len(), 0);
    let (mut row_start, mut first) = (out.len(), true);
    while let Some(params) = rows.peek() {
        if !first && row_start - start >= BATCH {
            break;
        }
        let encoded = statement.check_count(params);
        match encoded.and_then(|()| encode_bulk(params, &mut types, out)) {
            Ok(true) if first || out.len() - start + HEADER <= max => {}
            Err(error) if first => return Err(error),
            _ => {
                out.truncate(row_start);
                break;
            }
        }
        rows.next();
        *taken += 1;
        (row_start, first) = (out.len(), false);
    }
    let types = types.into_iter().map(|one| one.unwrap_or(ParameterType::signed(ColumnType::NULL)));
    for (place, one) in out.get_mut(start..).unwrap_or_default().chunks_exact_mut(2).zip(types) {
        place.copy_from_slice(&one.encode());
    }
    Ok(())
}
