//! The server's request for the data of a LOAD DATA LOCAL statement.

use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

/// The first byte of a request.
pub const LOCAL_INFILE: u8 = 0xFB;

/// Asks for the data of a LOAD DATA LOCAL statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalInfileRequest<'a> {
    /// The name in the statement, as the server says it. Nothing in this crate opens it (T-01).
    pub name: &'a [u8],
}

impl<'a> LocalInfileRequest<'a> {
    /// Reads the request.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "LOCAL INFILE request");
        match reader.u8()? {
            LOCAL_INFILE => Ok(Self { name: reader.take_rest() }),
            byte => Err(reader.error(Malformed::Header(byte))),
        }
    }

    /// Appends the request's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(LOCAL_INFILE);
        out.extend_from_slice(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let request = LocalInfileRequest { name: b"/etc/passwd" };
        let mut out = Vec::new();
        request.encode(&mut out);
        assert_eq!(LocalInfileRequest::decode(&out), Ok(request));
        assert!(LocalInfileRequest::decode(b"").is_err());
        assert!(LocalInfileRequest::decode(b"\x00").is_err());
    }
}
