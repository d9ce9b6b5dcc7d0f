//! What is known of the traces that commands leave in a session, for who hands it on.
//!
//! A server that tracks its sessions' state tells of most of them. What it does not tell of is kept
//! apart by the look of the command: only those that plainly leave nothing but rows do not count.

#[cfg(feature = "pool")]
use super::connection::Connection;
use crate::error::ServerErrorKind;
use crate::wire::Command;

/// What was seen since the watch began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    on: bool,
    traces: bool,
    /// The server refused to write because it only reads.
    read_only: bool,
}

/// The longest statement that is looked at, in bytes: looking costs less than the reset that it saves.
const MAX_PLAIN: usize = 16 << 10;

impl Watch {
    pub(super) fn sees_command(&mut self, command: &Command<'_>) {
        if self.on && !self.traces {
            self.traces = can_leave_traces(command);
        }
    }

    pub(super) fn sees_change(&mut self) {
        self.traces = true;
    }

    pub(super) fn sees_error(&mut self, kind: ServerErrorKind) {
        self.read_only |= kind == ServerErrorKind::ReadOnly;
        // What the statement did until then, or its triggers and functions, an error does not tell.
        self.traces |= self.on;
    }
}

#[cfg(feature = "pool")]
impl Connection {
    /// Begins to watch, or begins anew: what was seen is forgotten. With `traces`, commands are
    /// looked at, too.
    pub(crate) fn watch(&mut self, traces: bool) {
        self.watch = Watch { on: traces, ..Watch::default() };
    }

    /// Forgets what the server told about what the session's user did.
    pub(crate) fn forget_tracked(&mut self) {
        self.info.tracked.forget_user();
    }

    /// Whether something since the watch began can have left a trace in the session that neither
    /// the end of the transaction nor the choice of a default database undoes. Without tracking by
    /// the server, what stored functions and triggers do is not seen.
    pub(crate) const fn has_traces(&self) -> bool {
        !self.watch.on || self.watch.traces
    }

    /// Whether the server refused to write since the watch began.
    pub(crate) const fn refused_to_write(&self) -> bool {
        self.watch.read_only
    }
}

fn can_leave_traces(command: &Command<'_>) -> bool {
    match command {
        Command::Quit
        | Command::Ping
        // The default database is followed by itself.
        | Command::InitDb(_)
        // What they execute was looked at when it was prepared, by whoever prepared it, and does not
        // outlive a reset; so executions need not be seen at all.
        | Command::StmtExecute(_)
        | Command::StmtBulkExecute(_)
        | Command::StmtSendLongData { .. }
        | Command::StmtClose(_)
        | Command::StmtReset(_)
        | Command::StmtFetch { .. } => false,
        Command::Query(sql) | Command::StmtPrepare(sql) => !is_plain(sql),
        _ => true,
    }
}

/// Whether a statement is one that leaves nothing but rows and the transaction's state: by its first
/// word, and by having nothing in its text that reaches further.
///
/// `;` can begin another statement, `@` is a variable's, and `_LOCK` is part of the names of all
/// functions that take or release locks. Quoted text counts too: it does no harm to be wrong on this
/// side.
fn is_plain(sql: &[u8]) -> bool {
    if sql.len() > MAX_PLAIN {
        return false;
    }
    const FIRST: [&[u8]; 13] = [
        b"SELECT",
        b"INSERT",
        b"UPDATE",
        b"DELETE",
        b"REPLACE",
        b"WITH",
        b"VALUES",
        b"BEGIN",
        b"START",
        b"COMMIT",
        b"ROLLBACK",
        b"SAVEPOINT",
        b"RELEASE",
    ];
    let sql = sql.trim_ascii_start();
    let end = sql.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(sql.len());
    let first = sql.get(..end).unwrap_or_default();
    FIRST.iter().any(|word| word.eq_ignore_ascii_case(first))
        && !sql.iter().any(|byte| matches!(byte, b'@' | b';'))
        && !sql.windows(5).any(|window| window.eq_ignore_ascii_case(b"_LOCK"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t63_only_plain_statements_leave_no_traces() {
        for sql in [
            "SELECT 1",
            "  select * from t where a = ?",
            "INSERT INTO t VALUES (?)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "REPLACE INTO t VALUES (1)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "BEGIN",
            "START TRANSACTION READ ONLY",
            "COMMIT",
            "ROLLBACK TO SAVEPOINT a",
            "SAVEPOINT a",
        ] {
            assert!(is_plain(sql.as_bytes()), "{sql}");
        }
        for sql in [
            "",
            "SET @a = 1",
            "SET NAMES latin1",
            "SELECT @a := 1",
            "SELECT 1 INTO @a",
            "SELECT GET_LOCK('a', 1)",
            "SELECT get_lock ('a', 1)",
            "SELECT release_all_locks()",
            "SELECT 1; SET SESSION sql_mode = ''",
            "/*!50000 SET */ a",
            "(SELECT 1)",
            "CREATE TEMPORARY TABLE t (a INT)",
            "LOCK TABLES t READ",
            "CALL p()",
            "DO GET_LOCK('a', 1)",
            "HANDLER t OPEN",
            "PREPARE s FROM 'SELECT 1'",
            "USE shop",
            "XA START 'a'",
            "FLUSH TABLES WITH READ LOCK",
            "SELECTED",
        ] {
            assert!(!is_plain(sql.as_bytes()), "{sql}");
        }
        let long = format!("SELECT '{}'", "x".repeat(MAX_PLAIN));
        assert!(!is_plain(long.as_bytes()));
        assert!(!can_leave_traces(&Command::Ping));
        assert!(!can_leave_traces(&Command::StmtPrepare(b"SELECT ?")));
        assert!(can_leave_traces(&Command::StmtPrepare(b"SET @a = ?")));
        assert!(can_leave_traces(&Command::ResetConnection));
    }
}
