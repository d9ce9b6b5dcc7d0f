//! The server's packets between the login request and the final OK (H-40 to H-43).

use super::error::{DecodeError, EncodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

/// The first byte of an AuthSwitchRequest.
pub const SWITCH: u8 = 0xFE;
/// The first byte of AuthMoreData.
pub const MORE_DATA: u8 = 0x01;
/// The first byte of AuthNextFactor.
pub const NEXT_FACTOR: u8 = 0x02;

/// Asks to start over with another plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthSwitchRequest<'a> {
    /// The plugin's name; empty for the 1-byte packet that asks for `mysql_old_password`.
    pub plugin: &'a [u8],
    /// The plugin's first data, usually a nonce and its NUL.
    pub data: &'a [u8],
}

impl<'a> AuthSwitchRequest<'a> {
    /// Reads the request; the name may lack its NUL (H-41).
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (plugin, data) = plugin_and_data(payload, SWITCH, "authentication switch request")?;
        Ok(Self { plugin, data })
    }

    /// Appends the request's payload.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u8(SWITCH);
        out.put_nul_bytes("plugin name", self.plugin)?;
        out.extend_from_slice(self.data);
        Ok(())
    }
}

/// Further data for the plugin in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthMoreData<'a> {
    /// The plugin's own message.
    pub data: &'a [u8],
}

impl<'a> AuthMoreData<'a> {
    /// Reads the packet.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "authentication data");
        match reader.u8()? {
            MORE_DATA => Ok(Self { data: reader.take_rest() }),
            byte => Err(reader.error(Malformed::Header(byte))),
        }
    }

    /// Appends the packet's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(MORE_DATA);
        out.extend_from_slice(self.data);
    }
}

/// Asks for the next factor (MySQL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthNextFactor<'a> {
    /// The factor's plugin.
    pub plugin: &'a [u8],
    /// The plugin's first data.
    pub data: &'a [u8],
}

impl<'a> AuthNextFactor<'a> {
    /// Reads the request.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (plugin, data) = plugin_and_data(payload, NEXT_FACTOR, "next factor request")?;
        Ok(Self { plugin, data })
    }

    /// Appends the request's payload.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u8(NEXT_FACTOR);
        out.put_nul_bytes("plugin name", self.plugin)?;
        out.extend_from_slice(self.data);
        Ok(())
    }
}

fn plugin_and_data<'a>(
    payload: &'a [u8],
    header: u8,
    message: &'static str,
) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let mut reader = Reader::new(payload, message);
    match reader.u8()? {
        byte if byte == header => Ok((reader.nul_bytes_lenient(), reader.take_rest())),
        byte => Err(reader.error(Malformed::Header(byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e29_switch_without_data_or_nul() {
        let want = AuthSwitchRequest { plugin: b"mysql_clear_password", data: b"" };
        assert_eq!(AuthSwitchRequest::decode(b"\xFEmysql_clear_password\0"), Ok(want));
        assert_eq!(AuthSwitchRequest::decode(b"\xFEmysql_clear_password"), Ok(want));
        let old = AuthSwitchRequest { plugin: b"", data: b"" };
        assert_eq!(AuthSwitchRequest::decode(b"\xFE"), Ok(old));
    }

    #[test]
    fn round_trips() {
        let switch = AuthSwitchRequest { plugin: b"p", data: b"\0nonce\0" };
        let mut out = Vec::new();
        switch.encode(&mut out).unwrap();
        assert_eq!(AuthSwitchRequest::decode(&out), Ok(switch));
        let more = AuthMoreData { data: b"\x04" };
        let mut out = Vec::new();
        more.encode(&mut out);
        assert_eq!(AuthMoreData::decode(&out), Ok(more));
        let factor = AuthNextFactor { plugin: b"p", data: b"d" };
        let mut out = Vec::new();
        factor.encode(&mut out).unwrap();
        assert_eq!(AuthNextFactor::decode(&out), Ok(factor));
    }

    #[test]
    fn another_first_byte_is_an_error() {
        for payload in [&b""[..], b"\x05x", b"\xFF"] {
            assert!(AuthSwitchRequest::decode(payload).is_err());
            assert!(AuthMoreData::decode(payload).is_err());
            assert!(AuthNextFactor::decode(payload).is_err());
        }
    }
}
