//! What a caller sees of the connection between two steps, and how it wants the next rows.

#[cfg(doc)]
use super::Step;
use super::connection::{Connection, Reading, State};
use super::exchange::{Done, Reply};
use super::field::{FieldHead, FieldWalk};
use super::recv::Span;
use super::server_info::ServerInfo;
use crate::columns::Columns;
use crate::config::Compression;
use crate::error::{Result, UsageError};
use crate::row::{Batch, Row};
use crate::value::Format;
use crate::wire::{Capabilities, PrepareOk};

impl Connection {
    /// The columns of the result set in progress, or of the last one.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The row of the last [`Step::Row`], until the next step; an empty one otherwise.
    #[inline]
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        Row::new(self.recv.bytes(self.row), &self.columns, self.format)
    }

    /// The row of the last [`Step::Row`] together with every further row that is complete in the
    /// buffer, until the next step. They count as read, looked at or not. Empty after any other step.
    pub fn batch(&mut self) -> Batch<'_> {
        if self.row == Span::default() {
            return Batch::new(None, &[], 0, &self.columns, self.format);
        }
        let (span, rows) = self.recv.more_rows(self.format, &self.columns);
        let first = self.recv.bytes(self.row);
        Batch::new(Some(first), self.recv.bytes(span), rows + 1, &self.columns, self.format)
    }

    /// The statement of the last [`Step::Prepared`].
    #[must_use]
    pub const fn prepared(&self) -> Option<PrepareOk> {
        self.prepared
    }

    /// What the server said at the last [`Step::Done`].
    #[must_use]
    pub fn done(&self) -> Done {
        self.last_ok.done()
    }

    /// Reads the next row value by value and piece by piece: the steps are [`Step::Field`] for each
    /// value, [`Step::Chunk`] for each piece of one, [`Step::RowEnd`], or [`Step::Done`] if there is
    /// no row. Neither the row nor a value has to fit into memory. Rows after it are read whole
    /// again.
    pub fn chunk_row(&mut self) {
        let rows = match self.state {
            State::Rows(_) => true,
            // Nothing stands in front of the rows of a fetch.
            State::Idle => matches!(self.unanswered.front(), Some((Reply::Fetch, _))),
            _ => false,
        };
        if !rows {
            return;
        }
        match self.reading {
            Reading::Rows => {
                self.reading = Reading::Fields;
                self.walk = None;
            }
            Reading::RestOfRow { .. } => self.reading = Reading::RestOfRow { then_fields: true },
            Reading::Fields | Reading::Nothing => {}
        }
    }

    /// Reads rows whole again after [`chunk_row`](Self::chunk_row), if no piece of one was read.
    /// Fails otherwise: the row can only be gone on with, or left by
    /// [`leave_row`](Self::leave_row).
    #[inline]
    pub fn read_whole_rows(&mut self) -> Result<()> {
        if self.reading != Reading::Fields {
            return Ok(());
        }
        if self.walk.is_some() {
            return Err(UsageError::RowInPieces.into());
        }
        self.reading = Reading::Rows;
        Ok(())
    }

    /// The value of the last [`Step::Field`].
    #[must_use]
    pub fn field(&self) -> Option<FieldHead> {
        self.walk.as_ref().map(FieldWalk::head)
    }

    /// The bytes that are still due of the value in progress.
    #[must_use]
    pub fn field_left(&self) -> u64 {
        self.walk.as_ref().map_or(0, FieldWalk::left)
    }

    /// The piece of the last [`Step::Chunk`], until the next step.
    #[must_use]
    pub fn chunk(&self) -> &[u8] {
        self.walk.as_ref().map_or(&[], |walk| self.recv.bytes(walk.chunk()))
    }

    /// Drops what is left of the value in progress: the next step is the next value, or the row's
    /// end.
    pub fn skip_field(&mut self) {
        if let Some(walk) = &mut self.walk {
            walk.drop_value();
        }
    }

    /// Leaves the row that is read in pieces: what is left of it is dropped. If none of its values
    /// has begun, it is the next row as if [`chunk_row`](Self::chunk_row) had not been called.
    pub fn leave_row(&mut self) {
        self.reading = match self.reading {
            Reading::Fields => match self.walk.take() {
                Some(walk) if !walk.is_here() => Reading::RestOfRow { then_fields: false },
                _ => Reading::Rows,
            },
            Reading::RestOfRow { .. } => Reading::RestOfRow { then_fields: false },
            other => other,
        };
    }

    /// The protocol of the rows in progress, or of the last ones.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Drops the rows that are left of the result set in progress, as they arrive: none has to fit
    /// into memory. The next step is [`Step::Done`] or an error.
    pub fn skip_rows(&mut self) {
        if matches!(self.state, State::Rows(_)) {
            self.reading = Reading::Nothing;
            self.walk = None;
        }
    }

    /// The number of the packet that is due: another one shows that a packet came.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn packet_due(&self) -> u8 {
        self.recv.sequence()
    }

    /// What the server says of itself and of the session.
    #[must_use]
    pub const fn server(&self) -> &ServerInfo {
        &self.info
    }

    /// What both sides agreed on.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// What compresses the bytes behind the login, if both sides agreed.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        if self.capabilities.contains(Capabilities::COMPRESS) {
            Some(Compression::Zlib)
        } else if self.capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            Some(Compression::Zstd)
        } else {
            None
        }
    }

    /// Whether the bytes on the wire are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}
