//! Looks at what came without taking it.

use super::connection::{Connection, State};
use crate::error::Result;
use crate::wire::{Capabilities, EofPacket, OkPacket, StatusFlags};

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
}
