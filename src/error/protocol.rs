//! Broken protocol, and connections that end.

use std::fmt;

use super::Sent;
use crate::wire::DecodeError;

/// The server, or something between, broke the protocol or went away. The session is dead.
///
/// `Copy` and free of allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    pub(crate) kind: ProtocolErrorKind,
    pub(crate) sent: Sent,
}

/// How the protocol was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// A packet is not the message it has to be.
    Malformed(DecodeError),
    /// The connection ended.
    ConnectionLost(Lost),
    /// A packet has the wrong sequence id (F-06).
    OutOfOrder {
        /// The id that was due.
        expected: u8,
        /// The id that came.
        found: u8,
    },
    /// An empty packet where none is allowed (F-08).
    EmptyPacket,
    /// A packet that cannot stand here.
    Unexpected {
        /// What was due.
        due: &'static str,
        /// The first byte of what came.
        header: u8,
    },
    /// The server left out definitions of columns that nobody knows (E-63).
    NoDefinitions {
        /// How many columns the result has.
        columns: usize,
        /// How many definitions are known of the statement.
        known: usize,
    },
    /// The peer exceeds a limit of the configuration.
    Limit {
        /// The limit's name in `Limits`.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// The server asked for a file that no call offered (T-01). Nothing was sent.
    UnsolicitedInfile,
    /// A frame of the compressed protocol is not what it announces (F-33).
    Compressed(BadFrame),
    /// Bytes came while nothing was asked for (F-11).
    Unsolicited,
    /// What answers on this port does not speak MySQL's protocol.
    NotMySql(&'static str),
    /// The server is too old, or lacks what every server since MySQL 4.1 has.
    ServerTooOld,
    /// The session died of an earlier error.
    Dead,
}

/// What is wrong with a compressed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFrame {
    /// It holds fewer bytes than it announces.
    Shorter,
    /// It holds more bytes than it announces; they were not made.
    Longer,
    /// Its data are no data of the algorithm, or their checksum is wrong.
    Corrupt,
    /// Its compressed data have no end.
    Truncated,
    /// Something follows its compressed data.
    TrailingBytes,
    /// It wants more memory to be read than any server's frame does.
    Window,
    /// Empty frames came, one after the other.
    Empty,
}

/// Where the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Before the greeting.
    BeforeGreeting,
    /// During the login.
    Login,
    /// While nothing was asked for.
    Idle,
    /// Before a reply.
    BeforeReply,
    /// Within a reply, between two packets: a result set without its end.
    InReply,
    /// In the middle of a packet.
    InPacket,
}

impl ProtocolError {
    pub(crate) const fn new(kind: ProtocolErrorKind, sent: Sent) -> Self {
        Self { kind, sent }
    }

    /// How the protocol was broken.
    #[must_use]
    pub const fn kind(&self) -> ProtocolErrorKind {
        self.kind
    }

    pub(crate) const fn is_retryable(&self) -> bool {
        use ProtocolErrorKind as Kind;
        // Who breaks the protocol does so again.
        let by_chance =
            matches!(self.kind, Kind::ConnectionLost(_) | Kind::Unsolicited | Kind::Dead);
        by_chance && matches!(self.sent, Sent::No)
    }
}

impl From<DecodeError> for ProtocolErrorKind {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ProtocolErrorKind::Malformed(error) => error.fmt(f),
            ProtocolErrorKind::ConnectionLost(lost) => lost.fmt(f),
            ProtocolErrorKind::OutOfOrder { expected, found } => {
                write!(f, "packets out of order: number {expected} was due, {found} came")
            }
            ProtocolErrorKind::EmptyPacket => f.write_str("the server sent an empty packet"),
            ProtocolErrorKind::Unexpected { due, header } => {
                write!(f, "a packet that starts with 0x{header:02x} came where {due} was due")
            }
            ProtocolErrorKind::NoDefinitions { columns, known } => write!(
                f,
                "the server left out the definitions of {columns} columns, and {known} are known of \
                 the statement"
            ),
            ProtocolErrorKind::Limit { limit, value } => {
                write!(
                    f,
                    "the server sent more than `Limits::{limit}` allows ({value}); raise that limit \
                     if you expect so much"
                )
            }
            ProtocolErrorKind::UnsolicitedInfile => f.write_str(
                "the server asked for a local file that no call offered; nothing was sent",
            ),
            ProtocolErrorKind::Compressed(fault) => {
                write!(f, "a compressed frame {fault}")
            }
            ProtocolErrorKind::Unsolicited => {
                f.write_str("the server sent data while nothing was asked for")
            }
            ProtocolErrorKind::NotMySql(peer) => {
                write!(f, "{peer} answers on this port, not a MySQL or MariaDB server")
            }
            ProtocolErrorKind::ServerTooOld => f.write_str(
                "the server does not speak the protocol of MySQL 4.1 or later, the only one \
                 supported",
            ),
            ProtocolErrorKind::Dead => {
                f.write_str("the session is dead after an earlier error; open a new one")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shorter => "holds fewer bytes than it announces",
            Self::Longer => "holds more bytes than it announces",
            Self::Corrupt => "is corrupt",
            Self::Truncated => "breaks off in the middle of its data",
            Self::TrailingBytes => "has more bytes behind the end of its data",
            Self::Window => "wants a window of more than 16 MiB",
            Self::Empty => "is empty, and so are those before it",
        })
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeGreeting => {
                "the server closed the connection without a greeting: it may refuse this host, or \
                 be no MySQL server"
            }
            Self::Login => "the server closed the connection during the login",
            Self::Idle => "the server closed the idle connection",
            Self::BeforeReply => "the server closed the connection before it answered",
            Self::InReply => "the connection was lost before the end of the result",
            Self::InPacket => "the connection was lost in the middle of a packet",
        })
    }
}
