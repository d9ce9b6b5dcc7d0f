//! What the client asks for (part 4 of the protocol notes).

use super::error::{DecodeError, Malformed};
use super::reader::Reader;

/// A command and its arguments.
///
/// `QUERY` is written without query attributes: they are not negotiated.
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
}

impl<'a> Command<'a> {
    const QUIT: u8 = 0x01;
    const INIT_DB: u8 = 0x02;
    const QUERY: u8 = 0x03;
    const PING: u8 = 0x0E;
    const RESET_CONNECTION: u8 = 0x1F;

    /// Reads a command, as a server does.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "command");
        let command = match reader.u8()? {
            Self::QUIT => Self::Quit,
            Self::INIT_DB => Self::InitDb(reader.take_rest()),
            Self::QUERY => Self::Query(reader.take_rest()),
            Self::PING => Self::Ping,
            Self::RESET_CONNECTION => Self::ResetConnection,
            byte => return Err(reader.error(Malformed::Header(byte))),
        };
        reader.finish()?;
        Ok(command)
    }

    /// Appends the command's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (byte, argument) = match *self {
            Self::Quit => (Self::QUIT, &[][..]),
            Self::InitDb(schema) => (Self::INIT_DB, schema),
            Self::Query(sql) => (Self::QUERY, sql),
            Self::Ping => (Self::PING, &[][..]),
            Self::ResetConnection => (Self::RESET_CONNECTION, &[][..]),
        };
        out.push(byte);
        out.extend_from_slice(argument);
    }

    /// The length of the command's payload, in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        let argument = match *self {
            Self::InitDb(argument) | Self::Query(argument) => argument.len(),
            Self::Quit | Self::Ping | Self::ResetConnection => 0,
        };
        argument.saturating_add(1)
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
        ] {
            let mut out = Vec::new();
            command.encode(&mut out);
            assert_eq!(out.len(), command.payload_len());
            assert_eq!(Command::decode(&out), Ok(command));
        }
        assert!(Command::decode(&[]).is_err());
        assert!(Command::decode(&[0x0E, 0]).is_err());
        assert!(Command::decode(&[0x77]).is_err());
    }
}
