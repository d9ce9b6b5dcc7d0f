//! Capability flags: what the server offers, what we ask for, what both agreed on (part 2 of the
//! protocol notes).

use std::fmt;
use std::ops::{BitAnd, BitOr};

/// A set of capabilities: MySQL's 32 bits below, MariaDB's extended 32 bits above.
///
/// Unknown bits survive. Only [`Capabilities::NAMES`] decides how a set prints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u64);

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)+) => {
        impl Capabilities {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)+

            /// Every named capability with its name.
            pub const NAMES: &'static [(Self, &'static str)] =
                &[$((Self::$name, stringify!($name)),)+];
        }
    };
}

capabilities! {
    /// Always set by MySQL. MariaDB clears it (there it is called `CLIENT_MYSQL`), and then the
    /// greeting carries the extended bits (C-10, C-11).
    LONG_PASSWORD = 0;
    /// `affected_rows` of an UPDATE counts matched instead of changed rows.
    FOUND_ROWS = 1;
    /// Column flags are two bytes wide.
    LONG_FLAG = 2;
    /// The login request names a default database.
    CONNECT_WITH_DB = 3;
    /// Forbids `database.table.column`; ignored by servers.
    NO_SCHEMA = 4;
    /// zlib framing after the login.
    COMPRESS = 5;
    /// No effect.
    ODBC = 6;
    /// Allows `LOAD DATA LOCAL`.
    LOCAL_FILES = 7;
    /// Spaces may stand before `(`.
    IGNORE_SPACE = 8;
    /// The protocol of MySQL 4.1, without which nothing works.
    PROTOCOL_41 = 9;
    /// `interactive_timeout` replaces `wait_timeout`.
    INTERACTIVE = 10;
    /// TLS can be started with an SSLRequest.
    SSL = 11;
    /// A flag of the C library only.
    IGNORE_SIGPIPE = 12;
    /// The transaction bits of the status word are meaningful.
    TRANSACTIONS = 13;
    /// The old name of `PROTOCOL_41`.
    RESERVED = 14;
    /// 20-byte scrambles and a length byte before the authentication response.
    SECURE_CONNECTION = 15;
    /// Several statements may stand in one COM_QUERY.
    MULTI_STATEMENTS = 16;
    /// Several result sets may answer one COM_QUERY.
    MULTI_RESULTS = 17;
    /// Several result sets may answer one COM_STMT_EXECUTE.
    PS_MULTI_RESULTS = 18;
    /// Authentication plugins are named.
    PLUGIN_AUTH = 19;
    /// The login request carries connection attributes.
    CONNECT_ATTRS = 20;
    /// The authentication response has a length-encoded length.
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 21;
    /// An expired password logs in to a sandbox instead of failing.
    CAN_HANDLE_EXPIRED_PASSWORDS = 22;
    /// OK packets carry session-state blocks.
    SESSION_TRACK = 23;
    /// Rows end with an OK packet instead of an EOF packet.
    DEPRECATE_EOF = 24;
    /// Column definitions may be left out (MySQL).
    OPTIONAL_RESULTSET_METADATA = 25;
    /// zstd framing after the login.
    ZSTD_COMPRESSION_ALGORITHM = 26;
    /// Queries carry named attributes (MySQL).
    QUERY_ATTRIBUTES = 27;
    /// Up to three authentication factors (MySQL).
    MULTI_FACTOR_AUTHENTICATION = 28;
    /// Reserved for a wider field.
    CAPABILITY_EXTENSION = 29;
    /// A flag of the C library only; MariaDB's server offers it with SSL.
    SSL_VERIFY_SERVER_CERT = 30;
    /// A flag of the C library only.
    REMEMBER_OPTIONS = 31;
    /// Progress reports may stand before any reply (MariaDB).
    MARIADB_PROGRESS = 32;
    /// Removed (MariaDB).
    MARIADB_COM_MULTI = 33;
    /// COM_STMT_BULK_EXECUTE, and statement id -1 (MariaDB).
    MARIADB_STMT_BULK_OPERATIONS = 34;
    /// Column definitions carry extended type information (MariaDB).
    MARIADB_EXTENDED_METADATA = 35;
    /// Column definitions already sent may be left out (MariaDB).
    MARIADB_CACHE_METADATA = 36;
    /// Bulk statements can answer row by row (MariaDB).
    MARIADB_BULK_UNIT_RESULTS = 37;
}

impl Capabilities {
    /// No capability.
    pub const NONE: Self = Self(0);

    /// From MySQL's word and MariaDB's extended word.
    #[must_use]
    pub const fn from_words(mysql: u32, mariadb: u32) -> Self {
        let [a, b, c, d] = mysql.to_le_bytes();
        let [e, f, g, h] = mariadb.to_le_bytes();
        Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    /// MySQL's 32 bits.
    #[must_use]
    pub const fn mysql_word(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// MariaDB's extended 32 bits.
    #[must_use]
    pub const fn mariadb_word(self) -> u32 {
        let [.., e, f, g, h] = self.0.to_le_bytes();
        u32::from_le_bytes([e, f, g, h])
    }

    /// All 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Any 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether every capability of `other` is in the set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The union of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitAnd for Capabilities {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = *self;
        let mut first = true;
        f.write_str("Capabilities(")?;
        for &(flag, name) in Self::NAMES {
            if self.contains(flag) {
                write!(f, "{}{name}", if first { "" } else { " | " })?;
                left = left.without(flag);
                first = false;
            }
        }
        if left != Self::NONE {
            write!(f, "{}{:#x}", if first { "" } else { " | " }, left.0)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_round_trip() {
        let capabilities = Capabilities::from_words(0xDFFF_FFFF, 0x3D);
        assert_eq!(capabilities.mysql_word(), 0xDFFF_FFFF);
        assert_eq!(capabilities.mariadb_word(), 0x3D);
        assert!(capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA));
        assert!(!capabilities.contains(Capabilities::CAPABILITY_EXTENSION));
    }

    #[test]
    fn unknown_bits_are_printed_too() {
        let capabilities = Capabilities::from_bits(1 << 63) | Capabilities::SSL;
        assert_eq!(format!("{capabilities:?}"), "Capabilities(SSL | 0x8000000000000000)");
    }
}
