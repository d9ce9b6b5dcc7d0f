//! Looks at what came without taking it, and gives out again what was put aside.

use std::sync::Arc;

use super::connection::{Connection, State};
use super::exchange::Reply;
use crate::columns::Columns;
use crate::error::{Result, UsageError};
use crate::wire::{Capabilities, EofPacket, OkPacket, SessionState, StatusFlags, packet, reply};

/// Rows that were taken and are to be given out again, in the form of a reply.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    packets: Vec<u8>,
    rows: u32,
    sequence: u8,
}

impl Default for Kept {
    fn default() -> Self {
        Self { packets: Vec::new(), rows: 0, sequence: 1 }
    }
}

impl Kept {
    pub(crate) fn push(&mut self, row: &[u8]) {
        self.sequence = packet::write(&mut self.packets, row, self.sequence);
        self.rows = self.rows.saturating_add(1);
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// The memory that they take, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.packets.len()
    }
}

impl Connection {
    /// Whether the rows that are due are the OUT parameters of a CALL; `None` as long as it takes
    /// more input to tell.
    ///
    /// Without `DEPRECATE_EOF` the packet behind the definitions tells. With it only the packet
    /// behind the rows does; OUT parameters are one row, so it is looked for behind the next row.
    /// Nothing is taken. Fails once a piece of the row was.
    pub fn out_params(&mut self) -> Result<Option<bool>> {
        if !matches!(self.state, State::Rows(_)) {
            return Ok(Some(self.info.status.contains(StatusFlags::PS_OUT_PARAMS)));
        }
        self.read_whole_rows()?;
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            return Ok(Some(self.last_ok.status.contains(StatusFlags::PS_OUT_PARAMS)));
        }
        loop {
            if let Some(terminator) = self.recv.terminator_ahead() {
                let status = match terminator.len() {
                    EofPacket::SIZE => EofPacket::decode(terminator).map(|eof| eof.status),
                    _ => OkPacket::decode(terminator, self.capabilities).map(|ok| ok.status),
                };
                let marked = |status: StatusFlags| status.contains(StatusFlags::PS_OUT_PARAMS);
                return Ok(Some(status.is_ok_and(marked)));
            }
            if !self.more_input()? {
                return Ok(None);
            }
        }
    }

    /// Gives rows of a cursor out again, as the reply to a fetch that is not sent. `more` tells
    /// whether the cursor goes on behind them.
    pub(crate) fn replay(
        &mut self,
        columns: Arc<Columns>,
        mut kept: Kept,
        more: bool,
    ) -> Result<()> {
        if !self.is_idle() {
            return Err(UsageError::NotReady.into());
        }
        self.use_columns(columns);
        let cursor = match more {
            true => StatusFlags::CURSOR_EXISTS,
            false => StatusFlags::LAST_ROW_SENT,
        };
        let both = StatusFlags::CURSOR_EXISTS.with(StatusFlags::LAST_ROW_SENT);
        let status = self.info.status.without(both).with(cursor);
        let mut end = Vec::new();
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            let ok = OkPacket {
                affected_rows: 0,
                last_insert_id: 0,
                status,
                warnings: 0,
                info: b"",
                session_state: SessionState::default(),
            };
            ok.encode(reply::EOF, self.capabilities, &mut end);
        } else {
            EofPacket { warnings: 0, status }.encode(&mut end);
        }
        kept.push(&end);
        self.recv.put_in_front(&kept.packets);
        self.unanswered.push_back((Reply::Fetch, 1));
        Ok(())
    }

    /// Takes the columns of a cursor that is gone on with.
    pub(crate) fn use_columns(&mut self, columns: Arc<Columns>) {
        self.share_columns(columns);
    }

    /// The columns of the result set in progress, or of the last one, shared.
    pub(crate) fn shared_columns(&self) -> Arc<Columns> {
        self.columns.clone()
    }
}
