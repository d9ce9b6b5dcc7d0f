//! What the client answers to the greeting: SSLRequest and the login request, which the
//! documentation calls HandshakeResponse41 (H-20 to H-37).

use super::capability::Capabilities;
use super::error::{DecodeError, EncodeError, Malformed, Unencodable};
use super::reader::Reader;
use super::writer::{Put, put_u8_bytes};

/// The most that all connection attributes may take together, in bytes (H-34).
pub const MAX_ATTRIBUTES: usize = 65_535;

/// Asks for TLS: the first 32 bytes of the login request that follows (C-02, H-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SslRequest {
    /// What the client wants, `SSL` included.
    pub capabilities: Capabilities,
    /// The largest payload that the client takes, in bytes.
    pub max_packet: u32,
    /// The session's collation.
    pub collation: u8,
}

impl SslRequest {
    /// The payload's only length, in bytes (H-20).
    pub const SIZE: usize = 32;

    /// Reads the request.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "SSL request");
        let request = Self::decode_prefix(&mut reader)?;
        reader.finish()?;
        Ok(request)
    }

    /// Appends the request's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.capabilities.mysql_word());
        out.put_u32(self.max_packet);
        out.put_u8(self.collation);
        out.extend_from_slice(&[0; 19]);
        out.put_u32(self.capabilities.mariadb_word());
    }

    fn decode_prefix(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mysql = reader.u32()?;
        let max_packet = reader.u32()?;
        let collation = reader.u8()?;
        reader.bytes(19)?;
        let extended = reader.u32()?;
        let mariadb = mysql & Capabilities::LONG_PASSWORD.mysql_word() == 0;
        let capabilities = Capabilities::from_words(mysql, if mariadb { extended } else { 0 });
        Ok(Self { capabilities, max_packet, collation })
    }
}

/// Logs in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoginRequest<'a> {
    /// What the client wants: the connection's capabilities from now on.
    pub capabilities: Capabilities,
    /// The largest payload that the client takes, in bytes.
    pub max_packet: u32,
    /// The session's collation.
    pub collation: u8,
    /// The account's name.
    pub user: &'a [u8],
    /// The plugin's first response.
    pub auth_response: &'a [u8],
    /// The default database; written only with `CONNECT_WITH_DB`.
    pub database: &'a [u8],
    /// The plugin that made the response; written only with `PLUGIN_AUTH`.
    pub auth_plugin: &'a [u8],
    /// Written only with `CONNECT_ATTRS`.
    pub attributes: ConnectAttributes<'a>,
    /// Written only with `ZSTD_COMPRESSION_ALGORITHM` (F-41).
    pub zstd_level: u8,
}

impl<'a> LoginRequest<'a> {
    /// Reads the request, as a server does.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "login request");
        let SslRequest { capabilities, max_packet, collation } =
            SslRequest::decode_prefix(&mut reader)?;
        let user = reader.nul_bytes()?;
        let auth_response = if capabilities.contains(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
            reader.lenenc_bytes()?
        } else if capabilities.contains(Capabilities::SECURE_CONNECTION) {
            let length = reader.u8()?;
            reader.bytes(usize::from(length))?
        } else {
            reader.nul_bytes()?
        };
        let database = if capabilities.contains(Capabilities::CONNECT_WITH_DB) {
            reader.nul_bytes()?
        } else {
            &[]
        };
        let auth_plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            reader.nul_bytes()?
        } else {
            &[]
        };
        let attributes = if capabilities.contains(Capabilities::CONNECT_ATTRS) {
            ConnectAttributes::decode(reader.lenenc_bytes()?)?
        } else {
            ConnectAttributes::default()
        };
        let zstd_level = if capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            reader.u8()?
        } else {
            0
        };
        reader.finish()?;
        Ok(Self {
            capabilities,
            max_packet,
            collation,
            user,
            auth_response,
            database,
            auth_plugin,
            attributes,
            zstd_level,
        })
    }

    /// Appends the request's payload. Fields whose capability is missing must be empty (T-24).
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let has = |capability| self.capabilities.contains(capability);
        self.ssl_request().encode(out);
        out.put_nul_bytes("user name", self.user)?;
        if has(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
            out.put_lenenc_bytes(self.auth_response);
        } else if has(Capabilities::SECURE_CONNECTION) {
            put_u8_bytes(out, "authentication response", self.auth_response)?;
        } else {
            out.put_nul_bytes("authentication response", self.auth_response)?;
        }
        if has(Capabilities::CONNECT_WITH_DB) {
            out.put_nul_bytes("database name", self.database)?;
        } else if !self.database.is_empty() {
            return Err(EncodeError::new("database name", Unencodable::NotNegotiated));
        }
        if has(Capabilities::PLUGIN_AUTH) {
            out.put_nul_bytes("plugin name", self.auth_plugin)?;
        } else if !self.auth_plugin.is_empty() {
            return Err(EncodeError::new("plugin name", Unencodable::NotNegotiated));
        }
        if has(Capabilities::CONNECT_ATTRS) {
            out.put_lenenc_bytes(self.attributes.encoded);
        } else if !self.attributes.encoded.is_empty() {
            return Err(EncodeError::new("connection attributes", Unencodable::NotNegotiated));
        }
        if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            out.put_u8(self.zstd_level);
        }
        Ok(())
    }

    /// No fewer bytes than the payload takes, to have them at once: what it says must not stay
    /// behind where a buffer moved from (T-81).
    pub(crate) fn max_len(&self) -> usize {
        // The fixed fields, the lengths of two others, three NULs and the level.
        const REST: usize = 32 + 2 * 9 + 3 + 1;
        let fields = [
            self.user,
            self.auth_response,
            self.database,
            self.auth_plugin,
            self.attributes.encoded,
        ];
        fields.iter().fold(REST, |sum, field| sum.saturating_add(field.len()))
    }

    /// The SSLRequest that must precede this request when TLS is wanted.
    #[must_use]
    pub const fn ssl_request(&self) -> SslRequest {
        SslRequest {
            capabilities: self.capabilities,
            max_packet: self.max_packet,
            collation: self.collation,
        }
    }
}

impl std::fmt::Debug for LoginRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The response is left out: it can be a password in the clear (T-80).
        f.debug_struct("LoginRequest")
            .field("capabilities", &self.capabilities)
            .field("max_packet", &self.max_packet)
            .field("collation", &self.collation)
            .field("user", &String::from_utf8_lossy(self.user))
            .field("database", &String::from_utf8_lossy(self.database))
            .field("auth_plugin", &String::from_utf8_lossy(self.auth_plugin))
            .field("attributes", &self.attributes)
            .field("zstd_level", &self.zstd_level)
            .finish_non_exhaustive()
    }
}

/// Names and values that a client says of itself.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectAttributes<'a> {
    encoded: &'a [u8],
}

impl<'a> ConnectAttributes<'a> {
    /// No attributes.
    pub const EMPTY: Self = Self { encoded: &[] };

    /// Their encoded form.
    pub(super) const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// Attributes in their encoded form, each length checked.
    pub fn decode(encoded: &'a [u8]) -> Result<Self, DecodeError> {
        if encoded.len() > MAX_ATTRIBUTES {
            return Err(DecodeError::new(
                "connection attributes",
                Malformed::Field("total length"),
            ));
        }
        let mut reader = Reader::new(encoded, "connection attributes");
        while !reader.is_empty() {
            reader.lenenc_bytes()?;
            reader.lenenc_bytes()?;
        }
        Ok(Self { encoded })
    }

    /// Appends the encoded form of one attribute to `encoded`, or leaves it as it was.
    pub fn push(encoded: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
        let before = encoded.len();
        encoded.put_lenenc_bytes(name);
        encoded.put_lenenc_bytes(value);
        if encoded.len() > MAX_ATTRIBUTES {
            encoded.truncate(before);
            let max = 65_535;
            return Err(EncodeError::new("connection attributes", Unencodable::TooLong { max }));
        }
        Ok(())
    }

    /// The attributes in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.encoded, "connection attributes");
        std::iter::from_fn(move || {
            let name = reader.lenenc_bytes().ok()?;
            Some((name, reader.lenenc_bytes().ok()?))
        })
    }
}

impl std::fmt::Debug for ConnectAttributes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes);
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Capabilities = Capabilities::PROTOCOL_41
        .with(Capabilities::LONG_PASSWORD)
        .with(Capabilities::SECURE_CONNECTION)
        .with(Capabilities::PLUGIN_AUTH);

    fn login(capabilities: Capabilities) -> LoginRequest<'static> {
        LoginRequest {
            capabilities,
            max_packet: 1 << 30,
            collation: 45,
            user: b"app",
            auth_response: b"01234567890123456789",
            database: b"",
            auth_plugin: b"mysql_native_password",
            attributes: ConnectAttributes::default(),
            zstd_level: 0,
        }
    }

    fn encoded(login: &LoginRequest<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        login.encode(&mut out).unwrap();
        out
    }

    #[test]
    fn e23_the_ssl_request_is_the_first_32_bytes_of_the_login_request() {
        let login = login(BASE.with(Capabilities::SSL));
        let mut request = Vec::new();
        login.ssl_request().encode(&mut request);
        assert_eq!(request.len(), SslRequest::SIZE);
        assert_eq!(request[..], encoded(&login)[..SslRequest::SIZE]);
        assert_eq!(SslRequest::decode(&request), Ok(login.ssl_request()));
    }

    #[test]
    fn t24_every_subset_of_the_optional_fields_round_trips() {
        let mut attributes = Vec::new();
        ConnectAttributes::push(&mut attributes, b"_client_name", b"mywire").unwrap();
        let optional = [
            Capabilities::CONNECT_WITH_DB,
            Capabilities::CONNECT_ATTRS,
            Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA,
            Capabilities::ZSTD_COMPRESSION_ALGORITHM,
        ];
        for subset in 0..1_u32 << optional.len() {
            let mut login = login(BASE);
            for (bit, &capability) in optional.iter().enumerate() {
                if subset & 1 << bit != 0 {
                    login.capabilities = login.capabilities.with(capability);
                }
            }
            if login.capabilities.contains(Capabilities::CONNECT_WITH_DB) {
                login.database = b"shop";
            }
            if login.capabilities.contains(Capabilities::CONNECT_ATTRS) {
                login.attributes = ConnectAttributes::decode(&attributes).unwrap();
            }
            if login.capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
                login.zstd_level = 3;
            }
            let bytes = encoded(&login);
            assert_eq!(LoginRequest::decode(&bytes), Ok(login), "{:?}", login.capabilities);
        }
    }

    #[test]
    fn t24_a_field_without_its_capability_is_refused() {
        let mut out = Vec::new();
        let error = LoginRequest { database: b"shop", ..login(BASE) }.encode(&mut out);
        assert_eq!(error.unwrap_err().reason, Unencodable::NotNegotiated);
    }

    #[test]
    fn e35_a_response_over_255_bytes_needs_the_lenenc_capability() {
        let long = [7; 256];
        let short = LoginRequest { auth_response: &long, ..login(BASE) };
        let error = short.encode(&mut Vec::new()).unwrap_err();
        assert_eq!(error.reason, Unencodable::TooLong { max: 255 });
        let capabilities = BASE.with(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA);
        let login = LoginRequest { capabilities, ..short };
        assert_eq!(LoginRequest::decode(&encoded(&login)), Ok(login));
    }

    #[test]
    fn e36_nul_in_user_database_or_plugin_is_refused() {
        let capabilities = BASE.with(Capabilities::CONNECT_WITH_DB);
        for login in [
            LoginRequest { user: b"a\0root", ..login(capabilities) },
            LoginRequest { database: b"a\0b", ..login(capabilities) },
            LoginRequest { auth_plugin: b"a\0b", ..login(capabilities) },
        ] {
            let error = login.encode(&mut Vec::new()).unwrap_err();
            assert_eq!(error.reason, Unencodable::InteriorNul);
        }
    }

    #[test]
    fn e37_attributes_over_65535_bytes_are_refused() {
        let mut encoded = Vec::new();
        ConnectAttributes::push(&mut encoded, b"k", &[b'v'; 65_000]).unwrap();
        let before = encoded.clone();
        assert!(ConnectAttributes::push(&mut encoded, b"k2", &[b'v'; 600]).is_err());
        assert_eq!(encoded, before);
        // Up to the last byte, on both sides.
        let room = MAX_ATTRIBUTES - before.len() - 1 - 2 - 3;
        ConnectAttributes::push(&mut encoded, b"k2", &vec![b'v'; room + 1]).unwrap_err();
        ConnectAttributes::push(&mut encoded, b"k2", &vec![b'v'; room]).unwrap();
        assert_eq!(encoded.len(), MAX_ATTRIBUTES);
        let attributes = ConnectAttributes::decode(&encoded).unwrap();
        assert_eq!(attributes.iter().count(), 2);
        assert!(format!("{attributes:?}").starts_with(r#"{"k": "vvv"#));
        encoded.extend_from_slice(&[0, 0]);
        let error = ConnectAttributes::decode(&encoded).unwrap_err();
        assert_eq!(error.malformed, Malformed::Field("total length"));
    }

    #[test]
    fn t80_debug_shows_no_response() {
        let shown = format!("{:?}", login(BASE));
        assert!(!shown.contains("0123456789") && shown.contains("user"), "{shown}");
    }
}
