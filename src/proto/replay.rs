//! Gives out again the rows of a cursor that were put aside.

use std::sync::Arc;

use super::connection::Connection;
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
        self.share_columns(columns);
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

    /// The columns of the result set in progress, or of the last one, shared.
    pub(crate) fn shared_columns(&self) -> Arc<Columns> {
        self.columns.clone()
    }
}
