//! The commands: what a caller asks for, put behind what there is to send.

#[cfg(any(feature = "tokio", feature = "blocking"))]
use std::sync::Arc;

#[cfg(doc)]
use super::Step;
use super::connection::{Connection, State, dead};
use super::exchange::Reply;
#[cfg(any(feature = "tokio", feature = "blocking"))]
use crate::attributes::QueryAttributes;
use crate::error::{Result, UsageError};
use crate::wire::packet::{self, PacketStart};
use crate::wire::{BulkExecute, Capabilities, Command, Execute};

/// The most that one command can carry, in bytes: the protocol's own cap (F-09).
const MAX_COMMAND: usize = 1 << 30;

/// How many commands may wait for their replies: what a front sends together, with room.
pub(crate) const MAX_UNANSWERED: usize = 1024;

impl Connection {
    /// Runs SQL through the text protocol.
    ///
    /// The reply begins with [`Step::Columns`] or [`Step::Done`]. Commands may be given before
    /// earlier ones are answered; replies come in order. Fails, with nothing to send, if the
    /// statement exceeds `Limits::max_command`, or too many commands are unanswered.
    pub fn query(&mut self, sql: &[u8]) -> Result<()> {
        self.query_for(Reply::Text, sql)
    }

    /// Runs SQL whose reply may be that of `reply`, with the attributes if the server takes such:
    /// every COM_QUERY has room for them then.
    pub(super) fn query_for(&mut self, reply: Reply, sql: &[u8]) -> Result<()> {
        if !self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
            return self.command(Command::Query(sql), reply);
        }
        self.check_ready()?;
        self.check_charset(&Command::Query(sql))?;
        let attributes = self.attributes.clone();
        self.drafted(reply, "statement", |out| Ok(attributes.encode_query(sql, out)?))?;
        self.watch.sees_command(&Command::Query(sql));
        Ok(())
    }

    /// Sets the attributes that go with every later query. Those of executions are part of their
    /// parameters.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn set_attributes(&mut self, attributes: QueryAttributes) {
        self.attributes = Arc::new(attributes);
    }

    /// The attributes that go with statements; `None` if the server takes none.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn attributes(&self) -> Option<&Arc<QueryAttributes>> {
        let known = self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        known.then_some(&self.attributes)
    }

    /// Asks whether the server is there; the reply is [`Step::Done`].
    pub fn ping(&mut self) -> Result<()> {
        self.command(Command::Ping, Reply::Ok)
    }

    /// Makes `schema` the default database; the reply is [`Step::Done`].
    /// [`ServerInfo::database`](super::ServerInfo::database) is it from then on, whether or not the
    /// server tells of it.
    pub fn init_db(&mut self, schema: &[u8]) -> Result<()> {
        self.command(Command::InitDb(schema), Reply::Schema)?;
        self.schemas.push_back(schema.into());
        Ok(())
    }

    /// Resets the session: rolls back, drops temporary tables, user variables, prepared statements
    /// and locks, and takes the server's defaults for variables. The reply is [`Step::Done`].
    pub fn reset_connection(&mut self) -> Result<()> {
        self.command(Command::ResetConnection, Reply::Reset)?;
        self.info.tracked.begin_anew();
        Ok(())
    }

    /// Prepares SQL; the reply is [`Step::Prepared`].
    pub fn prepare(&mut self, sql: &[u8]) -> Result<()> {
        self.command(Command::StmtPrepare(sql), Reply::Prepare)
    }

    /// Executes a prepared statement; the reply is that of [`query`](Self::query), with rows of the
    /// binary protocol. `flags` are those of [`Execute`]. `parameters` appends what
    /// [`Parameters`](crate::wire::Parameters) describes; if it fails, nothing is sent.
    ///
    /// On MariaDB [`Execute::LAST_PREPARED`] executes what was prepared last, so that both commands
    /// fit into one flight; if the preparation fails, both have an error to be read. Mind what
    /// `protocol-spec/bulk-and-pipelining.md` says of error 1461 before you use it.
    pub fn execute(
        &mut self,
        statement: u32,
        flags: u8,
        parameters: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.drafted(Reply::Binary { statement }, "parameter list", |out| {
            Command::StmtExecute(Execute { statement, flags, parameters: &[] }).encode(out);
            parameters(out)
        })
    }

    /// Executes a prepared statement with many rows of parameters; MariaDB only. The reply is an OK
    /// or a binary result set. `flags` are those of [`BulkExecute`], and `rows` appends what
    /// [`BulkRows`](crate::wire::BulkRows) describes; if it fails, nothing is sent.
    pub fn execute_bulk<T>(
        &mut self,
        statement: u32,
        flags: u16,
        rows: impl FnOnce(&mut Vec<u8>) -> Result<T>,
    ) -> Result<T> {
        self.drafted(Reply::Binary { statement }, "parameter list", |out| {
            Command::StmtBulkExecute(BulkExecute { statement, flags, parameters: &[] }).encode(out);
            rows(out)
        })
    }

    /// Sends a command that is written in place, with the help of a caller's code; if that fails,
    /// nothing is sent. `what` may be too long.
    fn drafted<T>(
        &mut self,
        reply: Reply,
        what: &'static str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<T>,
    ) -> Result<T> {
        self.check_ready()?;
        let max = self.limits.max_command.min(MAX_COMMAND);
        let draft = Draft::begin(self.send.buffer());
        let written = write(draft.out)?;
        if draft.payload_len() > max {
            let max = u64::try_from(max).unwrap_or(u64::MAX);
            return Err(UsageError::TooLong { what, max }.into());
        }
        let sequence = draft.finish();
        let sequence = self.seal_command(sequence).map_err(|fault| self.die(fault))?;
        self.unanswered.push_back((reply, sequence));
        Ok(written)
    }

    /// Asks for up to `rows` rows of a statement's cursor; the reply is rows and [`Step::Done`].
    pub fn fetch(&mut self, statement: u32, rows: u32) -> Result<()> {
        self.command(Command::StmtFetch { statement, rows }, Reply::Fetch)
    }

    /// Closes a statement's cursor and drops its long data; the reply is [`Step::Done`].
    pub fn reset_statement(&mut self, statement: u32) -> Result<()> {
        self.command(Command::StmtReset(statement), Reply::Ok)
    }

    /// Frees a statement on the server. There is no reply.
    pub fn close_statement(&mut self, statement: u32) -> Result<()> {
        self.check_ready()?;
        self.write(Command::StmtClose(statement))?;
        self.known.close(statement);
        self.forget_closed();
        Ok(())
    }

    /// Appends to the value of a statement's parameter. There is no reply.
    pub fn send_long_data(&mut self, statement: u32, parameter: u16, data: &[u8]) -> Result<()> {
        self.check_ready()?;
        self.write(Command::StmtSendLongData { statement, parameter, data }).map(drop)
    }

    /// Says good-bye. There is no reply: write what there is to write and close the transport. The
    /// connection is dead afterwards, with the farewell as its last words.
    pub fn quit(&mut self) -> Result<()> {
        match self.state {
            State::Dead => return Err(dead()),
            State::Connecting(_) => return Err(UsageError::NotReady.into()),
            // It would be taken for a part of the file.
            _ if self.file_is_due() => return Err(UsageError::FileDue.into()),
            _ => {}
        }
        self.write(Command::Quit)?;
        self.state = State::Dead;
        Ok(())
    }

    fn command(&mut self, command: Command<'_>, reply: Reply) -> Result<()> {
        self.check_ready()?;
        let sequence = self.write(command)?;
        self.unanswered.push_back((reply, sequence));
        Ok(())
    }

    /// Whether a command can be given.
    fn check_ready(&self) -> Result<()> {
        match self.state {
            State::Dead => Err(dead()),
            State::Connecting(_) => Err(UsageError::NotReady.into()),
            _ if self.unanswered.len() >= MAX_UNANSWERED => {
                Err(UsageError::TooManyCommands { max: MAX_UNANSWERED }.into())
            }
            _ if self.file_is_due() => Err(UsageError::FileDue.into()),
            _ => Ok(()),
        }
    }

    /// Whether the server may take what comes next for a part of a file.
    fn file_is_due(&self) -> bool {
        self.unanswered.back().is_some_and(|(reply, _)| *reply == Reply::Load)
    }

    /// SQL is UTF-8: a server that takes it for something else may find quotes in the middle of
    /// characters (T-71).
    fn check_charset(&self, command: &Command<'_>) -> Result<()> {
        let Some(charset) = self.info.tracked.foreign() else { return Ok(()) };
        match command {
            Command::Query(text) | Command::StmtPrepare(text) | Command::InitDb(text)
                if !text.is_ascii() =>
            {
                Err(UsageError::ForeignCharacterSet { charset: charset.into() }.into())
            }
            _ => Ok(()),
        }
    }

    /// Puts a command behind what there is to send; gives the sequence id behind its last chunk.
    fn write(&mut self, command: Command<'_>) -> Result<u8> {
        let max = self.limits.max_command.min(MAX_COMMAND);
        if command.payload_len() > max {
            let max = u64::try_from(max).unwrap_or(u64::MAX);
            return Err(UsageError::TooLong { what: "statement", max }.into());
        }
        self.check_charset(&command)?;
        self.watch.sees_command(&command);
        let out = self.send.buffer();
        let start = packet::begin(out);
        command.encode(out);
        let sequence = packet::finish(out, start, 0);
        self.seal_command(sequence).map_err(|fault| self.die(fault))
    }
}

/// A packet that is being written with the help of a caller's code. Unless it is finished, even if
/// that code panics, what there is to send is as it was before.
struct Draft<'b> {
    out: &'b mut Vec<u8>,
    packet: Option<PacketStart>,
}

impl<'b> Draft<'b> {
    fn begin(out: &'b mut Vec<u8>) -> Self {
        let packet = Some(packet::begin(out));
        Self { out, packet }
    }

    fn payload_len(&self) -> usize {
        self.packet.as_ref().map_or(0, |packet| packet.payload_len(self.out))
    }

    /// Frames the packet; gives the sequence id behind its last chunk.
    fn finish(mut self) -> u8 {
        self.packet.take().map_or(0, |packet| packet::finish(self.out, packet, 0))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(packet) = self.packet.take() {
            packet.abandon(self.out);
        }
    }
}
