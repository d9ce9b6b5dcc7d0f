//! Columns that outlive their result: of prepared statements, whose executions may leave their
//! definitions out (R-31, E-63), and of cursors.

use std::collections::HashMap;
use std::sync::Arc;

use super::Fault;
use super::connection::Connection;
use super::exchange::Reply;
use crate::columns::Columns;
use crate::error::ProtocolErrorKind as Kind;
use crate::wire::{Capabilities, Execute};

/// The definitions that the server takes for known, by statement: those that it sent last.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `None` while newer ones arrive.
    statements: HashMap<u32, Option<Arc<Columns>>>,
    /// Statements that were closed behind executions, which still rely on what is known.
    closed: Vec<u32>,
    /// Buffers to be used again while the columns in use are a statement's.
    spare: Option<Arc<Columns>>,
}

impl Known {
    pub(super) fn close(&mut self, statement: u32) {
        if self.statements.contains_key(&statement) {
            self.closed.push(statement);
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.statements.clear();
        self.closed.clear();
    }

    fn put(&mut self, statement: u32, columns: Arc<Columns>) {
        self.statements.insert(statement, Some(columns));
    }
}

impl Connection {
    /// Takes a statement's known columns for a result whose `columns` definitions are left out.
    pub(super) fn take_known(&mut self, reply: Reply, columns: usize) -> Result<(), Fault> {
        let known = match reply {
            Reply::Binary { statement } => self.known.statements.get(&statement),
            _ => None,
        };
        match known.and_then(Option::as_ref) {
            Some(known) if known.len() == columns => {
                let known = known.clone();
                self.share_columns(known);
                Ok(())
            }
            known => {
                let known = known.map_or(0, |known| known.len());
                Err(Kind::NoDefinitions { columns, known }.into())
            }
        }
    }

    /// The reply, if it is to an execution of [`Execute::LAST_PREPARED`], as one to that
    /// statement's: what the server takes for known is that (E-86).
    pub(super) fn of_last_prepared(&self, reply: Reply) -> Reply {
        match (reply, self.prepared) {
            (Reply::Binary { statement: Execute::LAST_PREPARED }, Some(prepared)) => {
                Reply::Binary { statement: prepared.statement }
            }
            _ => reply,
        }
    }

    /// Makes room for definitions that arrive. Rows that were kept, and statements, share the old
    /// columns; otherwise their buffers are used again.
    pub(super) fn clear_columns(&mut self) {
        if Arc::get_mut(&mut self.columns).is_none() {
            self.columns = self.known.spare.take().unwrap_or_default();
        }
        match Arc::get_mut(&mut self.columns) {
            Some(columns) => columns.clear(),
            None => self.columns = Arc::default(),
        }
    }

    /// The same for those of an execution: they replace what is known of its statement (E-62), so
    /// its buffers are used again.
    pub(super) fn replace_columns(&mut self, reply: Reply) {
        if let Reply::Binary { statement } = reply
            && let Some(old) = self.known.statements.get_mut(&statement).and_then(Option::take)
            && !Arc::ptr_eq(&old, &self.columns)
        {
            self.share_columns(old);
        }
        self.clear_columns();
    }

    /// Forgets the statements that were closed, once no execution is unanswered.
    pub(super) fn forget_closed(&mut self) {
        if self.known.closed.is_empty() {
            return;
        }
        let mut closed = std::mem::take(&mut self.known.closed);
        closed.retain(|&statement| {
            let executed = Reply::Binary { statement };
            let relied_on = self.unanswered.iter().any(|&(reply, _)| reply == executed);
            if !relied_on {
                self.known.statements.remove(&statement);
            }
            relied_on
        });
        self.known.closed = closed;
    }

    /// Keeps what the server takes for known from now on.
    pub(super) fn remember_columns(&mut self, statement: u32) {
        if self.capabilities.contains(Capabilities::MARIADB_CACHE_METADATA) {
            self.known.put(statement, self.columns.clone());
        }
    }

    /// Makes these the columns in use.
    pub(crate) fn share_columns(&mut self, columns: Arc<Columns>) {
        let old = std::mem::replace(&mut self.columns, columns);
        if Arc::strong_count(&old) == 1 {
            self.known.spare = Some(old);
        }
    }
}
