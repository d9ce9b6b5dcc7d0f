//! What LOAD DATA LOCAL loads (R-60 to R-63).
//!
//! ```text
//!                 0xFB
//!   Reply(Load) ───────▶ File ── end_file() ──▶ Reply(Text)
//!   Reply(Text, Binary) ─ 0xFB ─ empty file ──▶ Reply(RefusedFile)
//! ```

use super::Fault;
#[cfg(doc)]
use super::Step;
use super::connection::{Connection, Outcome, State};
use super::exchange::Reply;
use super::recv::Span;
use crate::error::{ProtocolErrorKind as Kind, Result, UsageError};
use crate::wire::{Capabilities, LocalInfileRequest, packet};

impl Connection {
    /// Runs a LOAD DATA LOCAL statement, like [`query`](Self::query). When the server asks for the
    /// data there is a [`Step::LocalInfile`]: they are given by [`send_file`](Self::send_file) and
    /// ended by [`end_file`](Self::end_file), and the reply goes on. Of several such statements in
    /// one text the first gets the data, and the others are refused.
    ///
    /// Fails, with nothing to send, if [`can_load_local`](Self::can_load_local) does not hold. No
    /// other command can be given until the reply is over.
    pub fn load_local(&mut self, sql: &[u8]) -> Result<()> {
        if !self.is_dead() && !self.can_load_local() {
            return Err(UsageError::LocalInfileOff.into());
        }
        self.query_for(Reply::Load, sql)
    }

    /// Whether data for LOAD DATA LOCAL can be sent: both sides agreed on it at the login.
    #[must_use]
    pub fn can_load_local(&self) -> bool {
        self.capabilities.contains(Capabilities::LOCAL_FILES)
    }

    /// Sends a part of the file that the server waits for. Cost: a copy of it, to be written before
    /// the next part is given if memory is to stay flat.
    pub fn send_file(&mut self, part: &[u8]) -> Result<()> {
        self.check_file()?;
        // An empty packet would be the end.
        if !part.is_empty() {
            self.state = State::File { begun: true };
        }
        for part in part.chunks(packet::MAX_CHUNK - 1) {
            self.write_file(part).map_err(|fault| self.die(fault))?;
        }
        Ok(())
    }

    /// Ends the file that the server waits for.
    pub fn end_file(&mut self) -> Result<()> {
        self.check_file()?;
        self.write_file(b"").map_err(|fault| self.die(fault))?;
        // Another request in the same command asks for another file (T-02).
        self.state = State::Reply(Reply::Text);
        Ok(())
    }

    /// Whether a part of the file was sent. It can still be left as an empty one otherwise.
    #[must_use]
    pub fn has_begun_file(&self) -> bool {
        matches!(self.state, State::File { begun: true })
    }

    fn check_file(&self) -> Result<()> {
        match self.state {
            State::File { .. } => Ok(()),
            State::Dead => Err(super::connection::dead()),
            _ => Err(UsageError::NotReady.into()),
        }
    }

    /// One packet with the next id of the exchange (F-05).
    fn write_file(&mut self, part: &[u8]) -> Result<(), Fault> {
        let sequence = packet::write(self.send.buffer(), part, self.recv.sequence());
        self.recv.set_sequence(sequence);
        self.seal()
    }

    /// The server asks for a file.
    pub(super) fn on_local_infile(
        &mut self,
        reply: Reply,
        span: Span,
    ) -> Result<(State, Outcome), Fault> {
        LocalInfileRequest::decode(self.recv.bytes(span))?;
        // What a command behind this one says would be taken for the file.
        if !self.can_load_local() || self.unanswered.len() > 1 {
            return Err(Kind::UnsolicitedInfile.into());
        }
        if reply == Reply::Load {
            return Ok((State::File { begun: false }, Outcome::Continue));
        }
        self.write_file(b"")?;
        Ok((State::Reply(Reply::RefusedFile), Outcome::Continue))
    }
}
