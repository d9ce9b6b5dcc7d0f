//! COM_CHANGE_USER: a new login on a connection that is there (K-40).

use super::capability::Capabilities;
use super::error::{DecodeError, EncodeError, Malformed, Unencodable};
use super::login::ConnectAttributes;
use super::reader::Reader;
use super::writer::{Put, put_u8_bytes};

/// Logs in as somebody else. It is a command, told apart here because its layout depends on what
/// was negotiated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChangeUser<'a> {
    /// The account's name.
    pub user: &'a [u8],
    /// The plugin's first response: at most 255 bytes, whatever was negotiated (E-35).
    pub auth_response: &'a [u8],
    /// The default database; empty for none. The field is always there.
    pub database: &'a [u8],
    /// The session's collation, both bytes of it.
    pub collation: u16,
    /// The plugin that made the response; written only with `PLUGIN_AUTH`.
    pub auth_plugin: &'a [u8],
    /// Written only with `CONNECT_ATTRS`.
    pub attributes: ConnectAttributes<'a>,
}

impl<'a> ChangeUser<'a> {
    /// The command's byte.
    pub const COMMAND: u8 = 0x11;

    /// Reads the command, as a server does. Its last fields may be missing, as in old clients'.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "change of user");
        match reader.u8()? {
            Self::COMMAND => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        let user = reader.nul_bytes()?;
        let length = reader.u8()?;
        let auth_response = reader.bytes(usize::from(length))?;
        let database = reader.nul_bytes()?;
        let collation = reader.u16()?;
        let has = |capability| capabilities.contains(capability);
        let auth_plugin = match has(Capabilities::PLUGIN_AUTH) {
            true => reader.nul_bytes()?,
            false => &[],
        };
        let attributes = match has(Capabilities::CONNECT_ATTRS) {
            true => ConnectAttributes::decode(reader.lenenc_bytes()?)?,
            false => ConnectAttributes::default(),
        };
        reader.finish()?;
        Ok(Self { user, auth_response, database, collation, auth_plugin, attributes })
    }

    /// Appends the command's payload. Fields whose capability is missing must be empty (T-24).
    pub fn encode(&self, capabilities: Capabilities, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let has = |capability| capabilities.contains(capability);
        out.put_u8(Self::COMMAND);
        out.put_nul_bytes("user name", self.user)?;
        put_u8_bytes(out, "authentication response", self.auth_response)?;
        out.put_nul_bytes("database name", self.database)?;
        out.put_u16(self.collation);
        if has(Capabilities::PLUGIN_AUTH) {
            out.put_nul_bytes("plugin name", self.auth_plugin)?;
        } else if !self.auth_plugin.is_empty() {
            return Err(EncodeError::new("plugin name", Unencodable::NotNegotiated));
        }
        if has(Capabilities::CONNECT_ATTRS) {
            out.put_lenenc_bytes(self.attributes.encoded());
        } else if !self.attributes.encoded().is_empty() {
            return Err(EncodeError::new("connection attributes", Unencodable::NotNegotiated));
        }
        Ok(())
    }
}

impl std::fmt::Debug for ChangeUser<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The response is left out: it can be a password in the clear (T-80).
        f.debug_struct("ChangeUser")
            .field("user", &String::from_utf8_lossy(self.user))
            .field("database", &String::from_utf8_lossy(self.database))
            .field("collation", &self.collation)
            .field("auth_plugin", &String::from_utf8_lossy(self.auth_plugin))
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: ChangeUser<'static> = ChangeUser {
        user: b"app",
        auth_response: b"0123",
        database: b"",
        collation: 2304,
        auth_plugin: b"",
        attributes: ConnectAttributes::EMPTY,
    };

    #[test]
    fn t24_every_subset_of_the_optional_fields_round_trips() {
        let mut encoded = Vec::new();
        ConnectAttributes::push(&mut encoded, b"_client_name", b"mywire").unwrap();
        for (plugin, attributes) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut capabilities = Capabilities::NONE;
            let mut change = ChangeUser { database: b"shop", ..CHANGE };
            if plugin {
                capabilities = capabilities | Capabilities::PLUGIN_AUTH;
                change.auth_plugin = b"mysql_native_password";
            }
            if attributes {
                capabilities = capabilities | Capabilities::CONNECT_ATTRS;
                change.attributes = ConnectAttributes::decode(&encoded).unwrap();
            }
            let mut out = Vec::new();
            change.encode(capabilities, &mut out).unwrap();
            assert_eq!(ChangeUser::decode(&out, capabilities), Ok(change));
            for cut in 0..out.len() {
                assert!(ChangeUser::decode(&out[..cut], capabilities).is_err(), "cut at {cut}");
            }
            if plugin || attributes {
                let error = change.encode(Capabilities::NONE, &mut Vec::new()).unwrap_err();
                assert_eq!(error.reason, Unencodable::NotNegotiated);
            }
        }
    }

    /// E-35: the length is one byte here, even with the capability for longer ones at login.
    #[test]
    fn e35_a_response_over_255_bytes_is_refused() {
        let capabilities = Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA;
        let fits = ChangeUser { auth_response: &[7; 255], ..CHANGE };
        let mut out = Vec::new();
        fits.encode(capabilities, &mut out).unwrap();
        assert_eq!(ChangeUser::decode(&out, capabilities), Ok(fits));
        let error = ChangeUser { auth_response: &[7; 256], ..CHANGE }
            .encode(capabilities, &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.reason, Unencodable::TooLong { max: 255 });
    }

    #[test]
    fn e36_t22_nul_in_a_name_is_refused() {
        for change in [
            ChangeUser { user: b"a\0root", ..CHANGE },
            ChangeUser { database: b"a\0b", ..CHANGE },
            ChangeUser { auth_plugin: b"a\0b", ..CHANGE },
        ] {
            let error = change.encode(Capabilities::PLUGIN_AUTH, &mut Vec::new()).unwrap_err();
            assert_eq!(error.reason, Unencodable::InteriorNul);
        }
    }

    #[test]
    fn t80_debug_shows_no_response() {
        let shown = format!("{CHANGE:?}");
        assert!(!shown.contains("0123") && shown.contains("app"), "{shown}");
        assert!(ChangeUser::decode(b"\x12app\0", Capabilities::NONE).is_err());
    }
}
