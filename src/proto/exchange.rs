//! Replies to commands: OK packets, result set headers, column definitions, terminators.

use std::sync::Arc;

use super::Fault;
use super::connection::Connection;
use super::recv::Span;
use crate::error::ProtocolErrorKind as Kind;
use crate::value::Format;
use crate::wire::packet::MAX_CHUNK;
use crate::wire::{
    Capabilities, ColumnDefinition, EofPacket, OkPacket, PrepareOk, ProgressReport,
    ResultSetHeader, SessionState, StateChange, StatusFlags, TextRow,
};

/// Below this length a packet that starts with 0xFE is an EOF packet and no row, without
/// `DEPRECATE_EOF`.
const EOF_BELOW: usize = 9;

/// What may answer a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// One OK packet.
    Ok,
    /// One OK packet, and the server has forgotten all statements.
    Reset,
    /// One OK packet, and the default database is another.
    Schema,
    /// OK packets and text result sets.
    Text,
    /// OK packets and binary result sets of a statement's execution.
    Binary { statement: u32 },
    /// The description of a prepared statement.
    Prepare,
    /// More rows of a cursor.
    Fetch,
    /// Those of [`Text`](Self::Text), and a request for the file that is there to be sent.
    Load,
    /// An OK packet for the empty file that was sent instead of the one asked for.
    RefusedFile,
}

impl Reply {
    /// The protocol of the rows.
    pub(super) const fn format(self) -> Format {
        match self {
            Self::Binary { .. } | Self::Fetch => Format::Binary,
            Self::Ok
            | Self::Reset
            | Self::Schema
            | Self::Text
            | Self::Prepare
            | Self::Load
            | Self::RefusedFile => Format::Text,
        }
    }
}

/// How a statement, or one result of it, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Rows inserted, changed or deleted; see also `Config::found_rows`.
    pub affected_rows: u64,
    /// The first id that the statement made by itself, or 0.
    pub last_insert_id: u64,
    /// How many warnings there are; stops at 65,535. `SHOW WARNINGS` lists them.
    pub warnings: u16,
    /// The session's status after the statement.
    pub status: StatusFlags,
    /// The server's message for people, such as `Rows matched: 1  Changed: 1  Warnings: 0`.
    pub info: String,
    state: Vec<u8>,
}

impl Done {
    /// Whether another result follows.
    #[must_use]
    pub const fn more_results(&self) -> bool {
        self.status.contains(StatusFlags::MORE_RESULTS)
    }

    #[cfg(test)]
    pub(super) fn with_state(state: Vec<u8>) -> Self {
        Self { state, ..Self::default() }
    }

    /// What the statement changed in the session, as far as the server tracks it.
    #[must_use]
    pub fn session_state(&self) -> SessionState<'_> {
        SessionState::decode(&self.state).unwrap_or_default()
    }
}

/// The last OK packet or terminator, in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct LastOk {
    affected_rows: u64,
    last_insert_id: u64,
    warnings: u16,
    pub(super) status: StatusFlags,
    info: Vec<u8>,
    state: Vec<u8>,
    /// Progress reports of the command in progress.
    reports: u64,
    /// The last progress report.
    report: Span,
}

impl LastOk {
    pub(super) fn end_command(&mut self) {
        self.reports = 0;
    }

    pub(super) fn done(&self) -> Done {
        Done {
            affected_rows: self.affected_rows,
            last_insert_id: self.last_insert_id,
            warnings: self.warnings,
            status: self.status,
            info: String::from_utf8_lossy(&self.info).into_owned(),
            state: self.state.clone(),
        }
    }

    /// After an error there is nothing to tell, and the status is as it was.
    pub(super) fn forget(&mut self) {
        *self = Self { status: self.status.without(StatusFlags::MORE_RESULTS), ..Self::default() };
    }

    /// The info text of the login's OK is not for people.
    pub(super) fn forget_info(&mut self) {
        self.info.clear();
    }

    /// The session-state blocks.
    pub(super) fn state(&self) -> &[u8] {
        &self.state
    }

    fn set(&mut self, ok: &OkPacket<'_>) {
        self.affected_rows = ok.affected_rows;
        self.last_insert_id = ok.last_insert_id;
        self.warnings = ok.warnings;
        self.status = ok.status;
        self.info.clear();
        self.info.extend_from_slice(ok.info);
        self.state.clear();
        self.state.extend_from_slice(ok.session_state.encoded());
    }
}

impl Connection {
    /// An OK packet in place of a result set.
    pub(super) fn on_ok(&mut self, span: Span) -> Result<(), Fault> {
        self.clear_columns();
        self.take_ok(span)
    }

    fn take_ok(&mut self, span: Span) -> Result<(), Fault> {
        if span.len > self.limits.max_state_bytes {
            let value = u64::try_from(self.limits.max_state_bytes).unwrap_or(u64::MAX);
            return Err(Kind::Limit { limit: "max_state_bytes", value }.into());
        }
        let ok = OkPacket::decode(self.recv.bytes(span), self.capabilities)?;
        for change in ok.session_state.changes() {
            let change = change?;
            self.info.tracked.take(change);
            match change {
                StateChange::Schema(schema) => {
                    let schema = String::from_utf8_lossy(schema).into_owned();
                    self.info.database = Some(schema).filter(|schema| !schema.is_empty());
                }
                StateChange::SystemVariable { .. } | StateChange::State(_) => {
                    self.watch.sees_change();
                }
                _ => {}
            }
        }
        self.info.status = ok.status;
        self.last_ok.set(&ok);
        Ok(())
    }

    /// The default database is what the command in progress named, unless the server has told of one:
    /// it knows better.
    pub(super) fn note_schema(&mut self) {
        let state = SessionState::decode(self.last_ok.state()).unwrap_or_default();
        let told = state.changes().any(|change| matches!(change, Ok(StateChange::Schema(_))));
        if !told && let Some(schema) = self.schemas.front() {
            self.info.database = Some(String::from_utf8_lossy(schema).into_owned());
        }
    }

    /// The reply to COM_STMT_PREPARE: the statement, without its definitions.
    pub(super) fn on_prepare_ok(&mut self, span: Span) -> Result<PrepareOk, Fault> {
        self.clear_columns();
        let ok = PrepareOk::decode(self.recv.bytes(span), self.capabilities)?;
        self.check_columns(u64::from(ok.columns))?;
        self.prepared = Some(ok);
        Ok(ok)
    }

    /// The first packet of a result set: how many definitions follow, none if those that are known
    /// hold.
    pub(super) fn on_result_set_header(
        &mut self,
        reply: Reply,
        span: Span,
    ) -> Result<usize, Fault> {
        let header = ResultSetHeader::decode(self.recv.bytes(span), self.capabilities)?;
        let columns = self.check_columns(header.columns)?;
        if !header.metadata_follows {
            self.take_known(reply, columns)?;
            return Ok(0);
        }
        self.replace_columns(reply);
        Ok(columns)
    }

    fn check_columns(&self, columns: u64) -> Result<usize, Fault> {
        match usize::try_from(columns) {
            Ok(columns) if columns <= self.limits.max_columns => Ok(columns),
            _ => {
                let value = u64::try_from(self.limits.max_columns).unwrap_or(u64::MAX);
                Err(Kind::Limit { limit: "max_columns", value }.into())
            }
        }
    }

    pub(super) fn on_column_definition(&mut self, span: Span) -> Result<(), Fault> {
        let definition = ColumnDefinition::decode(self.recv.bytes(span), self.capabilities)?;
        // Nobody shares the columns before the first row.
        let columns = Arc::make_mut(&mut self.columns);
        columns.push(&definition);
        if columns.text_len() > self.limits.max_metadata_bytes {
            let value = u64::try_from(self.limits.max_metadata_bytes).unwrap_or(u64::MAX);
            return Err(Kind::Limit { limit: "max_metadata_bytes", value }.into());
        }
        Ok(())
    }

    /// The EOF packet behind the definitions; its status is provisional.
    pub(super) fn on_columns_end(&mut self, span: Span) -> Result<(), Fault> {
        self.info.status = EofPacket::decode(self.recv.bytes(span))?.status;
        self.last_ok.status = self.info.status;
        Ok(())
    }

    /// Whether a packet in a row's place that starts with 0xFE ends the rows: decided by its
    /// reassembled length.
    pub(super) fn ends_rows(&self, span: Span) -> bool {
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            span.len <= MAX_CHUNK
        } else {
            span.len < EOF_BELOW
        }
    }

    /// A skipped packet that starts with 0xFE and is as long as one chunk: a row where EOF packets
    /// end them, and otherwise an OK packet longer than any server sends (F-10).
    pub(super) fn check_full_chunk(&self) -> Result<(), Fault> {
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            return Ok(());
        }
        let value = u64::try_from(self.limits.max_state_bytes).unwrap_or(u64::MAX);
        Err(Kind::Limit { limit: "max_state_bytes", value }.into())
    }

    /// Whether a packet in a row's place is an OK packet and no row. Servers forget the end of a
    /// result set when its statement fails within a procedure and only the caller handles the error
    /// (`protocol-spec/notes-call-eof.md`): without this the wait for its end would have none.
    pub(super) fn is_misplaced_ok(&self, span: Span) -> bool {
        let payload = self.recv.bytes(span);
        let no_row = match self.format {
            // An OK packet is never longer than a chunk (F-10).
            Format::Text => {
                span.len < MAX_CHUNK && TextRow::decode(payload, self.columns.len()).is_err()
            }
            // Each row starts as an OK packet does, so only the shortest of those are looked at:
            // a CALL's usually is one.
            Format::Binary => {
                span.len == OkPacket::SHORTEST && self.columns.is_no_binary_row(payload)
            }
        };
        no_row && OkPacket::decode(payload, self.capabilities).is_ok()
    }

    /// The end of the rows: an EOF packet, or an OK packet in its place. Some servers send the
    /// first although the second was agreed on; an OK packet is never that short.
    pub(super) fn on_terminator(&mut self, span: Span) -> Result<(), Fault> {
        let deprecated = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
        if deprecated && span.len != EofPacket::SIZE {
            return self.take_ok(span);
        }
        let EofPacket { warnings, mut status } = EofPacket::decode(self.recv.bytes(span))?;
        // MySQL says of OUT parameters only in front of them that a result follows.
        let out_params = StatusFlags(StatusFlags::PS_OUT_PARAMS.0 | StatusFlags::MORE_RESULTS.0);
        if !deprecated && self.last_ok.status.contains(out_params) {
            status.0 |= out_params.0;
        }
        self.info.status = status;
        self.last_ok.set(&OkPacket {
            affected_rows: 0,
            last_insert_id: 0,
            status,
            warnings,
            info: b"",
            session_state: SessionState::default(),
        });
        Ok(())
    }

    /// Whether an ERR packet is a progress report, which it then takes.
    pub(super) fn on_progress(&mut self, span: Span) -> Result<bool, Fault> {
        let payload = self.recv.bytes(span);
        if !ProgressReport::is_report(payload, self.capabilities) {
            return Ok(false);
        }
        ProgressReport::decode(payload)?;
        self.last_ok.report = span;
        self.last_ok.reports += 1;
        if self.last_ok.reports > self.limits.max_progress_packets {
            let value = self.limits.max_progress_packets;
            return Err(Kind::Limit { limit: "max_progress_packets", value }.into());
        }
        Ok(true)
    }

    /// The report of the last [`Step::Progress`](super::Step::Progress), until the next step.
    #[must_use]
    pub fn progress(&self) -> Option<ProgressReport<'_>> {
        ProgressReport::decode(self.recv.bytes(self.last_ok.report)).ok()
    }
}
