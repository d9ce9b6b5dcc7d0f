//! Values of any size, sent piece by piece.

use std::collections::BTreeMap;

use super::input::{Input, Pieces};
use super::statement::Handle;
use super::{Session, Statement};
use crate::error::{Error, IoError, IoTask, Result, Sent, UsageError};
use crate::params::Params;
use crate::value::Presence;

/// What the server has of a statement's values for the execution that comes next. Servers take it
/// for whatever that execution gives in its place, so nothing may be forgotten.
#[derive(Debug, Default)]
pub(super) struct LongData {
    /// The parameters, and whether all of the value was sent.
    sent: BTreeMap<u16, bool>,
    /// An execution was given all of it, and nobody has seen that it took it: servers keep a value
    /// that was too long until a reset.
    in_doubt: bool,
}

/// What the server has that an execution does not ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    Nothing,
    /// Perhaps what an execution before did not take.
    InDoubt,
    /// The value of this parameter, from 0.
    Value(usize),
}

impl LongData {
    /// Fails unless the server has the values that an execution says it has; tells which others.
    pub(super) fn check(&self, params: &impl Params) -> Result<Stray> {
        let (mut index, mut asked) = (0, 0);
        params.visit(&mut |value| {
            if value.presence() == Presence::Sent {
                match u16::try_from(index).ok().and_then(|index| self.sent.get(&index)) {
                    Some(true) => asked += 1,
                    Some(false) => return Err(UsageError::LongDataInPart { index }.into()),
                    None => return Err(UsageError::NoLongData { index }.into()),
                }
            }
            index += 1;
            Ok(())
        })?;
        if asked == self.sent.len() {
            return Ok(if asked == 0 { self.stray() } else { Stray::Nothing });
        }
        if asked == 0 {
            return Ok(self.stray());
        }
        // A reset would drop those that are asked for as well.
        let mut index = 0;
        params.visit(&mut |value| {
            let sent = u16::try_from(index).is_ok_and(|index| self.sent.contains_key(&index));
            if sent && value.presence() != Presence::Sent {
                return Err(UsageError::LongDataLeft { index }.into());
            }
            index += 1;
            Ok(())
        })?;
        Ok(Stray::Nothing)
    }

    /// What there is that an execution without any long data does not ask for.
    pub(super) fn stray(&self) -> Stray {
        match self.sent.keys().next() {
            Some(&index) => Stray::Value(usize::from(index)),
            None if self.in_doubt => Stray::InDoubt,
            None => Stray::Nothing,
        }
    }

    /// A piece of this parameter's value is sent, or the last one was.
    fn note(&mut self, parameter: u16, complete: bool) {
        self.sent.insert(parameter, complete);
    }

    /// An execution is sent.
    pub(super) fn give(&mut self) {
        self.in_doubt |= !self.sent.is_empty();
        self.sent.clear();
    }

    /// The server has nothing any more: an execution has succeeded, or a reset.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.in_doubt = false;
    }
}

impl Session {
    /// Sends the value of a parameter from a reader, of any length, before the statement is
    /// executed.
    ///
    /// `parameter` is its place, from 0; the execution then takes
    /// [`LongData`](crate::LongData) in its place. Memory stays flat: the reader is asked for more
    /// only as the server takes it. The server's own limits hold (`max_allowed_packet`), and their
    /// errors come with the execution.
    ///
    /// If the reader fails, what the server has of the values is dropped, and the error says so
    /// with [`IoTask::ReadValue`](crate::error::IoTask); the session is usable. Gives the number of
    /// bytes sent. A further value for the same parameter goes behind the one before.
    ///
    /// An execution without [`LongData`](crate::LongData) drops what was sent, which takes one round
    /// trip more; one with it in the place of some of the parameters that have data, or of others,
    /// fails with nothing sent. On MySQL the data belong to executions with a fetch size or to those
    /// without one, as `statement` has it.
    ///
    /// Cost: a copy of the data; the server answers nothing. Not cancel-safe for the value: after a
    /// dropped future send it again from the beginning, behind
    /// [`reset_statement`](Self::reset_statement); until then executions that want it fail.
    #[cfg(feature = "tokio")]
    pub async fn send_long_data(
        &mut self,
        statement: &Statement,
        parameter: u16,
        reader: impl tokio::io::AsyncRead + Unpin,
    ) -> Result<u64> {
        self.send_pieces(statement, parameter, super::input::Tokio(reader)).await
    }

    pub(crate) async fn send_pieces(
        &mut self,
        statement: &Statement,
        parameter: u16,
        mut input: impl Input,
    ) -> Result<u64> {
        self.check_owner(statement)?;
        let (index, parameters) = (usize::from(parameter), statement.parameters());
        if index >= parameters {
            return Err(UsageError::NoSuchParameter { index, statement: parameters }.into());
        }
        self.settle().await?;
        let handle = self.handle(statement).await?;
        if handle.long_data().stray() == Stray::InDoubt {
            self.reset_handle(statement, handle).await?;
        }
        if handle.long_data().sent.get(&parameter) == Some(&false) {
            return Err(UsageError::LongDataInPart { index }.into());
        }
        let mut pieces = Pieces::of(&mut input);
        let mut total = 0_u64;
        loop {
            let piece = match pieces.next().await {
                Ok(piece) => piece,
                Err(error) => {
                    self.reset_statement(statement).await?;
                    let what = "the value of a parameter";
                    let error = IoError::new(IoTask::ReadValue, what, Sent::No, error);
                    return Err(Error::from(error));
                }
            };
            // A value without bytes takes one empty piece (K-17).
            if piece.is_empty() && total > 0 {
                handle.long_data().note(parameter, true);
                return Ok(total);
            }
            handle.long_data().note(parameter, false);
            self.connection.send_long_data(handle.id(), parameter, piece)?;
            self.flush().await?;
            if piece.is_empty() {
                handle.long_data().note(parameter, true);
                return Ok(0);
            }
            total += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        }
    }

    /// Drops what the server has of a statement's values, and closes its cursor. Cost: one round
    /// trip. Cancel-safe: see [`Session`].
    pub async fn reset_statement(&mut self, statement: &Statement) -> Result<()> {
        self.check_owner(statement)?;
        self.settle().await?;
        statement.note_execution();
        for handle in statement.handles() {
            self.connection.reset_statement(handle.id())?;
        }
        for handle in statement.handles() {
            self.finish_command().await?;
            handle.long_data().clear();
        }
        Ok(())
    }

    /// Drops what the server has of values that an execution with these parameters does not ask for;
    /// fails if it asks for what the server does not have.
    pub(super) async fn settle_long_data(
        &mut self,
        statement: &Statement,
        handle: &Handle,
        params: &impl Params,
    ) -> Result<()> {
        let stray = handle.long_data().check(params)?;
        if stray != Stray::Nothing {
            self.reset_handle(statement, handle).await?;
        }
        Ok(())
    }

    pub(super) async fn reset_handle(
        &mut self,
        statement: &Statement,
        handle: &Handle,
    ) -> Result<()> {
        statement.note_execution();
        self.connection.reset_statement(handle.id())?;
        self.finish_command().await?;
        handle.long_data().clear();
        Ok(())
    }
}
