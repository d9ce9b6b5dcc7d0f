//! Errors that the server reports.

use std::fmt;

use super::Sent;
use crate::wire::ErrPacket;

/// An error in the server's own words.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerError {
    code: u16,
    sqlstate: [u8; 5],
    message: Box<str>,
    sent: Sent,
    fatal: bool,
    verified: bool,
    setup: Option<Box<str>>,
}

/// What a server's error number means to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// The account, password or privilege is not good enough.
    AccessDenied,
    /// The account is locked.
    AccountLocked,
    /// The password has expired.
    PasswordExpired,
    /// The database does not exist.
    UnknownDatabase,
    /// The table or view does not exist.
    UnknownTable,
    /// The column does not exist.
    UnknownColumn,
    /// The SQL does not parse.
    Syntax,
    /// A unique key exists already.
    DuplicateKey,
    /// A foreign key is violated.
    ForeignKey,
    /// A value does not fit its column.
    BadValue,
    /// The transaction was rolled back to end a deadlock.
    Deadlock,
    /// A lock could not be had in time.
    LockWaitTimeout,
    /// The statement ran longer than allowed.
    QueryTimeout,
    /// The statement was killed.
    Killed,
    /// The server only reads.
    ReadOnly,
    /// A packet was larger than `max_allowed_packet`.
    PacketTooLarge,
    /// Too many connections.
    TooManyConnections,
    /// The server is shutting down.
    Shutdown,
    /// Somebody killed the session.
    SessionKilled,
    /// The session was idle for longer than the server allows.
    IdleTimeout,
    /// The server closed the connection for another reason, such as an error of the network.
    ConnectionClosed,
    /// A secure connection is required.
    SecureTransportRequired,
    /// Anything else.
    Other,
}

impl ServerError {
    pub(crate) fn new(packet: &ErrPacket<'_>, context: Context) -> Self {
        Self {
            code: packet.code,
            sqlstate: packet.sqlstate.unwrap_or(*b"HY000"),
            message: kept_message(packet.message, context.max_message).into(),
            sent: context.sent,
            fatal: context.fatal || closes_connection(packet.code),
            verified: context.verified,
            setup: None,
        }
    }

    /// This error, of a statement that set the session up.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn in_setup(self, part: String) -> Self {
        Self { setup: Some(part.into()), ..self }
    }

    /// The server's error number.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The five characters of the SQL standard; `HY000` when the server gave none.
    #[must_use]
    pub fn sqlstate(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("HY000")
    }

    /// The server's message, cut to `Limits::max_error_message` bytes. It may quote values of the
    /// statement.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it was that failed, if it was part of setting the session up behind the login or a
    /// reset: an option of the configuration, or an init command by its number, from 1.
    #[must_use]
    pub fn setup(&self) -> Option<&str> {
        self.setup.as_deref()
    }

    /// What the number means to a program.
    #[must_use]
    pub const fn kind(&self) -> ServerErrorKind {
        use ServerErrorKind as Kind;
        match self.code {
            1044 | 1045 | 1142 | 1143 | 1227 | 1698 | 1130 => Kind::AccessDenied,
            3118 | 4151 | 3955 => Kind::AccountLocked,
            1820 | 1862 => Kind::PasswordExpired,
            1049 => Kind::UnknownDatabase,
            1146 | 1051 => Kind::UnknownTable,
            1054 => Kind::UnknownColumn,
            1064 | 1149 => Kind::Syntax,
            1062 | 1586 | 1022 => Kind::DuplicateKey,
            1451 | 1452 | 1216 | 1217 => Kind::ForeignKey,
            1264 | 1366 | 1406 | 1292 | 1048 => Kind::BadValue,
            1213 => Kind::Deadlock,
            // MySQL's NOWAIT has a number of its own; MariaDB's has 1205.
            1205 | 3572 => Kind::LockWaitTimeout,
            3024 | 1969 => Kind::QueryTimeout,
            1317 => Kind::Killed,
            1290 | 1792 | 1836 => Kind::ReadOnly,
            1153 => Kind::PacketTooLarge,
            1040 | 1203 | 1226 => Kind::TooManyConnections,
            1053 | 1077 | 1079 => Kind::Shutdown,
            1927 | 3169 => Kind::SessionKilled,
            4031 => Kind::IdleTimeout,
            1080 | 1152 | 1154..=1161 | 1184 => Kind::ConnectionClosed,
            3159 => Kind::SecureTransportRequired,
            _ => Kind::Other,
        }
    }

    /// Whether the number is one of those that clients keep for their own errors, which no server
    /// should send. It is never taken for a local error.
    #[must_use]
    pub const fn has_reserved_code(&self) -> bool {
        matches!(self.code, 2000..=2999 | 5000..=5999)
    }

    /// Whether the server closes the connection with this error.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        self.fatal
    }

    pub(crate) const fn sent(&self) -> Sent {
        self.sent
    }

    pub(crate) const fn is_retryable(&self) -> bool {
        use ServerErrorKind as Kind;
        match (self.kind(), self.sent) {
            (Kind::Deadlock | Kind::LockWaitTimeout, _) => true,
            // The server has no room, or ended the session while nothing was asked for.
            (
                Kind::TooManyConnections
                | Kind::Shutdown
                | Kind::SessionKilled
                | Kind::IdleTimeout
                | Kind::ConnectionClosed,
                Sent::No,
            ) => true,
            (_, Sent::No) => is_not_ready(self.code),
            // Of a login that is refused the next try would be, too, and may lock the account (T-98).
            _ => false,
        }
    }
}

/// What the connection knows about an error's circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) sent: Sent,
    /// The connection ends with it, whatever its number.
    pub(crate) fatal: bool,
    /// It came over a channel that TLS was meant to protect, or TLS was not wanted.
    pub(crate) verified: bool,
    pub(crate) max_message: usize,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = &self.setup {
            write!(f, "{part} failed: ")?;
        }
        // Text that came before TLS can be anybody's (H-25).
        let who = if self.verified { "server error" } else { "unverified server error" };
        write!(f, "{who} {} ({}): ", self.code, self.sqlstate().escape_debug())?;
        for c in self.message.chars() {
            // A message must not write lines of its own into a log (T-35).
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        if self.has_reserved_code() {
            f.write_str(" (a number that servers do not use)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, sqlstate: _, message, sent, fatal, verified, setup } = self;
        f.debug_struct("ServerError")
            .field("code", code)
            .field("sqlstate", &self.sqlstate())
            .field("message", message)
            .field("sent", sent)
            .field("fatal", fatal)
            .field("verified", verified)
            .field("setup", setup)
            .finish()
    }
}

impl std::error::Error for ServerError {}

/// The numbers with which the connection ends.
const fn closes_connection(code: u16) -> bool {
    matches!(code, 1053 | 1079 | 1080 | 1152..=1161 | 1184 | 1927 | 3169 | 4031)
}

/// The numbers with which a server lets nobody in for the moment: out of memory or threads, offline,
/// or a node of a cluster that has not joined yet.
const fn is_not_ready(code: u16) -> bool {
    matches!(code, 1037 | 1041 | 1047 | 1135 | 3032 | 3168)
}

/// The message as text, cut at a character's boundary.
fn kept_message(message: &[u8], max: usize) -> String {
    let mut text = String::from_utf8_lossy(message.get(..max).unwrap_or(message)).into_owned();
    // A replacement character is longer than the byte it stands for.
    while text.len() > max {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u16, message: &[u8]) -> ServerError {
        let context = Context { sent: Sent::Yes, fatal: false, verified: true, max_message: 64 };
        ServerError::new(&ErrPacket { code, sqlstate: Some(*b"42000"), message }, context)
    }

    #[test]
    fn e51_t35_messages_are_cut_and_their_control_characters_escaped() {
        let long = error(1064, &vec![0xC3; 10 << 20]);
        assert!(long.message().len() <= 64);
        let lines = error(1064, b"near 'x'\nFAKE LOG LINE\x1b[31m");
        let shown = lines.to_string();
        assert!(!shown.contains('\n') && !shown.contains('\x1b'), "{shown}");
        assert!(shown.starts_with("server error 1064 (42000): near 'x'\\nFAKE"), "{shown}");
    }

    #[test]
    fn e55_reserved_numbers_are_flagged_and_stay_the_servers() {
        for code in [2006, 2013, 5001] {
            let error = error(code, b"Lost connection");
            assert!(error.has_reserved_code() && !error.is_fatal());
            assert_eq!(error.kind(), ServerErrorKind::Other);
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn s16_numbers_of_both_servers_have_kinds() {
        use ServerErrorKind as Kind;
        for (kind, codes) in [
            (Kind::DuplicateKey, &[1062, 1586, 1022][..]),
            (Kind::Deadlock, &[1213]),
            (Kind::LockWaitTimeout, &[1205, 3572]),
            (Kind::AccessDenied, &[1044, 1045, 1142, 1143, 1227, 1698]),
            (Kind::QueryTimeout, &[3024, 1969]),
            (Kind::Killed, &[1317]),
            (Kind::ReadOnly, &[1290, 1792, 1836]),
            (Kind::TooManyConnections, &[1040, 1203, 1226]),
            (Kind::Shutdown, &[1053]),
            (Kind::SessionKilled, &[1927, 3169]),
            (Kind::IdleTimeout, &[4031]),
            (Kind::PacketTooLarge, &[1153]),
            (Kind::ConnectionClosed, &[1158, 1159, 1160, 1161, 1184]),
            (Kind::ForeignKey, &[1451, 1452]),
            (Kind::Syntax, &[1064]),
            (Kind::Other, &[1, 1105, 65_535]),
        ] {
            for &code in codes {
                assert_eq!(error(code, b"").kind(), kind, "{code}");
            }
        }
        for code in [1053, 1153, 1927, 3169, 4031, 1158] {
            assert!(!error(code, b"").is_retryable(), "{code} came in answer to a statement");
        }
        for code in [1205, 1213] {
            assert!(error(code, b"").is_retryable(), "{code}");
        }
    }

    /// Without a byte of a command sent: in answer to a login, or unasked.
    #[test]
    fn t98_a_refused_login_is_not_to_be_tried_again() {
        let of_login = |code| {
            let context = Context { sent: Sent::No, fatal: true, verified: true, max_message: 64 };
            ServerError::new(&ErrPacket { code, sqlstate: None, message: b"" }, context)
        };
        for code in [
            // The account, its password, its rights, its database, and where it may come from.
            1044, 1045, 1049, 1130, 1142, 1227, 1698, 1820, 1862, 3118, 3955, 4151, 1129,
            // What client and server do not agree on.
            1043, 1251, 1524, 3159, 4150, 1153, 1064, 2006, 65_535,
        ] {
            assert!(!of_login(code).is_retryable(), "{code}");
        }
        for code in [1040, 1203, 1226, 1053, 1037, 1041, 1135, 1047, 3032, 3168] {
            assert!(of_login(code).is_retryable(), "{code}: there is no room now");
        }
        for code in [4031, 1927, 3169, 1053, 1158, 1184] {
            assert!(of_login(code).is_retryable(), "{code}: the session ended while idle");
        }
    }

    #[test]
    fn r19_some_numbers_end_the_connection() {
        for code in [1053, 1153, 1927, 4031] {
            assert!(error(code, b"").is_fatal(), "{code}");
        }
        for code in [1062, 1064, 1205, 1213, 1317, 3024] {
            assert!(!error(code, b"").is_fatal(), "{code}");
        }
    }
}
