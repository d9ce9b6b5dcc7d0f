//! The protocol's enumerations, as newtypes over their integers: unknown values survive.

use std::fmt;

/// Makes a newtype over an integer with named constants, whose `Debug` prints the name.
macro_rules! named_codes {
    ($(#[$doc:meta])* $type:ident($int:ty) { $($(#[$value_doc:meta])* $name:ident = $value:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub $int);

        impl $type {
            $($(#[$value_doc])* pub const $name: Self = Self($value);)+

            /// The constant's name, if the value has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}({:#x})", stringify!($type), self.0),
                }
            }
        }
    };
}

named_codes! {
    /// The type of a column or parameter on the wire (part 5.9 of the protocol notes).
    ColumnType(u8) {
        /// Before MySQL 5.0; digits as text.
        DECIMAL = 0;
        /// 8-bit integer.
        TINY = 1;
        /// 16-bit integer.
        SHORT = 2;
        /// 32-bit integer.
        LONG = 3;
        /// Single-precision float.
        FLOAT = 4;
        /// Double-precision float.
        DOUBLE = 5;
        /// A column that can only be NULL.
        NULL = 6;
        /// Date and time in the session's time zone.
        TIMESTAMP = 7;
        /// 64-bit integer.
        LONGLONG = 8;
        /// 24-bit integer, four bytes on the wire.
        INT24 = 9;
        /// Date.
        DATE = 10;
        /// A span of time, not a time of day.
        TIME = 11;
        /// Date and time.
        DATETIME = 12;
        /// Year.
        YEAR = 13;
        /// Internal to servers.
        NEWDATE = 14;
        /// Used for parameters; columns arrive as `VAR_STRING`.
        VARCHAR = 15;
        /// Bits, as big-endian bytes in both protocols.
        BIT = 16;
        /// Array of a type; binlog only.
        TYPED_ARRAY = 20;
        /// Packed little-endian `f32` (MySQL 9.0 and later).
        VECTOR = 242;
        /// Internal to servers.
        INVALID = 243;
        /// Internal to servers.
        BOOL = 244;
        /// JSON text.
        JSON = 245;
        /// Digits as text, up to 65 of them.
        NEWDECIMAL = 246;
        /// Columns arrive as `STRING` with a flag.
        ENUM = 247;
        /// Columns arrive as `STRING` with a flag.
        SET = 248;
        /// TINYBLOB and TINYTEXT.
        TINY_BLOB = 249;
        /// MEDIUMBLOB and MEDIUMTEXT.
        MEDIUM_BLOB = 250;
        /// LONGBLOB and LONGTEXT.
        LONG_BLOB = 251;
        /// BLOB and TEXT.
        BLOB = 252;
        /// VARCHAR and VARBINARY.
        VAR_STRING = 253;
        /// CHAR, BINARY, ENUM and SET; MariaDB's UUID, INET4 and INET6.
        STRING = 254;
        /// SRID and WKB.
        GEOMETRY = 255;
    }
}

named_codes! {
    /// What a session-state block reports.
    StateKind(u8) {
        /// Names and values of system variables.
        SYSTEM_VARIABLES = 0;
        /// The default database.
        SCHEMA = 1;
        /// Whether anything of the session's state changed.
        STATE_CHANGE = 2;
        /// Global transaction ids (MySQL).
        GTIDS = 3;
        /// The SQL text that restarts the transaction.
        TRANSACTION_CHARACTERISTICS = 4;
        /// Eight letters about the transaction.
        TRANSACTION_STATE = 5;
    }
}

/// Makes a set of flags over `u16` that keeps unknown bits.
macro_rules! flag_set {
    ($(#[$doc:meta])* $type:ident { $($(#[$value_doc:meta])* $name:ident = $value:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $type(pub u16);

        impl $type {
            $($(#[$value_doc])* pub const $name: Self = Self($value);)+

            /// Whether every flag of `other` is set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The set with `other` added.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The set without `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut left = self.0;
                let mut first = true;
                write!(f, "{}(", stringify!($type))?;
                for (flag, name) in [$(($value, stringify!($name)),)+] {
                    if self.0 & flag != 0 {
                        write!(f, "{}{name}", if first { "" } else { " | " })?;
                        left &= !flag;
                        first = false;
                    }
                }
                if left != 0 {
                    write!(f, "{}{left:#x}", if first { "" } else { " | " })?;
                }
                f.write_str(")")
            }
        }
    };
}

flag_set! {
    /// The server's status word (part 5.8 of the protocol notes).
    StatusFlags {
        /// A transaction is open.
        IN_TRANS = 0x0001;
        /// Autocommit is on.
        AUTOCOMMIT = 0x0002;
        /// Another reply follows.
        MORE_RESULTS = 0x0008;
        /// No good index was used.
        NO_GOOD_INDEX = 0x0010;
        /// No index was used.
        NO_INDEX = 0x0020;
        /// A server-side cursor is open.
        CURSOR_EXISTS = 0x0040;
        /// The cursor's last row was sent.
        LAST_ROW_SENT = 0x0080;
        /// A database was dropped.
        DB_DROPPED = 0x0100;
        /// A backslash is an ordinary character.
        NO_BACKSLASH_ESCAPES = 0x0200;
        /// A prepared statement's columns changed.
        METADATA_CHANGED = 0x0400;
        /// The query was slow.
        QUERY_WAS_SLOW = 0x0800;
        /// This result set holds OUT parameters.
        PS_OUT_PARAMS = 0x1000;
        /// The open transaction is read-only.
        IN_TRANS_READONLY = 0x2000;
        /// The OK packet carries session-state blocks.
        SESSION_STATE_CHANGED = 0x4000;
        /// `"` quotes identifiers (MariaDB).
        ANSI_QUOTES = 0x8000;
    }
}

flag_set! {
    /// A column's flags.
    ColumnFlags {
        /// NULL is not allowed.
        NOT_NULL = 0x0001;
        /// Part of the primary key.
        PRI_KEY = 0x0002;
        /// Part of a unique key.
        UNIQUE_KEY = 0x0004;
        /// Part of a key that is not unique.
        MULTIPLE_KEY = 0x0008;
        /// A BLOB or TEXT.
        BLOB = 0x0010;
        /// An unsigned number.
        UNSIGNED = 0x0020;
        /// Padded with zeros.
        ZEROFILL = 0x0040;
        /// A binary collation; not a sign of bytes.
        BINARY = 0x0080;
        /// An ENUM.
        ENUM = 0x0100;
        /// Counts up by itself.
        AUTO_INCREMENT = 0x0200;
        /// A TIMESTAMP.
        TIMESTAMP = 0x0400;
        /// A SET.
        SET = 0x0800;
        /// Without a default value.
        NO_DEFAULT_VALUE = 0x1000;
        /// Set to the current time by an UPDATE.
        ON_UPDATE_NOW = 0x2000;
        /// Part of some key.
        PART_KEY = 0x4000;
        /// A number.
        NUM = 0x8000;
    }
}

/// The collation id that marks bytes instead of text.
pub const BINARY_COLLATION: u16 = 63;

/// `utf8mb4_general_ci`: the collation id that every server knows and that fits the login
/// request's single byte (S-01).
pub const UTF8MB4_GENERAL_CI: u8 = 45;
