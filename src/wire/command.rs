//! What the client asks for (part 4 of the protocol notes).

use super::bulk::BulkExecute;
use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::statement::Execute;
use super::writer::Put;

/// A command and its arguments.
///
/// `QUERY` is as it is without query attributes; with them it is
/// [`AttributedQuery`](super::attributes::AttributedQuery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// COM_QUIT: the server closes the connection; no reply.
    Quit,
    /// COM_INIT_DB: makes this the default database (K-45).
    InitDb(&'a [u8]),
    /// COM_QUERY: runs SQL, which ends with the payload (K-02).
    Query(&'a [u8]),
    /// COM_PING.
    Ping,
    /// COM_RESET_CONNECTION (K-43).
    ResetConnection,
    /// COM_STMT_PREPARE: prepares SQL, which ends with the payload.
    StmtPrepare(&'a [u8]),
    /// COM_STMT_EXECUTE.
    StmtExecute(Execute<'a>),
    /// COM_STMT_BULK_EXECUTE: a statement with many rows of parameters; MariaDB only.
    StmtBulkExecute(BulkExecute<'a>),
    /// COM_STMT_SEND_LONG_DATA: appends to a parameter's value; no reply.
    StmtSendLongData {
        /// The statement's id.
        statement: u32,
        /// The parameter's place, from 0.
        parameter: u16,
        /// The bytes to append; none makes the value an empty one (K-17).
        data: &'a [u8],
    },
    /// COM_STMT_CLOSE: frees a statement; no reply.
    StmtClose(u32),
    /// COM_STMT_RESET: drops long data, closes the cursor.
    StmtReset(u32),
    /// COM_STMT_FETCH: asks for rows of a cursor.
    StmtFetch {
        /// The statement's id.
        statement: u32,
        /// How many rows at most.
        rows: u32,
    },
}

impl<'a> Command<'a> {
    const QUIT: u8 = 0x01;
    const INIT_DB: u8 = 0x02;
    const QUERY: u8 = 0x03;
    const PING: u8 = 0x0E;
    const STMT_PREPARE: u8 = 0x16;
    const STMT_EXECUTE: u8 = 0x17;
    const STMT_SEND_LONG_DATA: u8 = 0x18;
    const STMT_CLOSE: u8 = 0x19;
    const STMT_RESET: u8 = 0x1A;
    const STMT_FETCH: u8 = 0x1C;
    const RESET_CONNECTION: u8 = 0x1F;
    const STMT_BULK_EXECUTE: u8 = 0xFA;

    /// Reads a command, as a server does.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "command");
        let command = match reader.u8()? {
            Self::QUIT => Self::Quit,
            Self::INIT_DB => Self::InitDb(reader.take_rest()),
            Self::QUERY => Self::Query(reader.take_rest()),
            Self::PING => Self::Ping,
            Self::RESET_CONNECTION => Self::ResetConnection,
            Self::STMT_PREPARE => Self::StmtPrepare(reader.take_rest()),
            Self::STMT_EXECUTE => Self::StmtExecute(Execute::decode(&mut reader)?),
            Self::STMT_BULK_EXECUTE => Self::StmtBulkExecute(BulkExecute::decode(&mut reader)?),
            Self::STMT_SEND_LONG_DATA => Self::StmtSendLongData {
                statement: reader.u32()?,
                parameter: reader.u16()?,
                data: reader.take_rest(),
            },
            Self::STMT_CLOSE => Self::StmtClose(reader.u32()?),
            Self::STMT_RESET => Self::StmtReset(reader.u32()?),
            Self::STMT_FETCH => Self::StmtFetch { statement: reader.u32()?, rows: reader.u32()? },
            byte => return Err(reader.error(Malformed::Header(byte))),
        };
        reader.finish()?;
        Ok(command)
    }

    /// The command's name in the protocol, such as `COM_QUERY`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Quit => "COM_QUIT",
            Self::InitDb(_) => "COM_INIT_DB",
            Self::Query(_) => "COM_QUERY",
            Self::Ping => "COM_PING",
            Self::ResetConnection => "COM_RESET_CONNECTION",
            Self::StmtPrepare(_) => "COM_STMT_PREPARE",
            Self::StmtExecute(_) => "COM_STMT_EXECUTE",
            Self::StmtBulkExecute(_) => "COM_STMT_BULK_EXECUTE",
            Self::StmtSendLongData { .. } => "COM_STMT_SEND_LONG_DATA",
            Self::StmtClose(_) => "COM_STMT_CLOSE",
            Self::StmtReset(_) => "COM_STMT_RESET",
            Self::StmtFetch { .. } => "COM_STMT_FETCH",
        }
    }

    /// Appends the command's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Quit => out.put_u8(Self::QUIT),
            Self::Ping => out.put_u8(Self::PING),
            Self::ResetConnection => out.put_u8(Self::RESET_CONNECTION),
            Self::InitDb(schema) => {
                out.put_u8(Self::INIT_DB);
                out.extend_from_slice(schema);
            }
            Self::Query(sql) => {
                out.put_u8(Self::QUERY);
                out.extend_from_slice(sql);
            }
            Self::StmtPrepare(sql) => {
                out.put_u8(Self::STMT_PREPARE);
                out.extend_from_slice(sql);
            }
            Self::StmtExecute(execute) => {
                out.put_u8(Self::STMT_EXECUTE);
                execute.encode(out);
            }
            Self::StmtBulkExecute(execute) => {
                out.put_u8(Self::STMT_BULK_EXECUTE);
                execute.encode(out);
            }
            Self::StmtSendLongData { statement, parameter, data } => {
                out.put_u8(Self::STMT_SEND_LONG_DATA);
                out.put_u32(statement);
                out.put_u16(parameter);
                out.extend_from_slice(data);
            }
            Self::StmtClose(statement) => {
                out.put_u8(Self::STMT_CLOSE);
                out.put_u32(statement);
            }
            Self::StmtReset(statement) => {
                out.put_u8(Self::STMT_RESET);
                out.put_u32(statement);
            }
            Self::StmtFetch { statement, rows } => {
                out.put_u8(Self::STMT_FETCH);
                out.put_u32(statement);
                out.put_u32(rows);
            }
        }
    }

    /// The length of the command's payload, in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        let (fixed, rest) = match *self {
            Self::Quit | Self::Ping | Self::ResetConnection => (1, 0),
            Self::InitDb(rest) | Self::Query(rest) | Self::StmtPrepare(rest) => (1, rest.len()),
            Self::StmtExecute(execute) => (10, execute.parameters.len()),
            Self::StmtBulkExecute(execute) => (7, execute.parameters.len()),
            Self::StmtSendLongData { data, .. } => (7, data.len()),
            Self::StmtClose(_) | Self::StmtReset(_) => (5, 0),
            Self::StmtFetch { .. } => (9, 0),
        };
        rest.saturating_add(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for command in [
            Command::Quit,
            Command::InitDb(b"shop"),
            Command::Query(b"SELECT '\0'"),
            Command::Query(b""),
            Command::Ping,
            Command::ResetConnection,
            Command::StmtPrepare(b"SELECT ?"),
            Command::StmtExecute(Execute { statement: 7, flags: 1, parameters: &[0, 1, 2] }),
            Command::StmtSendLongData { statement: 7, parameter: 65_535, data: b"abc" },
            Command::StmtSendLongData { statement: 7, parameter: 0, data: b"" },
            Command::StmtBulkExecute(BulkExecute { statement: 7, flags: 192, parameters: &[3, 0] }),
            Command::StmtClose(u32::MAX),
            Command::StmtReset(7),
            Command::StmtFetch { statement: 7, rows: 1000 },
        ] {
            let mut out = Vec::new();
            command.encode(&mut out);
            assert_eq!(out.len(), command.payload_len());
            assert_eq!(Command::decode(&out), Ok(command));
        }
        assert_eq!(Command::Quit.name(), "COM_QUIT");
        assert_eq!(Command::StmtFetch { statement: 7, rows: 1 }.name(), "COM_STMT_FETCH");
        assert!(Command::decode(&[]).is_err());
        assert!(Command::decode(&[0x0E, 0]).is_err());
        assert!(Command::decode(&[0x77]).is_err());
    }
}
