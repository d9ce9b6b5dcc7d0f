//! The server's first packet, protocol version 10 (H-01 to H-09).

use super::capability::Capabilities;
use super::code::StatusFlags;
use super::error::{DecodeError, EncodeError, Malformed, Unencodable};
use super::reader::Reader;
use super::writer::Put;

/// The only greeting version that is spoken.
pub const PROTOCOL_VERSION: u8 = 10;

/// The length of the first part of the authentication data, in bytes.
const FIRST_PART: usize = 8;

/// The least length of the second part, its NUL included (H-03).
const SECOND_PART_MIN: u8 = 13;

/// The server's greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting<'a> {
    /// The server's version as it calls itself; it may lie (C-03).
    pub server_version: &'a [u8],
    /// The connection's id, cut to 32 bits (H-07).
    pub connection_id: u32,
    /// The first 8 bytes of the nonce.
    pub nonce_first: [u8; FIRST_PART],
    /// The rest of the nonce without its NUL, usually 12 bytes.
    pub nonce_rest: &'a [u8],
    /// What the server offers. MariaDB's extended bits are there only if `LONG_PASSWORD` is not
    /// (C-11).
    pub capabilities: Capabilities,
    /// The low byte of the server's default collation; means nothing (H-06).
    pub collation: u8,
    /// The session's first status.
    pub status: StatusFlags,
    /// The plugin that the nonce is for; empty without `PLUGIN_AUTH`.
    pub auth_plugin: &'a [u8],
}

impl<'a> Greeting<'a> {
    /// Reads a greeting of version 10 that speaks the protocol of MySQL 4.1 (H-05).
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "greeting");
        match reader.u8()? {
            PROTOCOL_VERSION => {}
            version => return Err(reader.error(Malformed::Header(version))),
        }
        let server_version = reader.nul_bytes()?;
        let connection_id = reader.u32()?;
        let nonce_first = reader.array()?;
        reader.u8()?;
        let low = reader.u16()?;
        if reader.is_empty() {
            // A greeting of the days before MySQL 4.1 may end here.
            return Err(reader.error(Malformed::Field("capabilities")));
        }
        let collation = reader.u8()?;
        let status = StatusFlags(reader.u16()?);
        let high = reader.u16()?;
        let mysql = u32::from(low) | u32::from(high) << 16;
        let auth_data_length = reader.u8()?;
        reader.bytes(6)?;
        let extended = reader.u32()?;
        let mariadb = mysql & Capabilities::LONG_PASSWORD.mysql_word() == 0;
        let capabilities = Capabilities::from_words(mysql, if mariadb { extended } else { 0 });
        let nonce_rest = if capabilities.contains(Capabilities::SECURE_CONNECTION) {
            // Without named plugins the byte is a filler (H-02).
            let plugin_auth = capabilities.contains(Capabilities::PLUGIN_AUTH);
            nonce_rest(&mut reader, if plugin_auth { auth_data_length } else { 0 })?
        } else {
            &[]
        };
        let auth_plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            reader.nul_bytes_lenient()
        } else {
            &[]
        };
        Ok(Self {
            server_version,
            connection_id,
            nonce_first,
            nonce_rest,
            capabilities,
            collation,
            status,
            auth_plugin,
        })
    }

    /// Appends the greeting's payload. `MariaDB`'s extended bits are written only without
    /// `LONG_PASSWORD`, as a server would.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let too_long = EncodeError::new("nonce", Unencodable::TooLong { max: 246 });
        let plugin_auth = self.capabilities.contains(Capabilities::PLUGIN_AUTH);
        let second = u8::try_from(self.nonce_rest.len())
            .ok()
            .and_then(|length| length.checked_add(1))
            .ok_or(too_long)?
            .max(SECOND_PART_MIN);
        let total = second.checked_add(8).ok_or(too_long)?;
        out.put_u8(PROTOCOL_VERSION);
        out.put_nul_bytes("server version", self.server_version)?;
        out.put_u32(self.connection_id);
        out.extend_from_slice(&self.nonce_first);
        out.put_u8(0);
        let [a, b, c, d] = self.capabilities.mysql_word().to_le_bytes();
        out.put_u16(u16::from_le_bytes([a, b]));
        out.put_u8(self.collation);
        out.put_u16(self.status.0);
        out.put_u16(u16::from_le_bytes([c, d]));
        out.put_u8(if plugin_auth { total } else { 0 });
        out.extend_from_slice(&[0; 6]);
        let mariadb = !self.capabilities.contains(Capabilities::LONG_PASSWORD);
        out.put_u32(if mariadb { self.capabilities.mariadb_word() } else { 0 });
        if self.capabilities.contains(Capabilities::SECURE_CONNECTION) {
            out.extend_from_slice(self.nonce_rest);
            let padding = usize::from(second).saturating_sub(self.nonce_rest.len());
            out.extend(std::iter::repeat_n(0, padding));
        }
        if plugin_auth {
            out.put_nul_bytes("plugin name", self.auth_plugin)?;
        }
        Ok(())
    }

    /// Appends both parts of the nonce to `out`.
    pub fn copy_nonce(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce_first);
        out.extend_from_slice(self.nonce_rest);
    }

    /// Whether the server is a MariaDB, as far as a greeting can tell (C-03). Use it for
    /// workarounds, never for the wire format.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        let named = self
            .server_version
            .windows(b"mariadb".len())
            .any(|window| window.eq_ignore_ascii_case(b"mariadb"));
        named
            || !self.capabilities.contains(Capabilities::LONG_PASSWORD)
            || self.server_version.starts_with(b"5.5.5-")
    }
}

/// The second part of the nonce, in the lengths that servers really send (H-03, H-04).
fn nonce_rest<'a>(reader: &mut Reader<'a>, length: u8) -> Result<&'a [u8], DecodeError> {
    if length == 20 {
        // Without data of its default plugin the server sends 12 bytes and maybe no NUL.
        let part = reader.bytes(12)?;
        if reader.rest().first() == Some(&0) {
            reader.u8()?;
        }
        return Ok(part);
    }
    let length = length.saturating_sub(8).max(SECOND_PART_MIN);
    let part = reader.bytes(usize::from(length))?;
    Ok(part.strip_suffix(&[0]).unwrap_or(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting<'static> {
        Greeting {
            server_version: b"9.7.4-2",
            connection_id: 11,
            nonce_first: *b"abcdefgh",
            nonce_rest: b"ijklmnopqrst",
            capabilities: Capabilities::from_words(0xDFFF_FFFF, 0),
            collation: 255,
            status: StatusFlags::AUTOCOMMIT,
            auth_plugin: b"caching_sha2_password",
        }
    }

    fn encoded(greeting: &Greeting<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        greeting.encode(&mut out).unwrap();
        out
    }

    #[test]
    fn round_trip() {
        let bytes = encoded(&greeting());
        assert_eq!(Greeting::decode(&bytes), Ok(greeting()));
    }

    #[test]
    fn c11_extended_bits_are_ignored_when_the_mysql_bit_is_set() {
        let mut bytes = encoded(&greeting());
        let reserved = 1 + 8 + 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1;
        bytes[reserved + 6..reserved + 10].copy_from_slice(&[0x3D, 0, 0, 0]);
        assert_eq!(Greeting::decode(&bytes).unwrap().capabilities.mariadb_word(), 0);
    }

    #[test]
    fn e22_plugin_data_lengths() {
        let bytes = encoded(&greeting());
        let length_at = 1 + 8 + 4 + 8 + 1 + 2 + 1 + 2 + 2;
        assert_eq!(bytes[length_at], 21);
        // 0 and 8: the second part still has its least length.
        for length in [0, 8, 21] {
            let mut changed = bytes.clone();
            changed[length_at] = length;
            assert_eq!(Greeting::decode(&changed), Ok(greeting()), "length {length}");
        }
        // 20: twelve bytes, with and without a NUL behind them.
        let mut changed = bytes.clone();
        changed[length_at] = 20;
        assert_eq!(Greeting::decode(&changed), Ok(greeting()));
        let nul_at = length_at + 1 + 10 + 12;
        changed.remove(nul_at);
        assert_eq!(Greeting::decode(&changed), Ok(greeting()));
        // 33: a 32-byte nonce and its NUL... and 255, which the payload cannot hold.
        let long = Greeting { nonce_rest: b"ijklmnopqrstuvwxyz012345", ..greeting() };
        let changed = encoded(&long);
        assert_eq!(changed[length_at], 33);
        assert_eq!(Greeting::decode(&changed), Ok(long));
        let mut changed = bytes;
        changed[length_at] = 255;
        assert_eq!(Greeting::decode(&changed).unwrap_err().malformed, Malformed::Truncated);
    }

    #[test]
    fn h02_the_length_is_a_filler_without_named_plugins() {
        let capabilities = greeting().capabilities.without(Capabilities::PLUGIN_AUTH);
        let bare = Greeting { capabilities, auth_plugin: b"", ..greeting() };
        let mut bytes = encoded(&bare);
        bytes[1 + 8 + 4 + 8 + 1 + 2 + 1 + 2 + 2] = 255;
        assert_eq!(Greeting::decode(&bytes), Ok(bare));
    }

    #[test]
    fn e22_the_plugin_name_may_lack_its_nul() {
        let mut bytes = encoded(&greeting());
        bytes.pop();
        assert_eq!(Greeting::decode(&bytes), Ok(greeting()));
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_name() {
        let bytes = encoded(&greeting());
        let name_at = bytes.len() - b"caching_sha2_password\0".len();
        for length in 0..name_at {
            assert!(Greeting::decode(&bytes[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn c03_mariadb_is_recognised() {
        assert!(!greeting().is_mariadb());
        for version in [&b"5.5.5-10.11.19-x"[..], b"11.8.6-mariadb-0"] {
            assert!(Greeting { server_version: version, ..greeting() }.is_mariadb());
        }
        let capabilities = greeting().capabilities.without(Capabilities::LONG_PASSWORD);
        assert!(Greeting { capabilities, ..greeting() }.is_mariadb());
    }
}
