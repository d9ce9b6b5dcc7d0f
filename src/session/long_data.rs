//! Values of any size, sent piece by piece.

use super::input::{Input, Pieces};
use super::{Session, Statement};
use crate::error::{Error, IoError, IoTask, Result, Sent, UsageError};

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
    /// bytes sent. Cost: a copy of the data; the server answers nothing. Not cancel-safe for the value: after a dropped future send it again from the
    /// beginning, behind [`reset_statement`](Self::reset_statement).
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
        let id = self.handle(statement).await?.id();
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
                return Ok(total);
            }
            self.connection.send_long_data(id, parameter, piece)?;
            self.flush().await?;
            if piece.is_empty() {
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
        for _ in statement.handles() {
            self.finish_command().await?;
        }
        Ok(())
    }
}
